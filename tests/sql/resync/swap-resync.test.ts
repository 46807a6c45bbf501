import { describe, expect, test } from "vitest";

import { findings } from "../../support/chain/linked-chain.ts";
import { journaled } from "../../support/postgres/journal.ts";
import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, shadowOf, startResync, swap } from "../../support/postgres/shadow.ts";
import {
  COLUMNS,
  hashOf,
  SqlStream,
  type StreamOptions,
  type TargetColumn,
  waitingJobs,
} from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const loaded = (options: StreamOptions = {}) => loadedStream(db, options);

async function call(name: "resync" | "cancel_resync" | "pause_sync" | "resume_sync", args = "'chain'") {
  const { rows } = await db.query(`select * from ampsync.${name}(${args})`);
  return rows;
}

async function markLive(stream: SqlStream): Promise<void> {
  await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
}

const swapJobs = () => waitingJobs(db, "ampsync_swap:%");

describe("the swap", () => {
  test("merges the difference into the same table, with the records of the new load", async () => {
    const stream = await loaded();
    await db.query(`create view ${stream.target}_seen as select * from ${stream.target}`);
    await db.query(`create index users_idx on ${stream.target} (note)`);
    await db.query(`alter table ${stream.target} add column mine text default 'new'`);
    await db.query(`update ${stream.target} set mine = 'old'`);
    await db.query(
      `insert into ampsync_private.repair (stream_id, first_block, last_block, requested_at, due_at)
       select stream_id, 0, 4, now(), now() from ampsync_private.stream`,
    );
    const oid = async () => (await db.query(`select '${stream.target}'::regclass::oid as oid`)).rows[0];
    const before = await oid();

    const shadow = await startResync(db, stream);
    await shadow.apply(0, 6, { expected: null });
    await shadow.apply(7, 10, { fork: "b", parentFork: "a", expected: 6 });
    expect(await swapJobs()).toHaveLength(1);
    await clearQueue(db);
    expect(await swap(db, shadow)).toBe(true);

    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 b7 b8 b9 b10");
    expect(await oid()).toEqual(before);
    const { rows: kept } = await db.query(
      `select mine, count(*)::int from ${stream.target}_seen s join ${stream.target} using (_id) group by 1 order by 1`,
    );
    expect(kept).toEqual([
      { mine: "new", count: 4 },
      { mine: "old", count: 7 },
    ]);
    expect(await stream.history()).toEqual(["0-6", "7-10"]);
    const { rows: ledger } = await db.query(
      "select first_block::int, last_block::int, row_count::int from ampsync_private.ledger order by 1",
    );
    expect(ledger).toEqual([
      { first_block: 0, last_block: 6, row_count: 7 },
      { first_block: 7, last_block: 10, row_count: 4 },
    ]);
    expect((await db.query("select from ampsync_private.repair")).rowCount).toBe(0);
    expect(await stream.view()).toMatchObject({
      state: "backfill",
      block: "10",
      rows: "11",
      rewrites: "1",
      reason: "no worker holds this stream",
    });
    expect(await journaled(db, "resynced")).toMatchObject([
      {
        table_name: "blocks",
        details: { old_block: 9, block: 10, rows: 11, rows_deleted: 3, rows_inserted: 4 },
      },
    ]);
    expect(await shadowOf(db, stream)).toBeNull();
    const { rows: gone } = await db.query("select to_regclass($1) as found", [shadow.target]);
    expect(gone).toEqual([{ found: null }]);
    expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toHaveLength(1);

    await stream.acquire("worker-3");
    await stream.prepareTarget();
    await stream.apply(11, 12, { fork: "b" });
    expect(await stream.view()).toMatchObject({ block: "12", rows: "13" });
  });

  test("brings the first block of the new load", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(3, 10, { fork: "b", expected: null });
    expect(await swap(db, shadow)).toBe(true);
    expect(await stream.acquire("worker-3")).toMatchObject({ origin: "3" });
  });

  test("leaves what ampsync.verify finds well, and later damage is found", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 6, { expected: null });
    await shadow.apply(7, 10, { fork: "b", parentFork: "a", expected: 6 });
    await swap(db, shadow);
    expect(await findings(db)).toEqual([]);

    await stream.acquire("worker-3");
    await stream.apply(11, 12, { fork: "b" });
    expect(await findings(db)).toEqual([]);
    await db.query(`delete from ${stream.target} where _block_num in (3, 8)`);
    expect(await findings(db)).toEqual(["blocks: missing block 3-3", "blocks: missing block 8-8"]);
  });

  test("where blocks have one _id each microbatch, replaces every row", async () => {
    const stream = await loaded({ hasBlockNum: false });
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { fork: "b", expected: null });
    expect(await swap(db, shadow)).toBe(true);
    expect(await stream.rows()).toBe("b0 b1 b2 b3 b4 b5 b6 b7 b8 b9");
  });

  test("moves rejected rows and forgets those of the old load", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    const reject = (id: string, block: number) =>
      db.query(
        `insert into ampsync_private.reject (stream_id, block, row_number, column_name, sqlstate, reason, row_values, rejected_at)
         values ($1, $2, 0, 'note', '22021', 'a test', '{}', now())`,
        [id, block],
      );
    await reject(stream.id, 3);
    await reject(shadow.id, 7);
    await shadow.apply(0, 9, { expected: null });
    await swap(db, shadow);
    const { rows } = await db.query("select stream_id, block::int from ampsync_private.reject");
    expect(rows).toEqual([{ stream_id: stream.id, block: 7 }]);
  });

  test("a second one, and the shadow's pass that goes on, find it done", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { expected: null });
    expect(await swap(db, shadow)).toBe(true);
    expect(await swap(db, shadow)).toBe(false);
    expect(await refusal(db, () => shadow.beginApply())).toMatchObject({ code: "SY001" });
    expect(await refusal(db, () => shadow.acquire())).toMatchObject({ code: "SY002" });
    await markLive(shadow);
    await shadow.endPass("ended");
    expect(await stream.view()).toMatchObject({ state: "backfill", error_code: null });
    await db.query("select ampsync_worker.fail_swap($1, '{}')", [shadow.id]);
  });

  test("of an ordinary stream is none", async () => {
    expect(await swap(db, await loaded())).toBe(false);
  });
});

describe("the swap waits", () => {
  test("until the old checkpoint is reached", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 8, { fork: "b", expected: null });
    expect(await swapJobs()).toEqual([]);
    expect(await swap(db, shadow)).toBe(false);
    await shadow.apply(9, 9, { fork: "b", expected: 8 });
    expect(await swapJobs()).toHaveLength(1);
  });

  test("at the head of a server that only lags behind what we hold", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 7, { expected: null });
    await markLive(shadow);
    expect(await swapJobs()).toEqual([]);
    expect(await swap(db, shadow)).toBe(false);
    expect(await stream.view()).toMatchObject({ reason: "resync: block 7 of 9 loaded" });

    await shadow.apply(8, 8, { fork: "b", parentFork: "a", expected: 7 }); // Now it is seen to be another chain.
    expect(await swapJobs()).toHaveLength(1);
    expect(await swap(db, shadow)).toBe(true);
    expect(await stream.view()).toMatchObject({ block: "8", rows: "9" });
  });

  test("no longer at the head of a shorter chain that is another one", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 3, { fork: "b", expected: null });
    expect(await swapJobs()).toEqual([]);
    await markLive(shadow);
    expect(await swapJobs()).toHaveLength(1);
    expect(await swap(db, shadow)).toBe(true);
    expect(await stream.rows()).toBe("b0 b1 b2 b3");
  });

  test.each([
    ["differs", "b", true],
    ["is the same", "a", false],
  ])("by the newest row where the tip has none: if it %s, %s: %s", async (_, fork, due) => {
    const columns = [{ name: "note", type: "text", not_null: false }]; // No column holds the block's hash.
    const stream = await SqlStream.prepare(db, { columns });
    const load = async (target: SqlStream, end: number, rows: string) => {
      await target.beginApply();
      await db.query(
        `insert into ${target.target} (_id, _block_num_start, _block_num_end, _block_num)
         values (ampsync_private.block_prefix(2) || sha256($1), 2, 2, 2)`,
        [Buffer.from(rows)],
      );
      await target.commitApply([{ start: "0", end: `${end}`, hash: hashOf(end, rows), prev_hash: null }], 1, {
        expected: null,
      });
    };
    await load(stream, 9, "a");
    const shadow = await startResync(db, stream, { columns });
    await load(shadow, 5, fork);
    await markLive(shadow);
    expect(await swap(db, shadow)).toBe(due);
  });

  test("while the dataset is paused", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { expected: null });
    await call("pause_sync");
    expect(await swap(db, shadow)).toBe(false);
    await call("resume_sync");
    expect(await swap(db, shadow)).toBe(true);
  });
});

describe("other columns", () => {
  const [HASH] = COLUMNS as [TargetColumn];
  const changed = [HASH, { name: "note", type: "bigint", not_null: false }];

  test("that the target cannot get come by the resync that the refusal names", async () => {
    const stream = await loaded();
    const error = await refusal(db, () => stream.prepareTarget(changed));
    expect(error.message).toContain("Type changes detected (unsupported): note text -> bigint");
    await db.query(error.hint!);
    const shadow = (await shadowOf(db, stream))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget(changed);
    await shadow.apply(0, 9, { expected: null });
    expect(await swap(db, shadow)).toBe(true);
    await stream.acquire("worker-3");
    expect(await stream.prepareTarget(changed)).toEqual(["block_hash", "note"]);
    const { rows } = await db.query(`select pg_typeof(note)::text as type from ${stream.target} limit 1`);
    expect(rows).toEqual([{ type: "bigint" }]);
  });

  test("that the target cannot get are refused before anything is loaded, if it cannot be replaced", async () => {
    const stream = await loaded();
    await db.query(`create materialized view seen as select note from ${stream.target}`);
    expect(await refusal(db, () => startResync(db, stream, { columns: changed }))).toMatchObject({
      code: "SY201",
      message: expect.stringContaining("table chain.blocks cannot be replaced"),
      detail: expect.stringContaining("seen"),
    });
  });

  test("that are new are added to the target before anything is loaded, and filled by the swap", async () => {
    const stream = await loaded();
    const columns = [{ name: "extra", type: "bigint", not_null: false }, ...COLUMNS];
    const shadow = await startResync(db, stream, { columns });
    await shadow.apply(0, 9, { expected: null });
    await db.query(`update ${shadow.target} set extra = _block_num`);
    await db.query(`delete from ${stream.target}`);
    expect(await swap(db, shadow)).toBe(true);
    const { rows } = await db.query(`select sum(extra)::int from ${stream.target}`);
    expect(rows).toEqual([{ sum: 45 }]);
  });

  test("of a target that was altered meanwhile let the new table take its place", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { fork: "b", expected: null });
    await db.query(`create view seen as select block_hash from ${stream.target}`);
    await db.query(`alter table ${stream.target} drop column note`);
    expect(await swap(db, shadow)).toBe(true);
    const { rows } = await db.query(
      `select count(*)::int as rows, count(note)::int as notes from ${stream.target}`,
    );
    expect(rows).toEqual([{ rows: 10, notes: 0 }]);
    expect((await db.query("select from seen")).rowCount).toBe(10);
    expect(
      (await db.query("select to_regclass($1) as left", [`ampsync_private.replaced_${stream.id}`])).rows,
    ).toEqual([{ left: null }]);
    await stream.acquire("worker-3");
    await stream.prepareTarget();
    await stream.apply(10, 10, { fork: "b" });
    expect(await stream.view()).toMatchObject({ block: "10", rows: "11" });
  });

  test("are refused at the swap, and shown, where something hangs on the old table that cannot be kept", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { fork: "b", expected: null });
    await db.query(`alter table ${stream.target} drop column note`);
    await db.query(`create materialized view chain.hashes as select block_hash from ${stream.target}`);
    const error = await refusal(db, () => swap(db, shadow));
    expect(error).toMatchObject({ code: "SY201", detail: expect.stringContaining("hashes") });

    await db.query("select ampsync_worker.fail_swap($1, $2)", [
      shadow.id,
      { code: error.code, message: error.message },
    ]);
    expect(await stream.view()).toMatchObject({
      state: "resyncing",
      error_code: "SY201",
      reason: expect.stringContaining("cannot be replaced"),
    });
    expect(await refusal(db, () => shadow.beginApply())).toMatchObject({ code: "SY001" });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9");
    expect(await supervise(db)).toBe(0);

    await db.query("drop materialized view chain.hashes");
    await call("resume_sync");
    expect(await swap(db, shadow)).toBe(true);
  });

  test("as a target that is gone", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { expected: null });
    await db.query(`drop table ${stream.target}`);
    expect(await refusal(db, () => swap(db, shadow))).toMatchObject({
      code: "SY201",
      message: "table chain.blocks is gone",
      hint: "select ampsync.cancel_resync('chain', 'blocks'); select ampsync.resync('chain', 'blocks');",
    });
  });
});
