import { describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaled } from "../../support/postgres/journal.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { COLUMNS, hashOf, SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

describe("a writing transaction is refused at its beginning", () => {
  test("with the epoch of an old lease", async () => {
    const stream = await SqlStream.prepare(db);
    const old = stream.through(db);
    await moveClock(db, "31 s");
    await stream.acquire("worker-2");
    const error = await refusal(db, () => old.beginApply());
    expect(error).toMatchObject({
      code: "SY001",
      message: `the lease of stream ${stream.id} is no longer held with epoch 1`,
      detail: expect.stringContaining("Current epoch 2, held by worker-2 until"),
    });
    expect(error.hint).toMatch(/./);
  });

  test("with a lease that ran out, even if nobody took it", async () => {
    const stream = await SqlStream.prepare(db);
    await moveClock(db, "30 s");
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY001" });
  });

  test("after the lease was handed back", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.endPass("yielded");
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({
      code: "SY001",
      detail: expect.stringMatching(/^Current epoch \d+, held by nobody\.$/),
    });
  });

  test("for a stream that is gone", async () => {
    const error = await refusal(db, "call ampsync_worker.begin_apply(4711, 1)");
    expect(error).toMatchObject({ code: "SY001", detail: "The stream is gone." });
  });
});

describe("a removal", () => {
  async function synced(options = {}): Promise<SqlStream> {
    const stream = await SqlStream.prepare(db, options);
    await stream.apply(0, 4);
    await stream.apply(5, 9);
    await stream.apply(10, 14);
    return stream;
  }

  test("at a watermark takes exactly the rows and history from there on (state store, truncate)", async () => {
    const stream = await synced();
    await stream.beginApply({ from: 10, parentHash: hashOf(9) });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9");
    expect(await stream.history()).toEqual(["0-4", "5-9"]);
    expect(await stream.view()).toMatchObject({ rows: "10" });
  });

  test("at a watermark needs no parent hash from servers that know none", async () => {
    const stream = await synced();
    await stream.beginApply({ from: 10, parentHash: null });
    expect(await stream.history()).toEqual(["0-4", "5-9"]);
  });

  test("through a microbatch takes exactly the rows from there on and shortens its history entry", async () => {
    const stream = await synced();
    await stream.beginApply({ from: 8, parentHash: hashOf(7) });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7");
    const { rows } = await db.query(
      "select first_block, last_block, '0x' || encode(hash, 'hex') as hash, '0x' || encode(prev_hash, 'hex') as prev_hash from ampsync_private.history order by last_block desc limit 1",
    );
    expect(rows).toEqual([{ first_block: "5", last_block: "7", hash: hashOf(7), prev_hash: hashOf(4) }]);
  });

  test("of everything leaves nothing", async () => {
    const stream = await synced();
    await stream.beginApply({ from: null, parentHash: null });
    expect(await stream.rows()).toBe("");
    expect(await stream.history()).toEqual([]);
    expect(await stream.view()).toMatchObject({ rows: "0" });
  });

  test("a second time takes nothing more", async () => {
    const stream = await synced();
    await stream.beginApply({ from: 8, parentHash: hashOf(7) });
    await stream.beginApply({ from: 8, parentHash: hashOf(7) });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7");
    expect(await stream.history()).toEqual(["0-4", "5-7"]);
    expect(await stream.view()).toMatchObject({ rows: "8" });
  });

  test("above the tip takes nothing", async () => {
    const stream = await synced();
    await stream.beginApply({ from: 15, parentHash: hashOf(14) });
    expect(await stream.history()).toEqual(["0-4", "5-9", "10-14"]);
    expect(await stream.view()).toMatchObject({ rows: "15" });
  });

  test("never touches another stream", async () => {
    const other = await synced({ dataset: "other" });
    const stream = await synced();
    await stream.beginApply({ from: 5, parentHash: hashOf(4) });
    expect(await other.view()).toMatchObject({ rows: "15", block: "14" });
    expect(await other.history()).toEqual(["0-4", "5-9", "10-14"]);
    expect((await other.rows()).split(" ")).toHaveLength(15);
  });

  test("also takes rows of a block height whose first bytes are all ones below the cut", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0x00ffff, 0x01_0001);
    await stream.beginApply({ from: 0x01_0000, parentHash: hashOf(0x00ffff) });
    expect(await stream.rows()).toBe("a65535");
  });

  test("is journaled with its depth", async () => {
    const stream = await synced();
    await stream.beginApply({ from: 8, parentHash: hashOf(7) });
    expect(await journaled(db, "reorg")).toEqual([
      {
        dataset: "chain",
        table_name: "blocks",
        details: { from_block: 8, old_tip: 14, depth: 7, rows_deleted: 7 },
      },
    ]);
  });

  describe("is refused, and nothing is deleted,", () => {
    const RANGE = { hasBlockNum: false };
    const NO_HASH = { columns: [{ name: "block_hash", type: "bytea", not_null: false }] };
    test.each([
      ["where the parent hash is another one at a watermark", {}, 10, hashOf(9, "b")],
      ["where the parent hash is another one inside a microbatch", {}, 8, hashOf(7, "b")],
      ["inside a microbatch without a parent hash", {}, 8, null],
      ["inside a microbatch of a table without block numbers", RANGE, 8, hashOf(7)],
      ["below the first block", {}, 0, hashOf(0)],
      ["two above the tip", {}, 16, hashOf(15)],
    ])("%s", async (_, options, from, parentHash) => {
      const stream = await synced(options);
      const before = await stream.rows();
      const error = await refusal(db, () => stream.beginApply({ from, parentHash }));
      expect(error).toMatchObject({
        code: "SY101",
        message: `blocks from ${from} on cannot be removed: the block before is not proven`,
      });
      expect(error.detail).toContain(parentHash === null ? "parent hash none" : parentHash.slice(2));
      expect(error.hint).toMatch(/./);
      expect(await stream.rows()).toBe(before);
      expect(await stream.history()).toEqual(["0-4", "5-9", "10-14"]);
    });

    test("where no row tells the hash of the block before", async () => {
      const stream = await synced(NO_HASH);
      await db.query(`update ${stream.target} set block_hash = null where _block_num = 7`);
      const error = await refusal(db, () => stream.beginApply({ from: 8, parentHash: hashOf(7) }));
      expect(error).toMatchObject({
        code: "SY101",
        detail: expect.stringContaining("this stream holds none"),
      });
    });

    test("where the history that could prove it was pruned", async () => {
      const stream = await SqlStream.prepare(db);
      for (let block = 0; block < 300; block += 10) await stream.apply(block, block + 9);
      const error = await refusal(db, () => stream.beginApply({ from: 10, parentHash: hashOf(9) }));
      expect(error).toMatchObject({ code: "SY101" });
    });
  });

  test("of a table without block numbers goes by the end of the range", async () => {
    const stream = await synced({ hasBlockNum: false });
    await stream.beginApply({ from: 10, parentHash: hashOf(9) });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9");
  });

  test("finds its rows by the primary key, even in a table that was never analyzed", async () => {
    const stream = await synced();
    await db.query("set local enable_seqscan = off");
    const { rows } = await db.query(
      `explain delete from ${stream.target} t
        where t._id >= ampsync_private.block_prefix(8) and t._id < '\\xffffffffffff'::bytea`,
    );
    expect(rows.map((row) => row["QUERY PLAN"]).join("\n")).toContain("blocks_pkey");
    const { rows: settings } = await db.query(
      "select proconfig from pg_proc where oid = 'ampsync_private.delete_rows'::regproc",
    );
    expect(settings[0]!["proconfig"]).toEqual(expect.arrayContaining(["enable_seqscan=off", "jit=off"]));
  });
});

test("state store, atomic: rows, removal and checkpoint are one step for readers, the replacement is part of it", async () => {
  const stream = await SqlStream.prepare(db, { columns: COLUMNS });
  await stream.apply(0, 9);
  await stream.beginApply({ from: 8, parentHash: hashOf(7) });
  await stream.insert(8, 11, "b");
  await stream.commitApply([watermark(8, 11, { fork: "b", parentFork: "a" })], 4);
  expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 b8 b9 b10 b11");
});
