import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaled, journaledDetails } from "../../support/postgres/journal.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, shadowOf, startResync, swap } from "../../support/postgres/shadow.ts";
import {
  COLUMNS,
  registerDataset,
  SqlStream,
  type TargetColumn,
  waitingJobs,
  watermark,
} from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

interface VersionTable {
  readonly table: string;
  readonly columns?: readonly TargetColumn[] | null;
  readonly network?: string;
}

const SIZE: TargetColumn = { name: "size", type: "bigint", not_null: true };
const BLOCKS: VersionTable = { table: "blocks" };

let dataset: string;
let stream: SqlStream;

/** Dataset `chain`, which follows the latest version, with blocks 0 to 9 of version 1.0.0 in its one table. */
beforeEach(async () => {
  stream = await loadedStream(db);
  dataset = (await db.query("select dataset_id from ampsync_private.dataset")).rows[0]!["dataset_id"];
});

async function offer(version: string, hash: string | null = null): Promise<boolean> {
  const { rows } = await db.query("select ampsync_private.offer_version($1, $2, $3) as is_new", [
    dataset,
    version,
    hash,
  ]);
  return rows[0]!["is_new"];
}

/** What a reload calls once it has planned these tables. */
async function adopt(
  version: string,
  tables: readonly VersionTable[] = [BLOCKS],
  hash: string | null = null,
) {
  const planned = tables.map(({ table, columns = COLUMNS, network }) => ({
    table,
    columns,
    network,
    has_block_num: columns === null ? null : true,
  }));
  const { rows } = await db.query("select ampsync_worker.adopt_version($1, $2, $3, $4) as outcome", [
    dataset,
    version,
    hash,
    JSON.stringify(planned),
  ]);
  return rows[0]!["outcome"];
}

async function offerAndAdopt(version: string, tables?: readonly VersionTable[]) {
  await offer(version);
  return await adopt(version, tables);
}

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

describe("an offer", () => {
  test("of a new version queues its reload, at once, and is told once", async () => {
    expect(await offer("1.1.0", "ab")).toBe(true);
    expect(await offer("1.1.0", "ab")).toBe(false);
    expect(await status()).toMatchObject({ version: "1.0.0", new_version: "1.1.0", state: "backfill" });
    expect((await reloadJobs())[0]!.due_in_s).toBeLessThan(0.5);
    expect(await journaledDetails(db, "new_version_detected")).toEqual([
      { from: "1.0.0", from_hash: null, to: "1.1.0", to_hash: "ab" },
    ]);
  });

  test("of the version that is followed is none, and takes an older offer back", async () => {
    expect(await offer("1.0.0")).toBe(false);
    await offer("1.1.0");
    expect(await offer("1.0.0")).toBe(false);
    expect(await status()).toMatchObject({ version: "1.0.0", new_version: null });
    expect(await adopt("1.1.0")).toBe("stale");
  });

  test("of another manifest under the same name is one; where a hash is unknown the name counts", async () => {
    await db.query("update ampsync_private.dataset set resolved_hash = 'ab'");
    expect(await offer("1.0.0", null)).toBe(false);
    expect(await offer("1.0.0", "ab")).toBe(false);
    expect(await offer("1.0.0", "cd")).toBe(true);
    expect(await adopt("1.0.0", [BLOCKS], "cd")).toBe("adopted");
    expect(await offer("1.0.0", "cd")).toBe(false);
  });

  test("that a newer one replaces is not taken over, and what was in its way is forgotten", async () => {
    await offer("2.0.0");
    expect(await adopt("2.0.0", [{ ...BLOCKS, columns: [COLUMNS[0]!] }])).toBe("refused");
    expect(await offer("2.0.1")).toBe(true);
    expect(await status()).toMatchObject({ new_version: "2.0.1", error_code: null });
    expect((await reloadJobs())[0]!.due_in_s).toBeLessThan(0.5);
    expect(await adopt("2.0.0")).toBe("stale");
    expect(await adopt("2.0.1")).toBe("adopted");
  });

  test("that ends an older one lets the writers go on that rest for it", async () => {
    await offer("1.1.0");
    await db.query(
      "update ampsync_private.dataset set quiesce_until = ampsync_private.now() + interval '60 s'",
    );
    await stream.endPass("yielded");
    expect(await stream.acquire()).toBeUndefined();
    await offer("1.0.0");
    expect((await waitingJobs(db, `ampsync_stream:${stream.id}`))[0]!.due_in_s).toBeLessThan(0.5);
    expect(await stream.acquire()).toMatchObject({ source_schema: "_/chain@1.0.0" });
  });

  test("is none for a fixed revision, which never reloads, nor for a dataset without streams", async () => {
    const id = await registerDataset(db, "chain@1.0.0", ["logs"]);
    await db.query("select ampsync.enqueue_sync('empty')");
    const { rows } = await db.query("select dataset_id from ampsync_private.dataset where name = 'empty'");
    for (const other of [id, rows[0]!["dataset_id"]]) {
      const answer = await db.query("select ampsync_private.offer_version($1, '1.1.0', null) as is_new", [
        other,
      ]);
      expect(answer.rows).toEqual([{ is_new: false }]);
    }
    expect(await waitingJobs(db, "ampsync_reload:%")).toEqual([]);
  });
});

test("a reload is told the version, how the server names it, and which tables must fit it", async () => {
  await db.query(
    "select ampsync.enqueue_sync('chain', exclude_columns => '{\"logs\": [\"data\"]}', tables => '{blocks,logs}')",
  );
  await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs}')", [dataset]);
  await offer("1.1.0", "ab");
  const { rows } = await db.query("select * from ampsync_worker.begin_reload($1)", [dataset]);
  expect(rows).toEqual([
    {
      dataset: "chain",
      namespace: "_",
      name: "chain",
      version: "1.1.0",
      manifest_hash: "ab",
      source_schema: "_/chain@1.1.0",
      tables: { blocks: [] }, // The other one has no target yet.
    },
  ]);
  expect(await journaledDetails(db, "version_change_detected")).toEqual([
    { from: "1.0.0", to: "1.1.0", manifest_hash: "ab" },
  ]);
});

test.each([
  ["is paused", "select ampsync.pause_sync('chain')"],
  ["declined the version", "update ampsync_private.dataset set offered_declined = true"],
  ["was dropped", "select ampsync.drop_sync('chain')"],
])("a dataset that %s reloads nothing", async (_, change) => {
  await offer("1.1.0");
  await db.query(change);
  const { rows } = await db.query("select * from ampsync_worker.begin_reload($1)", [dataset]);
  expect(rows).toEqual([]);
  expect(await adopt("1.1.0")).toBe("stale");
});

test("the offer of a paused dataset is looked at once it is resumed", async () => {
  await offer("1.1.0");
  await db.query("select ampsync.pause_sync('chain')");
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await db.query("select ampsync.resume_sync('chain')");
  expect(await reloadJobs()).toHaveLength(1);
  expect(await adopt("1.1.0")).toBe("adopted");
});

describe("a version that fits", () => {
  test("is followed from the next pass on: a column is added, and the stream goes on from its checkpoint", async () => {
    expect(await offerAndAdopt("1.1.0", [{ ...BLOCKS, columns: [SIZE, ...COLUMNS] }])).toBe("adopted");
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
    await offerAndAdopt("1.1.0");
    expect(await adopt("1.1.0")).toBe("stale");
    expect((await db.query("select * from ampsync_worker.begin_reload($1)", [dataset])).rows).toEqual([]);
  });

  test("brings new tables, which begin to load", async () => {
    await offerAndAdopt("1.1.0", [BLOCKS, { table: "logs", columns: null }]);
    const { rows } = await db.query(
      "select version, state from ampsync_private.stream where table_name = 'logs'",
    );
    expect(rows).toEqual([{ version: "1.1.0", state: "waiting" }]);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(2);
  });

  test("brings no table that is not wanted", async () => {
    await db.query("select ampsync.enqueue_sync('chain', tables => '{blocks}')");
    await offerAndAdopt("1.1.0", [BLOCKS, { table: "logs", columns: null }]);
    expect((await db.query("select from ampsync_private.stream")).rowCount).toBe(1);
  });

  test("brings a table whose name is taken: that one is refused, the others follow the version", async () => {
    await db.query("create view chain.logs as select 1 as one");
    await offerAndAdopt("1.1.0", [BLOCKS, { table: "logs", columns: null }]);
    expect(await status()).toMatchObject({
      version: "1.1.0",
      new_version: null,
      error_code: "SY003",
      waiting_on: "Target table chain.logs exists and was not created by ampsync",
    });
  });

  test("restarts a stream that what it was sent had stopped, and no other", async () => {
    await stream.endPass("failed", "SY202");
    await offerAndAdopt("1.1.0");
    expect(await stream.view()).toMatchObject({ state: "retrying", error_code: null });
    await stream.acquire();
    await stream.endPass("failed", "SY106");
    await offerAndAdopt("1.2.0");
    expect(await stream.view()).toMatchObject({ state: "failed", error_code: "SY106" });
  });

  test("is followed by paused streams once they are resumed", async () => {
    const other = await SqlStream.prepare(db, { table: "logs" });
    await db.query("update ampsync_private.stream set state = 'paused' where stream_id = $1", [stream.id]);
    await offerAndAdopt("1.1.0", [BLOCKS, { table: "logs" }]);
    expect(await stream.view()).toMatchObject({ state: "paused" });
    await stream.endPass("yielded");
    await db.query("select ampsync.resume_sync('chain')");
    expect(await stream.acquire()).toMatchObject({ source_schema: "_/chain@1.1.0" });
    expect(await other.view()).toMatchObject({ state: "retrying" });
  });
});

describe("a version that does not fit", () => {
  test("dropped_column_fails: it is refused, the streams go on with the old one, and status says why and what helps", async () => {
    expect(await offerAndAdopt("2.0.0", [{ ...BLOCKS, columns: [COLUMNS[0]!] }])).toBe("refused");
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
    expect(await offerAndAdopt("2.0.0", [{ ...BLOCKS, columns }])).toBe("refused");
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
    expect(await offerAndAdopt("2.0.0", tables)).toBe("refused");
    expect(await columnsOf(logs.target)).not.toContain("size");
    expect((await db.query("select distinct version from ampsync_private.stream")).rows).toEqual([
      { version: "1.0.0" },
    ]);
    expect((await db.query("select from ampsync_private.stream")).rowCount).toBe(2);
  });

  test("names every table that does not fit, and a network that changed", async () => {
    await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt("2.0.0", [
      { ...BLOCKS, network: "other" },
      { table: "logs", columns: [COLUMNS[1]!] },
    ]);
    expect((await status())["waiting_on"]).toMatch(
      /table blocks: Network changed for table blocks: mainnet -> other.*; table logs: Columns dropped from schema/,
    );
  });

  test("is looked at again after 5, 10, 20, 40, 60, 60 s, and told of at first and every fifth time", async () => {
    await offer("2.0.0");
    for (const delay of [5, 10, 20, 40, 60, 60]) {
      expect(await adopt("2.0.0", [{ ...BLOCKS, columns: [COLUMNS[0]!] }])).toBe("refused");
      const [job] = await reloadJobs();
      expect(job!.due_in_s).toBeGreaterThan(delay * 0.8 - 0.1);
      expect(job!.due_in_s).toBeLessThan(delay * 1.2);
      await moveClock(db, "80 s");
    }
    expect(await journaled(db, "version_reload_failed")).toHaveLength(2);
  });

  test("follows once the user has dropped the column, at once after resume_sync", async () => {
    const columns = [COLUMNS[0]!];
    await offerAndAdopt("2.0.0", [{ ...BLOCKS, columns }]);
    await db.query(`alter table ${stream.target} drop column note`);
    await stream.endPass("failed", "42703"); // The pass of the old version had a row for it.
    await db.query("select ampsync.resume_sync('chain')");
    expect((await reloadJobs())[0]!.due_in_s).toBeLessThan(0.5);
    expect(await adopt("2.0.0", [{ ...BLOCKS, columns }])).toBe("adopted");
    await stream.acquire();
    await stream.prepareTarget(columns);
    await stream.apply(10, 14);
    expect(await stream.view()).toMatchObject({ state: "backfill", block: "14" });
  });

  test("with more than 1,000 tables is refused", async () => {
    const many = Array.from({ length: 1001 }, (_, i) => ({ table: `t${i}`, columns: null }));
    expect(await offerAndAdopt("2.0.0", many)).toBe("refused");
    expect(await status()).toMatchObject({
      error_code: "SY101",
      waiting_on: "version 2.0.0 of chain has 1001 tables",
    });
  });
});

describe("a table that the version lacks", () => {
  test("becomes orphaned: its rows stay, the others go on, and it does not hold back the cut", async () => {
    const logs = await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt("1.1.0", [{ table: "logs" }]);
    expect(await stream.view()).toMatchObject({
      state: "orphaned",
      error_code: "SY103",
      reason: "version 1.1.0 has no table blocks",
    });
    expect((await db.query("select table_name, state from ampsync.enqueue_sync('chain')")).rows).toEqual([
      { table_name: "blocks", state: "orphaned" },
      { table_name: "logs", state: "waiting" },
    ]);
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9");
    await logs.apply(0, 19);
    expect((await db.query("select ampsync.cut('chain')::int as cut")).rows).toEqual([{ cut: 19 }]);
    expect(await journaled(db, "table_orphaned")).toEqual([
      { dataset: "chain", table_name: "blocks", details: { version: "1.1.0", block: 9 } },
    ]);
    expect(await refusal(db, () => stream.acquire())).toMatchObject({ code: "SY002" });
  });

  test("is not waited for, even if it was named", async () => {
    await db.query("select ampsync.enqueue_sync('chain', tables => '{blocks}')");
    await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
    await offerAndAdopt("1.1.0", [{ table: "logs", columns: null }]);
    expect(await status()).toMatchObject({ state: "orphaned", version: "1.1.0" });
    expect(await waitingJobs(db, "ampsync_resolve:%")).toEqual([]);
  });

  test("lets its pass under way commit what it has; then nothing follows", async () => {
    await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt("1.1.0", [{ table: "logs" }]);
    await stream.apply(10, 14);
    await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
    await stream.endPass("yielded");
    expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toEqual([]);
    expect(await stream.view()).toMatchObject({ state: "orphaned", block: "14" });
  });

  test("and that a later one has again goes on from its checkpoint, which the server verifies", async () => {
    await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt("1.1.0", [{ table: "logs" }]);
    await stream.endPass("yielded");
    await offerAndAdopt("1.2.0", [{ table: "logs" }, { ...BLOCKS, columns: [...COLUMNS, SIZE] }]);
    expect(await stream.view()).toMatchObject({ state: "retrying", error_code: null });
    const lease = await stream.acquire();
    expect(lease.source_schema).toBe("_/chain@1.2.0");
    expect(lease.history.at(-1)).toMatchObject({ end: "9" });
    expect(await stream.history()).toEqual(["0-4", "5-9"]);
    const { rows } = await db.query(
      "select version, first_block::int from ampsync.version_history where table_name = 'blocks' order by 2",
    );
    expect(rows).toEqual([
      { version: "1.0.0", first_block: 0 },
      { version: "1.2.0", first_block: 10 },
    ]);
  });

  test("and that a later one has again with other types is refused like any other", async () => {
    await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt("1.1.0", [{ table: "logs" }]);
    expect(await offerAndAdopt("1.2.0", [{ table: "logs" }, { ...BLOCKS, columns: [COLUMNS[0]!] }])).toBe(
      "refused",
    );
    expect(await status()).toMatchObject({ version: "1.1.0", new_version: "1.2.0" });
    expect(await stream.view()).toMatchObject({ state: "orphaned" });
  });

  test("comes back paused beside paused tables", async () => {
    const logs = await SqlStream.prepare(db, { table: "logs" });
    const traces = await SqlStream.prepare(db, { table: "traces" });
    await offerAndAdopt("1.1.0", [{ table: "logs" }, { table: "traces" }]);
    await db.query("update ampsync_private.stream set state = 'paused' where stream_id = $1", [logs.id]);
    await offerAndAdopt("1.2.0", [{ table: "logs" }, { table: "traces" }, BLOCKS]);
    expect(await stream.view()).toMatchObject({ state: "paused" });
    expect(await traces.view()).toMatchObject({ state: "waiting" });
  });
});

describe("beside a resync", () => {
  test("both the table and its shadow follow the version, and the swap goes on", async () => {
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 4, { expected: null });
    expect(await offerAndAdopt("1.1.0", [{ ...BLOCKS, columns: [...COLUMNS, SIZE] }])).toBe("adopted");
    await shadow.endPass("yielded");
    expect(await shadow.acquire("worker-2")).toMatchObject({ source_schema: "_/chain@1.1.0" });
    await shadow.prepareTarget([...COLUMNS, SIZE]);
    await shadow.beginApply();
    await shadow.insert(5, 9);
    await shadow.commitApply([watermark(5, 9)], 5, { expected: 4 });
    expect(await swap(db, shadow)).toBe(true);
    expect(await columnsOf(stream.target)).toContain("size");
    const { rows } = await db.query(
      "select version, first_block::int from ampsync.version_history order by 2",
    );
    expect(rows).toEqual([
      { version: "1.0.0", first_block: 0 },
      { version: "1.1.0", first_block: 5 },
    ]);
  });

  test("a table beside the target that is of another version is left alone", async () => {
    const shadow = await startResync(db, stream);
    await db.query("update ampsync_private.stream set version = '0.9.0' where stream_id = $1", [shadow.id]);
    expect(await offerAndAdopt("1.1.0", [{ ...BLOCKS, columns: [...COLUMNS, SIZE] }])).toBe("adopted");
    expect(await columnsOf(stream.target)).toContain("size");
    expect(await columnsOf(shadow.target)).not.toContain("size");
  });

  test("of a table that vanishes: both wait, and both go on when it is there again", async () => {
    const logs = await SqlStream.prepare(db, { table: "logs" });
    await db.query("select ampsync.resync('chain', 'blocks')");
    const shadow = (await shadowOf(db, stream))!;
    await offerAndAdopt("1.1.0", [{ table: "logs" }]);
    expect(await refusal(db, () => shadow.acquire())).toMatchObject({ code: "SY002" });
    expect(await logs.view()).toMatchObject({ state: "waiting" });
    await offerAndAdopt("1.2.0", [{ table: "logs" }, BLOCKS]);
    expect(await stream.view()).toMatchObject({ state: "resyncing" });
    expect(await shadow.acquire()).toMatchObject({ source_schema: "_/chain@1.2.0" });
  });
});

test("a table that was created since the reload began is planned first", async () => {
  await offer("1.1.0");
  expect(await adopt("1.1.0", [{ ...BLOCKS, columns: null }])).toBe("stale");
  expect(await reloadJobs()).toHaveLength(1);
  expect(await adopt("1.1.0")).toBe("adopted");
});

test("the answer of a look-up that is older than a reload is ignored", async () => {
  await offerAndAdopt("1.1.0", [BLOCKS, { table: "logs", columns: null }]);
  await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,old}')", [dataset]);
  expect(await status()).toMatchObject({ version: "1.1.0" });
  expect((await db.query("select from ampsync_private.stream where table_name = 'old'")).rowCount).toBe(0);
});

describe("max_retries_exceeded: a server that does not answer about a new version", () => {
  async function fails(code = "SY104"): Promise<void> {
    const error = { code, message: "the server is away", detail: null, hint: null };
    await db.query("select ampsync_worker.defer_reload($1, '1.1.0', null, $2, 3)", [dataset, error]);
  }

  test("is asked again after 1, 2, 4 s; then the reload has failed, and goes on after 5, 10 s", async () => {
    await offer("1.1.0");
    for (const [attempt, delay] of [1, 2, 4, 5, 10].entries()) {
      await fails();
      const [job] = await reloadJobs();
      expect(job!.due_in_s).toBeGreaterThan(delay * 0.8 - 0.1);
      expect(job!.due_in_s).toBeLessThan(delay * 1.2);
      expect(await journaled(db, "version_reload_failed")).toHaveLength(attempt < 3 ? 0 : 1);
    }
    expect(await status()).toMatchObject({
      state: "backfill",
      version: "1.0.0",
      waiting_on: "the server is away",
    });
    expect(await adopt("1.1.0")).toBe("adopted");
  });

  test("its failure is nothing to another offer, nor to a dataset that is gone", async () => {
    await offer("1.2.0");
    await fails();
    expect((await status())["error_code"]).toBeNull();
    await db.query("select ampsync.drop_sync('chain')");
    await fails();
    expect(await waitingJobs(db, "ampsync_reload:%")).toEqual([]);
  });
});

test("the supervisor queues a reload that was lost, for no declined offer", async () => {
  await offer("1.1.0");
  const lose = "select graphile_worker.remove_job($1)";
  await db.query(lose, [`ampsync_reload:${dataset}`]);
  await db.query("select ampsync_worker.supervise()");
  expect(await reloadJobs()).toHaveLength(1);
  await db.query(lose, [`ampsync_reload:${dataset}`]);
  await db.query("update ampsync_private.dataset set offered_declined = true");
  await db.query("select ampsync_worker.supervise()");
  expect(await reloadJobs()).toEqual([]);
});
