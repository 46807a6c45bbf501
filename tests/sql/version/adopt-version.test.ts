import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaled, journaledDetails } from "../../support/postgres/journal.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream } from "../../support/postgres/shadow.ts";
import { COLUMNS, SqlStream, type TargetColumn, waitingJobs } from "../../support/postgres/sql-stream.ts";
import { adopt, offer, offerAndAdopt, type VersionTable } from "../../support/postgres/versions.ts";

const db = rolledBackDatabase();

const SIZE: TargetColumn = { name: "size", type: "bigint", not_null: true };
const BLOCKS: VersionTable = { table: "blocks" };

let dataset: string;
let stream: SqlStream;

/** Dataset `chain`, which follows the latest version, with blocks 0 to 9 of version 1.0.0 in its one table. */
beforeEach(async () => {
  stream = await loadedStream(db);
  dataset = (await db.query("select dataset_id from ampsync_private.dataset")).rows[0]!["dataset_id"];
});

async function status() {
  return (await db.query("select * from ampsync.status where dataset = 'chain'")).rows[0]!;
}

async function columnsOf(target: string): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select attname || case when attnotnull then ' not null' else '' end as name from pg_attribute
      where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [target],
  );
  return rows.map(({ name }) => name);
}

async function reloadJobs() {
  return await waitingJobs(db, `ampsync_reload:${dataset}`);
}

describe("a version that fits", () => {
  test("is followed from the next pass on: a column is added, and the stream goes on from its checkpoint", async () => {
    expect(await offerAndAdopt(db, "1.1.0", [{ ...BLOCKS, columns: [SIZE, ...COLUMNS] }])).toBe("adopted");
    expect(await columnsOf(stream.target)).toContain("size");
    await stream.apply(10, 14); // The pass under way still reads the old version.
    await stream.endPass("yielded");
    expect(await stream.acquire()).toMatchObject({ source_schema: "_/chain@1.1.0" });
    await stream.prepareTarget([SIZE, ...COLUMNS]);
    await stream.apply(15, 19);
    expect(await status()).toMatchObject({ version: "1.1.0", new_version: null, error_code: null });
    const { rows } = await db.query(
      "select version, first_block::int, last_block::int from ampsync.version_history order by 2",
    );
    expect(rows).toEqual([
      { version: "1.0.0", first_block: 0, last_block: 14 },
      { version: "1.1.0", first_block: 15, last_block: null },
    ]);
    expect(await journaledDetails(db, "version_reload_success")).toEqual([
      { from: "1.0.0", to: "1.1.0", manifest_hash: null, tables: ["blocks"] },
    ]);
    expect(await journaledDetails(db, "version_resolved")).toHaveLength(2);
  });

  test("leaves no job and no offer, and a second reload of it finds nothing to do", async () => {
    await offerAndAdopt(db, "1.1.0", [BLOCKS]);
    expect(await adopt(db, "1.1.0", [BLOCKS])).toBe("stale");
    expect((await db.query("select * from ampsync_worker.begin_reload($1)", [dataset])).rows).toEqual([]);
  });

  test("brings new tables, which begin to load", async () => {
    await offerAndAdopt(db, "1.1.0", [BLOCKS, { table: "logs", columns: null }]);
    const { rows } = await db.query(
      "select version, state from ampsync_private.stream where table_name = 'logs'",
    );
    expect(rows).toEqual([{ version: "1.1.0", state: "waiting" }]);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(2);
  });

  test("brings no table that is not wanted", async () => {
    await db.query("select ampsync.enqueue_sync('chain', tables => '{blocks}')");
    await offerAndAdopt(db, "1.1.0", [BLOCKS, { table: "logs", columns: null }]);
    expect((await db.query("select from ampsync_private.stream")).rowCount).toBe(1);
  });

  test("brings a table whose name is taken: that one is refused, the others follow the version", async () => {
    await db.query("create view chain.logs as select 1 as one");
    await offerAndAdopt(db, "1.1.0", [BLOCKS, { table: "logs", columns: null }]);
    expect(await status()).toMatchObject({
      version: "1.1.0",
      new_version: null,
      error_code: "SY003",
      waiting_on: "Target table chain.logs exists and was not created by ampsync",
    });
  });

  test.each(["SY201", "SY202", "SY203", "42703"])(
    "restarts a stream that what it was sent had stopped with %s",
    async (code) => {
      await stream.endPass("failed", code);
      await offerAndAdopt(db, "1.1.0", [BLOCKS]);
      expect(await stream.view()).toMatchObject({ state: "retrying", error_code: null });
    },
  );

  test("restarts no stream that failed for another reason", async () => {
    await stream.endPass("failed", "SY106");
    await offerAndAdopt(db, "1.1.0", [BLOCKS]);
    expect(await stream.view()).toMatchObject({ state: "failed", error_code: "SY106" });
  });

  test("is followed by paused streams once they are resumed", async () => {
    const other = await SqlStream.prepare(db, { table: "logs" });
    await db.query("update ampsync_private.stream set state = 'paused' where stream_id = $1", [stream.id]);
    await offerAndAdopt(db, "1.1.0", [BLOCKS, { table: "logs" }]);
    expect(await stream.view()).toMatchObject({ state: "paused" });
    await stream.endPass("yielded");
    await db.query("select ampsync.resume_sync('chain')");
    expect(await stream.acquire()).toMatchObject({ source_schema: "_/chain@1.1.0" });
    expect(await other.view()).toMatchObject({ state: "retrying" });
  });
});

describe("a version that does not fit", () => {
  test("dropped_column_fails: it is refused, the streams go on with the old one, and status says why and what helps", async () => {
    expect(await offerAndAdopt(db, "2.0.0", [{ ...BLOCKS, columns: [COLUMNS[0]!] }])).toBe("refused");
    expect(await status()).toMatchObject({
      state: "backfill",
      version: "1.0.0",
      new_version: "2.0.0",
      error_code: "SY201",
      waiting_on:
        "version 2.0.0 of chain cannot be followed: table blocks: Columns dropped from schema (unsupported): note",
      hint: expect.stringMatching(/^select ampsync.resync\('chain'\);/),
    });
    await stream.apply(10, 14);
    expect(await stream.view()).toMatchObject({ state: "backfill", block: "14", error_code: null });
    expect(await journaledDetails(db, "version_reload_failed")).toEqual([
      expect.objectContaining({ code: "SY201", version: "2.0.0", attempts: 1 }),
    ]);
  });

  test("type_change_fails: it is refused with both types", async () => {
    const columns = COLUMNS.map((column) =>
      column.name === "note" ? { ...column, type: "bigint" } : column,
    );
    expect(await offerAndAdopt(db, "2.0.0", [{ ...BLOCKS, columns }])).toBe("refused");
    expect((await status())["waiting_on"]).toContain(
      "Type changes detected (unsupported): note text -> bigint",
    );
  });

  test("is refused as a whole: nothing is added to the tables that it would fit", async () => {
    const logs = await SqlStream.prepare(db, { table: "logs" });
    const tables = [
      { table: "logs", columns: [...COLUMNS, SIZE] },
      { ...BLOCKS, columns: [COLUMNS[0]!] },
      { table: "traces", columns: null },
    ];
    expect(await offerAndAdopt(db, "2.0.0", tables)).toBe("refused");
    expect(await columnsOf(logs.target)).not.toContain("size");
    expect((await db.query("select distinct version from ampsync_private.stream")).rows).toEqual([
      { version: "1.0.0" },
    ]);
    expect((await db.query("select from ampsync_private.stream")).rowCount).toBe(2);
  });

  test("names every table that does not fit, and a network that changed", async () => {
    await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt(db, "2.0.0", [
      { ...BLOCKS, network: "other" },
      { table: "logs", columns: [COLUMNS[1]!] },
    ]);
    expect((await status())["waiting_on"]).toMatch(
      /table blocks: Network changed for table blocks: mainnet -> other.*; table logs: Columns dropped from schema/,
    );
  });

  test("is looked at again after 5, 10, 20, 40, 60, 60 s, and told of at first and every fifth time", async () => {
    await offer(db, "2.0.0");
    for (const delay of [5, 10, 20, 40, 60, 60]) {
      expect(await adopt(db, "2.0.0", [{ ...BLOCKS, columns: [COLUMNS[0]!] }])).toBe("refused");
      const [job] = await reloadJobs();
      expect(job!.due_in_s).toBeGreaterThan(delay * 0.8 - 0.1);
      expect(job!.due_in_s).toBeLessThan(delay * 1.2);
      await moveClock(db, "80 s");
    }
    expect(await journaled(db, "version_reload_failed")).toHaveLength(2);
  });

  test("follows once the user has dropped the column, at once after resume_sync", async () => {
    const columns = [COLUMNS[0]!];
    await offerAndAdopt(db, "2.0.0", [{ ...BLOCKS, columns }]);
    await db.query(`alter table ${stream.target} drop column note`);
    await stream.endPass("failed", "42703"); // The pass of the old version had a row for it.
    await db.query("select ampsync.resume_sync('chain')");
    expect((await reloadJobs())[0]!.due_in_s).toBeLessThan(0.5);
    expect(await adopt(db, "2.0.0", [{ ...BLOCKS, columns }])).toBe("adopted");
    await stream.acquire();
    await stream.prepareTarget(columns);
    await stream.apply(10, 14);
    expect(await stream.view()).toMatchObject({ state: "backfill", block: "14" });
  });

  test("with more than 1,000 tables is refused", async () => {
    const many = Array.from({ length: 1001 }, (_, i) => ({ table: `t${i}`, columns: null }));
    expect(await offerAndAdopt(db, "2.0.0", many)).toBe("refused");
    expect(await status()).toMatchObject({
      error_code: "SY101",
      waiting_on: "version 2.0.0 of chain has 1001 tables",
    });
  });
});

test("a table that was created since the reload began is planned first", async () => {
  await offer(db, "1.1.0");
  expect(await adopt(db, "1.1.0", [{ ...BLOCKS, columns: null }])).toBe("stale");
  expect(await reloadJobs()).toHaveLength(1);
  expect(await adopt(db, "1.1.0", [BLOCKS])).toBe("adopted");
});

test("the answer of a look-up that is older than a reload is ignored", async () => {
  await offerAndAdopt(db, "1.1.0", [BLOCKS, { table: "logs", columns: null }]);
  await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,old}')", [dataset]);
  expect(await status()).toMatchObject({ version: "1.1.0" });
  expect((await db.query("select from ampsync_private.stream where table_name = 'old'")).rowCount).toBe(0);
});
