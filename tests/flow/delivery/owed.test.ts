import { afterAll, beforeAll, expect, test } from "vitest";

import { liveDataset } from "../../support/delivery/live-dataset.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import type { WireClient } from "../../support/delivery/wire-client.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { hashOf, type SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

// New blocks of a dataset that have nothing for a client.

const db = sharedDatabase();
let stream: SqlStream;
let rig: DeliveryRig;

beforeAll(async () => {
  stream = await liveDataset(db); // Blocks 0 to 9.
  await db.query("create table todos (id integer primary key, body text)");
  await db.query(`
    select ampsync.create_shape('all', 'chain.blocks', public => true),
           ampsync.create_shape('early', 'chain.blocks', public => true, filter => '_block_num < 12'),
           ampsync.create_shape('left', 'chain.blocks', public => true, filter => '_block_num < 12', keep_blocks => 15)`);
  rig = await DeliveryRig.start(db, ["todos"]);
});
afterAll(() => rig[Symbol.asyncDispose]());

const numbers = (client: WireClient) =>
  client
    .rows("chain.blocks")
    .map((row) => Number(row["_block_num"]))
    .sort((a, b) => a - b);
const upTo = (last: number, first = 0) => Array.from({ length: last - first + 1 }, (_, n) => first + n);
const replaced = ({ frames }: WireClient, from: number) =>
  frames.slice(from).flatMap(({ ops }) => ops.flatMap((op) => (op.op === "blocks" ? op.ranges : [])));

/** Waits until a client was told where the dataset stands. */
async function stands(client: WireClient, block: string): Promise<void> {
  await client.until(`the dataset at ${block}`, () =>
    client.frames.some(({ ops }) =>
      ops.some((op) => op.op === "dataset" && op.tables["chain.blocks"] === block),
    ),
  );
}

test("are not sent to it, but in time where the dataset stands and what left its window; a reorg below is", async () => {
  await using all = await rig.client(["all"]);
  await using early = await rig.client(["early"]);
  await using left = await rig.client(["left"]);
  await using beside = await rig.client(["early", "todos"]);
  const clients = [all, early, left, beside];
  for (const client of clients) await client.ready();

  await stream.commit(10, 11);
  for (const client of clients) await client.until("block 11", () => numbers(client).includes(11));
  const before = early.frames.length;
  for (const block of upTo(20, 12)) await stream.commit(block, block);
  await all.until("all blocks", () => numbers(all).includes(20));
  await db.query("insert into todos values (1, 'between')");
  await rig.agrees(beside, ["public.todos"]);
  for (const client of [early, left, beside]) await stands(client, "20");
  expect(numbers(early)).toEqual(upTo(11));
  expect(numbers(beside)).toEqual(upTo(11));
  await left.until("its window", () => numbers(left)[0] === 5);
  expect(numbers(left)).toEqual(upTo(11, 5));
  expect(replaced(early, before)).toEqual([]);

  // Of the other fork no row lies below block 12.
  await db.query("begin");
  await stream.beginApply({ from: 10, parentHash: hashOf(9) });
  await stream.insert(12, 13, "b");
  await stream.commitApply([watermark(10, 13, { fork: "b", parentFork: "a" })], 2);
  await db.query("commit");
  await all.until("the other fork", () => numbers(all).at(-1) === 13);
  expect(numbers(all)).toEqual([...upTo(9), 12, 13]);
  for (const client of [early, beside, left]) await stands(client, "13");
  for (const client of [early, beside]) expect(numbers(client)).toEqual(upTo(9));
  expect(numbers(left)).toEqual(upTo(9, 5));
});
