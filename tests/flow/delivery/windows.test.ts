import { afterAll, beforeAll, expect, test } from "vitest";

import { Heard } from "../../support/client/heard.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { keepJournal } from "../../support/delivery/journal.ts";
import { liveDataset } from "../../support/delivery/live-dataset.ts";
import { oracle } from "../../support/delivery/oracle.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";

// A shape of the newest blocks, whose chain becomes shorter than its window.

const KEPT = 10;

const db = sharedDatabase();
const heard = new Heard();
let stream: SqlStream;
let rig: DeliveryRig;
let one: TestClient;

beforeAll(async () => {
  stream = await liveDataset(db);
  await db.query("create table todos (id integer primary key)");
  await stream.commit(10, 49);
  await db.query(
    `select ampsync.create_shape('recent', 'chain.blocks', keep_blocks => ${KEPT}, public => true)`,
  );
  rig = await DeliveryRig.start(db, ["todos"]);
  one = await TestClient.start(rig.gateway.url, {
    shapes: [{ shape: "recent" }],
    WebSocket: heard.WebSocket,
  });
  await one.client.ready();
  await keepJournal(one.client);
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

async function blocks(): Promise<readonly number[]> {
  await oracle(db, one.client);
  const { rows } = await one.client.query("select _block_num::int as n from chain.blocks order by 1");
  return rows.map(({ n }) => Number(n));
}

async function replace(first: number, last: number, fork: string, parentFork: string): Promise<void> {
  await db.query("begin");
  await stream.replace(first, last, { fork, parentFork });
  await db.query("commit");
}

const upTo = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n);

test("a reorg within its window makes it shorter, and it does not reach back before it has grown again", async () => {
  expect(await blocks()).toEqual(upTo(39, 49));
  heard.loads.length = 0;
  await replace(42, 43, "b", "a");
  expect(await blocks()).toEqual(upTo(39, 43));
  await stream.commit(44, 48, { fork: "b" });
  expect(await blocks()).toEqual(upTo(39, 48));
  await stream.commit(49, 60, { fork: "b" });
  expect(await blocks()).toEqual(upTo(50, 60));
  expect(heard.loads).toEqual([]);
});

test("a chain that ends below it is begun with anew: the client has the newest blocks of that, and no others", async () => {
  heard.loads.length = 0;
  await replace(20, 25, "c", "a");
  await one.until("the load to have begun", () => heard.loads.length > 0);
  await one.until("its end", ({ phase }) => phase === "live");
  expect(await blocks()).toEqual(upTo(15, 25));
  expect(new Set(heard.loads)).toEqual(new Set(["chain.blocks: definition changed"]));
  await stream.commit(26, 40, { fork: "c" });
  expect(await blocks()).toEqual(upTo(30, 40));
});
