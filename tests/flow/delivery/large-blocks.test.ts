// Takes 20 s.
import { afterAll, beforeAll, expect, test } from "vitest";

import { liveDataset } from "../../support/delivery/live-dataset.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import type { WireClient } from "../../support/delivery/wire-client.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

// Blocks of a dataset that do not fit into one frame: their table is loaded anew, at most once in 10 minutes.

const LARGEST_MESSAGE = 17 * 1024 * 1024;

const db = sharedDatabase();
let stream: SqlStream;
let rig: DeliveryRig;

beforeAll(async () => {
  stream = await liveDataset(db);
  await db.query("create table todos (id integer primary key, body text)");
  await db.query("select ampsync.create_shape('blocks', 'chain.blocks', public => true)");
  rig = await DeliveryRig.start(db, ["todos"]);
});
afterAll(() => rig[Symbol.asyncDispose]());

const loads = ({ frames }: WireClient) =>
  frames.flatMap(({ ops }) => ops.filter((op) => op.op === "load" && op.table === "chain.blocks")).length;

test("blocks whose rows are larger than they were expected to be are loaded in chunks, and stand after that", async () => {
  await using client = await rig.client(["blocks", "todos"]);
  await client.ready();
  expect(loads(client)).toBe(1);
  // Nothing tells of it before they are read.
  await db.query(`create function widen() returns trigger language plpgsql as
    $$ begin new.note := repeat(md5(new._id::text), 1600); return new; end $$`);
  await db.query(
    `create trigger widen before insert on ${stream.target} for each row execute function widen()`,
  );
  await stream.commit(10, 409);
  await client.until("all blocks", () => client.rows("chain.blocks").length === 410);
  expect(loads(client)).toBe(2);
  expect(client.messages.some(({ t }) => t === "snapshot")).toBe(true);
  expect(Math.max(...client.received.map(({ length }) => length))).toBeLessThan(LARGEST_MESSAGE);

  await stream.commit(410, 809);
  await client.until("it stands", () => client.messages.some((m) => m.t === "shapes" && m.shapes.length > 0));
  await db.query("insert into todos values (1, 'meanwhile')");
  await rig.agrees(client, ["public.todos"]);
  expect(loads(client)).toBe(2);
  expect(client.rows("chain.blocks")).toHaveLength(410);
});

test("a table that is being filled, and does not fit, stands meanwhile; it is loaded once when it is live", async () => {
  await using client = await rig.client(["blocks", "todos"]);
  await client.ready();
  const before = loads(client);
  await db.query("update ampsync_private.stream set state = 'backfill'");
  await db.query("select ampsync_private.log_blocks($1, 'append', 0, 9, 50001)", [stream.id]);
  const told = () =>
    client.messages.flatMap((m) => (m.t === "shapes" ? m.shapes : [])).filter(({ id }) => id === "blocks");
  await client.until("it stands", () => told().some(({ reason }) => reason === "backfill"));
  await db.query("insert into todos values (2, 'meanwhile')");
  await rig.agrees(client, ["public.todos"]);
  expect(loads(client)).toBe(before);
  await db.query("update ampsync_private.stream set state = 'live'");
  await client.until("it is loaded", () => loads(client) > before);
  expect(loads(client)).toBe(before + 1);
});

test("a backfill that is amid its rows, and a load beside it, do not wait for each other", async () => {
  await db.query("update ampsync_private.stream set state = 'backfill'");
  const worker = await db.client();
  await worker.query("begin");
  await new SqlStream(worker, stream.id, stream.target, stream.hasBlockNum, stream.epoch).commit(810, 1209);
  // More than are read without a job.
  await db.query("insert into todos select n, 'of a load' from generate_series(100, 5099) n");
  await db.query("analyze todos");
  await using client = await rig.client(["todos"]);
  await client.ready();
  expect(client.messages.some(({ t }) => t === "snapshot")).toBe(true);
  await rig.agrees(client, ["public.todos"]);
  await worker.query("commit");
  const { rows } = await db.query(`select count(*)::int as blocks from ${stream.target}`);
  expect(rows[0]!["blocks"]).toBe(1210);
});
