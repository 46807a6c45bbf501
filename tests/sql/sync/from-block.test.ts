import { describe, expect, test } from "vitest";

import { letTimePassWithin } from "../../support/postgres/clock.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, shadowOf, swap } from "../../support/postgres/shadow.ts";
import { registerDataset, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

/** What each stream loads from, by table. */
async function firstBlocks() {
  const { rows } = await db.query("select table_name, from_block from ampsync.streams order by 1");
  return Object.fromEntries(rows.map(({ table_name, from_block }) => [table_name, Number(from_block)]));
}

async function hintOf(statement: string): Promise<string> {
  const { rows } = await db.query(`select hint from ${statement}`);
  return rows[0]!["hint"];
}

describe("enqueue_sync with from_block", () => {
  test("loads the tables of the dataset from that block on, also those that it gets later", async () => {
    await db.query("select ampsync.enqueue_sync('chain', from_block => 100)");
    const id = await registerDataset(db, "chain", ["blocks"]);
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs}')", [id]);
    expect(await firstBlocks()).toEqual({ blocks: 100, logs: 100 });
  });

  test("hands the block to whoever takes the lease", async () => {
    const stream = await SqlStream.register(db);
    expect(await stream.acquire()).toMatchObject({ from_block: "0" });
    await db.query("select ampsync.enqueue_sync('chain', from_block => 100)");
    expect(await stream.acquire()).toMatchObject({ from_block: "100" });
  });

  test("keeps the block where it is omitted, and 0 takes it back", async () => {
    await SqlStream.register(db);
    await db.query("select ampsync.enqueue_sync('chain', from_block => 100)");
    await db.query("select ampsync.enqueue_sync('chain')");
    expect(await firstBlocks()).toEqual({ blocks: 100 });
    await db.query("select ampsync.alter_sync('chain', from_block => 0)");
    expect(await firstBlocks()).toEqual({ blocks: 0 });
  });

  test.each([-1, "281474976710655"])("refuses %s", async (block) => {
    expect(await refusal(db, `select ampsync.enqueue_sync('chain', from_block => ${block})`)).toMatchObject({
      code: "SY004",
      message: `from_block => ${block} is not the number of a block`,
      hint: "select ampsync.enqueue_sync('chain', from_block => 0);",
    });
    expect((await db.query("select from ampsync_private.dataset")).rowCount).toBe(0);
  });
});

describe("a change of from_block", () => {
  test("ends the pass of a table that has loaded nothing yet, and queues the next one", async () => {
    const stream = await SqlStream.prepare(db);
    await db.query("select ampsync.alter_sync('chain', from_block => 5)");
    await expect(stream.apply(0, 9)).rejects.toMatchObject({ code: "SY001" });
  });

  test("queues that pass", async () => {
    const stream = await SqlStream.prepare(db);
    await db.query("select ampsync.alter_sync('chain', from_block => 5)");
    expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toHaveLength(1);
  });

  test("leaves a table that has loaded something as it is, and its hint says how to load it again", async () => {
    const stream = await loadedStream(db);
    const hint = await hintOf("ampsync.alter_sync('chain', from_block => 5)");
    expect(hint).toBe("select ampsync.resync('chain', 'blocks', from_block => 5); -- it begins with block 0");
    expect(await firstBlocks()).toEqual({ blocks: 0 });

    await db.query(hint);
    const shadow = (await shadowOf(db, stream))!;
    expect(await shadow.acquire("worker-2")).toMatchObject({ from_block: "5" });
  });
});

describe("a resync", () => {
  test("with from_block drops the rows of lower blocks, once it has caught up", async () => {
    const stream = await loadedStream(db);
    await db.query("select ampsync.resync('chain', from_block => 7)");
    const shadow = (await shadowOf(db, stream))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget();
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9");
    await shadow.applyRowsOf(0, 9, 7, { expected: null });
    expect(await swap(db, shadow)).toBe(true);
    expect(await stream.rows()).toBe("a7 a8 a9");
    expect(await firstBlocks()).toEqual({ blocks: 7 });
    expect(await db.query("select * from ampsync.verify('chain')")).toMatchObject({ rows: [] });
  });

  test("without it loads what the table held", async () => {
    const stream = await loadedStream(db);
    await db.query("update ampsync_private.stream set from_block = 3");
    await db.query("select ampsync.resync('chain')");
    expect(await (await shadowOf(db, stream))!.acquire("worker-2")).toMatchObject({ from_block: "3" });
  });

  test("of one table leaves the others and the option of the dataset alone", async () => {
    await SqlStream.register(db);
    await db.query("select ampsync.resync('chain', 'blocks', from_block => 7)");
    const { rows } = await db.query("select from_block::int from ampsync_private.dataset");
    expect([rows[0]!["from_block"], await firstBlocks()]).toEqual([0, { blocks: 7 }]);
  });

  test("of a dropped table creates it from that block on", async () => {
    const stream = await loadedStream(db);
    await db.query(`drop table ${stream.target}`);
    await db.query("select ampsync.resync('chain', 'blocks', from_block => 7)");
    expect(await stream.acquire()).toMatchObject({ from_block: "7", columns: null });
  });

  test("that loads fewer blocks is not taken for another chain while its server lags", async () => {
    const stream = await loadedStream(db); // Its newest row at or below block 6 is not in the shadow.
    await db.query("select ampsync.resync('chain', from_block => 7)");
    const shadow = (await shadowOf(db, stream))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget();
    await shadow.applyRowsOf(0, 6, 7, { expected: null });
    await db.query("delete from ampsync_private.history where stream_id = $1", [stream.id]);
    await db.query("select ampsync_worker.mark_live($1, $2)", [shadow.id, shadow.epoch]);
    expect(await swap(db, shadow)).toBe(false);
  });
});

test("a table whose rows do not know their block is refused with what to do", async () => {
  const stream = await SqlStream.register(db, { hasBlockNum: false });
  await db.query("select ampsync.alter_sync('chain', from_block => 5)");
  await stream.acquire();
  await expect(stream.prepareTarget()).rejects.toMatchObject({
    code: "SY201",
    message: "table blocks cannot begin with block 5",
    hint: "select ampsync.alter_sync('chain', from_block => 0); select ampsync.resume_sync('chain');",
  });
});

test("repair takes ranges that reach below the first block, and refuses those that end there", async () => {
  const stream = await SqlStream.prepare(db);
  await db.query("update ampsync_private.stream set from_block = 5");
  await stream.applyRowsOf(0, 9, 5);
  expect(await refusal(db, "select ampsync.repair('chain', 'blocks', 0, 4)")).toMatchObject({
    code: "SY004",
    detail: "It holds blocks 5 to 9.",
  });
  await db.query("select ampsync.repair('chain', 'blocks', 0, 9)");
});

test("progress counts blocks from there on, and tells the speed of those", async () => {
  const stream = await SqlStream.prepare(db);
  await db.query("update ampsync_private.stream set from_block = 5");
  const progress = async () => {
    const { rows } = await db.query(
      `select blocks_done::int as done, blocks_total::int as total, floor(extract(epoch from elapsed))::int as seconds,
              eta is not null as has_end from ampsync.progress`,
    );
    return rows[0];
  };
  const letTimePass = () => letTimePassWithin(db, "5 s");
  const beat = { stream_id: stream.id, epoch: stream.epoch, head: "19", network: "mainnet" };
  await letTimePass();
  await stream.applyRowsOf(0, 3, 5);
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [JSON.stringify([beat])]);
  expect(await progress()).toEqual({ done: 0, total: 15, seconds: 0, has_end: false });
  await letTimePass();
  await stream.applyRowsOf(4, 9, 5);
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [JSON.stringify([beat])]);
  expect(await progress()).toEqual({ done: 5, total: 15, seconds: 5, has_end: true });
});
