import { describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { hashOf, SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function checkpoint() {
  const { rows } = await db.query(
    "select watermark_block_num as block, '0x' || encode(watermark_block_hash, 'hex') as hash, network from ampsync.checkpoints",
  );
  return rows;
}

async function refusedCommit(stream: SqlStream, watermarks: readonly object[], options = {}) {
  await stream.beginApply();
  return refusal(db, () => stream.commitApply(watermarks, 0, options));
}

describe("a commit", () => {
  test("moves the checkpoint to the end of its last watermark (state store, commit one)", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    expect(await checkpoint()).toEqual([{ block: "9", hash: hashOf(9), network: "mainnet" }]);
    expect(await stream.view()).toMatchObject({ block: "9", rows: "10", state: "backfill" });
  });

  test("may hold several microbatches, each with an entry in the history (state store, commit many)", async () => {
    const stream = await SqlStream.prepare(db);
    for (const first of [0, 10]) {
      await stream.beginApply();
      await stream.insert(first, first + 9);
      const parts = [
        watermark(first, first + 4),
        watermark(first + 5, first + 5),
        watermark(first + 6, first + 9),
      ];
      await stream.commitApply(parts, 10);
    }
    expect(await stream.history()).toEqual(["0-4", "5-5", "6-9", "10-14", "15-15", "16-19"]);
    expect(await checkpoint()).toMatchObject([{ block: "19" }]);
  });

  test("without rows moves the checkpoint as well", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.beginApply();
    await stream.commitApply([watermark(0, 9)], 0);
    expect(await stream.view()).toMatchObject({ block: "9", rows: "0" });
  });

  test("may begin at any block, and remembers it as the stream's first", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(15_000_000, 15_000_001);
    await stream.apply(15_000_002, 15_000_002);
    await stream.endPass("yielded");
    expect(await stream.acquire()).toMatchObject({ origin: "15000000" });
  });

  test("may leave out the parent hash, as servers of 2025 do", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.beginApply();
    await stream.commitApply([{ ...watermark(10, 19), prev_hash: null }], 0);
    expect(await checkpoint()).toMatchObject([{ block: "19" }]);
  });

  test("counts rows over commits and removals", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.apply(10, 19);
    await stream.replace(15, 16, { fork: "b" });
    expect(await stream.view()).toMatchObject({ rows: "17" });
  });

  test("tells the age of its last block where the server tells block times", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.beginApply();
    const { rows } = await db.query("select (extract(epoch from ampsync_private.now()) - 100)::bigint as at");
    await stream.commitApply([{ ...watermark(0, 9), timestamp: rows[0]!["at"] }], 0);
    const { rows: lag } = await db.query("select extract(epoch from lag)::int as s from ampsync.streams");
    expect(lag[0]!["s"]).toBeGreaterThanOrEqual(99);
    expect(lag[0]!["s"]).toBeLessThan(110);

    await stream.apply(10, 10);
    expect((await stream.view()).lag).toBeNull();
  });
});

describe("a reorg", () => {
  test("takes the checkpoint down in the same commit when the new fork is shorter", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.apply(10, 19);
    await stream.replace(8, 12, { fork: "b" });
    expect(await checkpoint()).toEqual([{ block: "12", hash: hashOf(12, "b"), network: "mainnet" }]);
    expect(await stream.history()).toEqual(["0-7", "8-12"]);
  });

  test("may replace the last block alone, even where it is a microbatch of its own", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.replace(9, 9, { fork: "b" });
    await stream.replace(9, 10, { fork: "c" });
    expect(await stream.history()).toEqual(["0-8", "9-10"]);
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 c9 c10");
  });

  test("counts as a rewrite, an ordinary commit does not", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.apply(10, 19);
    expect(await stream.view()).toMatchObject({ rewrites: "0" });
    await stream.replace(18, 20, { fork: "b" });
    await stream.replace(18, 20, { fork: "c" });
    expect(await stream.view()).toMatchObject({ rewrites: "2" });
  });

  test("of everything starts the stream over", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(5, 9);
    await stream.beginApply({ from: null, parentHash: null });
    await stream.insert(3, 9, "b");
    await stream.commitApply([watermark(3, 9, { fork: "b" })], 7);
    expect(await stream.view()).toMatchObject({ block: "9", rows: "7", rewrites: "1" });
    expect(await stream.rows()).toBe("b3 b4 b5 b6 b7 b8 b9");
    await stream.endPass("yielded");
    expect(await stream.acquire()).toMatchObject({ origin: "3" });
  });
});

describe("a watermark that does not follow is refused:", () => {
  const other = `0x${"ff".repeat(32)}`;
  test.each<[string, readonly object[], string]>([
    ["a gap", [watermark(11, 19)], "starts at block 11 does not follow block 9"],
    [
      "a gap where the server tells no parent",
      [{ ...watermark(11, 19), prev_hash: null }],
      "starts at block 11 does not follow block 9",
    ],
    ["a range held already", [watermark(0, 9)], "starts at block 0 does not follow block 9"],
    ["a range that ends at the tip", [watermark(5, 9)], "starts at block 5 does not follow block 9"],
    ["a range that overlaps the tip", [watermark(5, 19)], "starts at block 5 does not follow block 9"],
    [
      "another parent",
      [watermark(10, 19, { parentFork: "b" })],
      "starts at block 10 does not follow block 9",
    ],
    [
      "a gap among several",
      [watermark(10, 12), watermark(14, 19)],
      "starts at block 14 does not follow block 12",
    ],
    ["a range twice", [watermark(10, 19), watermark(10, 19)], "starts at block 10 does not follow block 19"],
    [
      "a broken chain among several",
      [watermark(10, 12), { ...watermark(13, 19), prev_hash: other }],
      "starts at block 13",
    ],
  ])("%s", async (_, watermarks, message) => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    const error = await refusedCommit(stream, watermarks);
    expect(error).toMatchObject({ code: "SY101", message: expect.stringContaining(message) });
    expect(error.detail).toMatch(/parent hash is .*, the stored hash is/);
    expect(error.hint).toMatch(/./);
    expect(await stream.history()).toEqual(["0-9"]);
  });

  test("a replacement whose parent is not the block that was left", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.beginApply({ from: 8, parentHash: hashOf(7) });
    const error = await refusal(db, () => stream.commitApply([watermark(8, 12, { fork: "b" })], 0));
    expect(error).toMatchObject({ code: "SY101" });
  });
});

describe("never stored:", () => {
  test.each([
    ["a hash of 31 bytes", { hash: `0x${"ab".repeat(31)}` }, "23514"],
    ["a hash of 33 bytes", { hash: `0x${"ab".repeat(33)}` }, "23514"],
    ["no hash", { hash: null }, "23502"],
    ["a parent hash of 20 bytes", { prev_hash: `0x${"ab".repeat(20)}` }, "23514"],
    ["a range that ends before it starts", { start: "10", end: "9" }, "23514"],
    ["a block below zero", { start: "-1" }, "23514"],
  ])("%s", async (_, wrong, code) => {
    const stream = await SqlStream.prepare(db);
    expect(await refusedCommit(stream, [{ ...watermark(0, 9), ...wrong }])).toMatchObject({ code });
    expect(await checkpoint()).toEqual([]);
  });

  test("a checkpoint with a hash of another size, whoever writes it", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    for (const set of ["checkpoint_hash = '\\xab'", "checkpoint_hash = null", "origin = 10"]) {
      expect(await refusal(db, `update ampsync_private.stream set ${set}`)).toMatchObject({
        code: "23514",
        constraint: "stream_checkpoint_check",
      });
    }
  });
});

describe("the checkpoint is compared before it is set:", () => {
  test.each([
    ["another block", 8],
    ["none where there is one", null],
    ["a later block", 19],
  ])("%s", async (_, expected) => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    const error = await refusedCommit(stream, [watermark(10, 19)], { expected });
    expect(error).toMatchObject({ code: "SY001" });
    expect(error.detail).toMatch(/./);
    expect(error.hint).toMatch(/./);
  });

  test("one where there is none", async () => {
    const stream = await SqlStream.prepare(db);
    const error = await refusedCommit(stream, [watermark(0, 9)], { expected: 0 });
    expect(error).toMatchObject({ code: "SY001" });
  });

  test("idempotency: a commit that was done already, and is retried because its outcome was unknown", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.apply(10, 19);
    const error = await refusedCommit(stream, [watermark(10, 19)], { expected: 9 });
    expect(error).toMatchObject({ code: "SY001" });
  });
});

test("the last check is the epoch: a lease that moved on cannot commit", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.beginApply();
  await stream.insert(0, 9);
  const error = await refusal(db, () => stream.commitApply([watermark(0, 9)], 10, { epoch: "2" }));
  expect(error).toMatchObject({ code: "SY001" });
});

test("a stream stays on the network it began with", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  const error = await refusedCommit(stream, [watermark(10, 19)], { network: "sepolia" });
  expect(error).toMatchObject({
    code: "SY101",
    message: "Network changed for table blocks: mainnet -> sepolia",
    hint: expect.stringMatching(/^select ampsync.resync\('chain', 'blocks'\);/),
  });
});

describe("state after a commit", () => {
  test("is live still, whatever the head is: that it fell behind is told apart", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    await stream.apply(10, 11);
    expect((await stream.view()).state).toBe("live");
    await db.query("select ampsync_worker.mark_behind($1, $2)", [stream.id, stream.epoch]);
    await stream.apply(12, 13);
    expect((await stream.view()).state).toBe("backfill");
  });
});

test.each([
  ["seconds", "1655778500", "2022-06-21T02:28:20.000Z"],
  ["the last second that can be meant", "253402300799", "9999-12-31T23:59:59.000Z"],
  ["milliseconds", "1655778500000", null],
  ["microseconds", "1655778500000000", null],
  ["the largest number that comes", "9007199254740991", null],
  ["a number below zero", "-1", null],
  ["nothing", null, null],
])("a block's time, told in %s, is known or unknown and stops nothing", async (_, timestamp, time) => {
  const stream = await SqlStream.prepare(db);
  await stream.beginApply();
  await stream.commitApply([{ ...watermark(0, 9), timestamp }], 0);
  const { rows } = await db.query("select block_time as time from ampsync_private.stream");
  expect(rows[0]!["time"]?.toISOString() ?? null).toBe(time);
});
