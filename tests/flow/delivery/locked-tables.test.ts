import { afterAll, beforeAll, expect, test } from "vitest";

import { untilCaptured } from "../../support/capture/rig.ts";
import { liveDataset } from "../../support/delivery/live-dataset.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import type { WireClient } from "../../support/delivery/wire-client.ts";
import { backendOf, untilBlocked } from "../../support/postgres/rivals.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";

// Tables that somebody has locked altogether, in psql: whoever needs them stands and is told, and nobody else waits.

const db = sharedDatabase();
let stream: SqlStream;
let other: SqlStream;
let rig: DeliveryRig;

beforeAll(async () => {
  stream = await liveDataset(db);
  other = await liveDataset(db, { dataset: "other" });
  await db.query("create table todos (id integer primary key, body text)");
  await db.query("select ampsync.create_shape('blocks', 'chain.blocks', public => true)");
  await db.query("select ampsync.create_shape('others', 'other.blocks', public => true)");
  rig = await DeliveryRig.start(db, ["todos"]);
});
afterAll(() => rig[Symbol.asyncDispose]());

const failures = ({ messages }: WireClient) =>
  messages.flatMap((each) => (each.t === "failed" ? [each] : []));
const told = ({ messages }: WireClient) =>
  messages.flatMap((each) => (each.t === "shapes" ? each.shapes : []));
/** Blocks of the locked table are to be read, without anybody writing it. */
const soil = () => db.query("select ampsync_private.log_blocks($1, 'append', 0, 9, 10)", [stream.id]);
let todo = 0;
const addTodo = () => db.query("insert into todos values ($1, 'meanwhile')", [todo++]);

test("a table that somebody has locked stops those who need it, until it is free, and nobody else", async () => {
  await using standing = await rig.client(["blocks", "todos"]);
  await using well = await rig.client(["others", "todos"]);
  await standing.ready();
  await well.ready();
  const rival = await db.client();
  const pid = await backendOf(rival);
  await rival.query("begin; lock table chain.blocks in access exclusive mode");
  await soil();
  await standing.until("it is told", () => failures(standing).length > 0);
  expect(failures(standing)).toMatchObject([{ id: "blocks", code: "55P03" }]);
  expect(failures(standing)[0]?.hint).toContain(`pg_terminate_backend(${pid})`);

  await addTodo();
  await other.commit(10, 12);
  await rig.agrees(well, ["public.todos", "other.blocks"]);
  // Those who come meanwhile as well: the one waits, the other one does not.
  await using late = await rig.client(["blocks"]);
  await using quick = await rig.client(["others", "todos"]);
  await late.until("it is told", () => failures(late).some(({ code }) => code === "55P03"));
  await quick.ready();
  await db.query("select ampsync.create_shape('open', 'todos', public => true, filter => 'id >= 0')");
  await using open = await rig.client(["open"]);
  await open.ready();
  expect(late.live.size).toBe(0);

  await rival.query("rollback");
  await stream.commit(10, 12);
  await rig.agrees(standing, ["public.todos", "chain.blocks"]);
  await late.ready();
  await rig.agrees(late, ["chain.blocks"]);
  await standing.until("it is told", () => told(standing).length > 0);
  expect(told(standing)).toMatchObject([{ id: "blocks", mode: "resume", code: null }]);
}, 60_000);

test("a table that somebody waits to lock, behind a reader, stops nobody else", async () => {
  await using standing = await rig.client(["blocks"]);
  await using well = await rig.client(["others", "todos"]);
  await standing.ready();
  await well.ready();
  const reader = await db.client();
  const rival = await db.client();
  const pid = await backendOf(rival);
  await reader.query("begin; lock table chain.blocks in access share mode");
  const waiting = rival.query("begin; lock table chain.blocks in access exclusive mode; rollback");
  await untilBlocked(db, pid);
  await soil();
  await standing.until("it is told", () => failures(standing).length > 0);
  await addTodo();
  await other.commit(13, 14);
  await rig.agrees(well, ["public.todos", "other.blocks"]);
  await reader.query("rollback");
  await waiting;
  await stream.commit(13, 14);
  await rig.agrees(standing, ["chain.blocks"]);
}, 60_000);

test("changes of a captured table reach clients while it is locked", async () => {
  await using client = await rig.client(["todos"]);
  await client.ready();
  client.cut();
  await client.until("it is gone", () => client.closed !== null);
  await addTodo();
  await untilCaptured(db);
  const rival = await db.client();
  await rival.query("begin; lock table todos in access exclusive mode");
  const { frames } = client;
  const before = frames.length;
  await client.connect();
  await client.until("the row", () => frames.slice(before).some(({ ops }) => ops.length > 0));
  expect(failures(client)).toEqual([]);
  await rival.query("rollback");
  await rig.agrees(client, ["public.todos"]);
}, 60_000);
