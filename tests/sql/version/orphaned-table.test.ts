import { beforeEach, describe, expect, test } from "vitest";

import { journaled } from "../../support/postgres/journal.ts";
import { supervise } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, shadowOf, startResync, swap } from "../../support/postgres/shadow.ts";
import {
  COLUMNS,
  SqlStream,
  type TargetColumn,
  waitingJobs,
  watermark,
} from "../../support/postgres/sql-stream.ts";
import { offerAndAdopt, type VersionTable } from "../../support/postgres/versions.ts";

const db = rolledBackDatabase();

const SIZE: TargetColumn = { name: "size", type: "bigint", not_null: true };
const BLOCKS: VersionTable = { table: "blocks" };

let stream: SqlStream;

/** Dataset `chain`, which follows the latest version, with blocks 0 to 9 of version 1.0.0 in its one table. */
beforeEach(async () => {
  stream = await loadedStream(db);
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

describe("a table that the version lacks", () => {
  test("becomes orphaned: its rows stay, the others go on, and it does not hold back the cut", async () => {
    const logs = await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt(db, "1.1.0", [{ table: "logs" }]);
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
    await offerAndAdopt(db, "1.1.0", [{ table: "logs", columns: null }]);
    expect(await status()).toMatchObject({ state: "orphaned", version: "1.1.0" });
    expect(await waitingJobs(db, "ampsync_resolve:%")).toEqual([]);
  });

  test("hides nothing of the others in ampsync.status: neither their state and position, nor a version that is refused", async () => {
    const logs = await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt(db, "1.1.0", [{ table: "logs" }]);
    await logs.apply(0, 19);
    expect(await status()).toMatchObject({
      state: "backfill",
      block: "19",
      error_code: null,
      waiting_on: null,
    });
    await offerAndAdopt(db, "2.0.0", [{ table: "logs", columns: [COLUMNS[0]!] }]);
    expect(await status()).toMatchObject({
      error_code: "SY201",
      waiting_on: expect.stringContaining("version 2.0.0 of chain cannot be followed"),
      hint: expect.stringContaining("select ampsync.resync('chain');"),
    });
  });

  test("lets its pass under way commit what it has; then nothing follows", async () => {
    await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt(db, "1.1.0", [{ table: "logs" }]);
    await stream.apply(10, 14);
    expect(await stream.view()).toMatchObject({ state: "orphaned", error_code: "SY103" });
    await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
    await stream.endPass("yielded");
    expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toEqual([]);
    expect(await stream.view()).toMatchObject({ state: "orphaned", block: "14" });
  });

  test("and that a later one has again goes on from its checkpoint, which the server verifies", async () => {
    await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt(db, "1.1.0", [{ table: "logs" }]);
    await stream.endPass("yielded");
    await offerAndAdopt(db, "1.2.0", [{ table: "logs" }, { ...BLOCKS, columns: [...COLUMNS, SIZE] }]);
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

  test("and that a later one has again takes part in the cut once it is at the head", async () => {
    const logs = await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt(db, "1.1.0", [{ table: "logs" }]);
    await stream.endPass("yielded");
    await logs.apply(0, 19);
    await db.query("select ampsync_worker.mark_live($1, $2)", [logs.id, logs.epoch]);
    await offerAndAdopt(db, "1.2.0", [{ table: "logs" }, BLOCKS]);
    const cut = async () => (await db.query("select ampsync.cut('chain')::int as cut")).rows[0]!["cut"];
    expect(await cut()).toBe(19);
    await stream.acquire();
    await stream.apply(10, 19);
    await logs.apply(20, 21);
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    expect(await cut()).toBe(21); // It does not go back.
    await stream.apply(20, 21);
    await supervise(db);
    await logs.apply(22, 22);
    expect(await cut()).toBe(21);
    await stream.apply(22, 22);
    expect(await cut()).toBe(22);
  });

  test("and that a later one has again with other types is refused like any other", async () => {
    await SqlStream.prepare(db, { table: "logs" });
    await offerAndAdopt(db, "1.1.0", [{ table: "logs" }]);
    expect(await offerAndAdopt(db, "1.2.0", [{ table: "logs" }, { ...BLOCKS, columns: [COLUMNS[0]!] }])).toBe(
      "refused",
    );
    expect(await status()).toMatchObject({ version: "1.1.0", new_version: "1.2.0" });
    expect(await stream.view()).toMatchObject({ state: "orphaned" });
  });

  test("goes on with a later one even where it is the only table that is synced", async () => {
    await offerAndAdopt(db, "1.1.0", []);
    expect(await stream.view()).toMatchObject({ state: "orphaned" });
    await stream.endPass("yielded");
    expect(await offerAndAdopt(db, "1.2.0", [BLOCKS])).toBe("adopted");
    expect(await stream.view()).toMatchObject({ state: "retrying" });
    expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toHaveLength(1);
  });

  test("comes back paused beside paused tables", async () => {
    const logs = await SqlStream.prepare(db, { table: "logs" });
    const traces = await SqlStream.prepare(db, { table: "traces" });
    await offerAndAdopt(db, "1.1.0", [{ table: "logs" }, { table: "traces" }]);
    await db.query("update ampsync_private.stream set state = 'paused' where stream_id = $1", [logs.id]);
    await offerAndAdopt(db, "1.2.0", [{ table: "logs" }, { table: "traces" }, BLOCKS]);
    expect(await stream.view()).toMatchObject({ state: "paused" });
    expect(await traces.view()).toMatchObject({ state: "waiting" });
  });
});

describe("beside a resync", () => {
  test("both the table and its shadow follow the version, and the swap goes on", async () => {
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 4, { expected: null });
    expect(await offerAndAdopt(db, "1.1.0", [{ ...BLOCKS, columns: [...COLUMNS, SIZE] }])).toBe("adopted");
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
    expect(await offerAndAdopt(db, "1.1.0", [{ ...BLOCKS, columns: [...COLUMNS, SIZE] }])).toBe("adopted");
    expect(await columnsOf(stream.target)).toContain("size");
    expect(await columnsOf(shadow.target)).not.toContain("size");
    await shadow.endPass("yielded");
    expect(await shadow.acquire("worker-2")).toMatchObject({ source_schema: "_/chain@0.9.0" });
  });

  test("of a table that vanishes: both wait, and both go on when it is there again", async () => {
    const logs = await SqlStream.prepare(db, { table: "logs" });
    await db.query("select ampsync.resync('chain', 'blocks')");
    const shadow = (await shadowOf(db, stream))!;
    await offerAndAdopt(db, "1.1.0", [{ table: "logs" }]);
    expect(await refusal(db, () => shadow.acquire())).toMatchObject({ code: "SY002" });
    expect(await logs.view()).toMatchObject({ state: "waiting" });
    await offerAndAdopt(db, "1.2.0", [{ table: "logs" }, BLOCKS]);
    expect(await stream.view()).toMatchObject({ state: "resyncing" });
    expect(await shadow.acquire()).toMatchObject({ source_schema: "_/chain@1.2.0" });
  });
});
