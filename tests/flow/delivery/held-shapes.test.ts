import { afterAll, beforeAll, expect, test } from "vitest";

import { liveDataset } from "../../support/delivery/live-dataset.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";

// Somebody holds the rows of all shapes in psql, as an open create_shape does.

const db = sharedDatabase();
let stream: SqlStream;
let rig: DeliveryRig;

beforeAll(async () => {
  stream = await liveDataset(db);
  await db.query("create table todos (id integer primary key, body text)");
  await db.query("create table many (id integer primary key, body text)");
  await db.query("insert into many select n, 'x' from generate_series(1, 3000) n; analyze many");
  await db.query("select ampsync.create_shape('recent', 'chain.blocks', keep_blocks => 5, public => true)");
  rig = await DeliveryRig.start(db, ["todos", "many"], { deadlines: { heartbeatMs: 100 } });
});
afterAll(() => rig[Symbol.asyncDispose]());

test("rows of shapes that somebody holds stop no change, no load, no block and nobody who comes; windows follow later", async () => {
  await using here = await rig.client(["todos", "recent"]);
  await here.ready();
  const holder = await db.client();
  await holder.query("begin; select from ampsync_private.shape for update");

  await db.query("insert into todos values (1, 'meanwhile')");
  await stream.commit(10, 30);
  await rig.agrees(here, ["public.todos"]);
  const newest = (block: number) =>
    here.until(`block ${block}`, () =>
      here.rows("chain.blocks").some((row) => row["_block_num"] === String(block)),
    );
  await newest(30);
  // What is read in one go, and what a job makes.
  await using late = await rig.client(["todos", "many", "recent"]);
  await late.ready();
  await rig.agrees(late, ["public.todos", "public.many"]);
  const low = async () =>
    (await db.query("select low::text from ampsync_private.shape where name = 'recent'")).rows[0]!["low"];
  const before = await low();

  await holder.query("rollback");
  await stream.commit(31, 32);
  await newest(32);
  await here.until("its window", () =>
    here.rows("chain.blocks").every((row) => Number(row["_block_num"]) >= 27),
  );
  expect(Number(await low())).toBeGreaterThan(Number(before));
}, 60_000);
