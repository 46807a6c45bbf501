// Takes 17 s.
import { afterEach, beforeEach, expect, test } from "vitest";

import type { Subscribed } from "../../../src/client/client.ts";
import type { Failure } from "../../../src/client/subscriptions.ts";
import { h64Raw } from "../../support/arrow/encode.ts";
import { frameOf } from "../../support/client/frames.ts";
import { ScriptedGateway } from "../../support/client/scripted-gateway.ts";
import { blocks, copyOf, todos } from "../../support/client/tables.ts";
import { TestClient } from "../../support/client/test-client.ts";

const SNAPSHOT = "6b0c0a3e-1111-4222-8333-00000000000a";

let gateway: ScriptedGateway;
let one: TestClient;
let subscribed: Subscribed;

beforeEach(async () => {
  gateway = await ScriptedGateway.start();
  one = await TestClient.start(gateway.url);
  await one.client.subscribe({ shape: "blocks" });
  subscribed = await one.client.subscribe({ shape: "todos" });
});
afterEach(async () => {
  await one[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const answer = (id: string, table: string) => ({ id, mode: "load", table, reason: "new" });
const load = (table: string, ...rows: unknown[]) => ({
  op: "load",
  table,
  rows: JSON.stringify(rows),
  where: null,
});
const someBlocks = {
  op: "blocks",
  table: blocks.name,
  ranges: [["1", null]],
  copy: copyOf(1, 3, "a"),
  trim: null,
};

async function ids(): Promise<Record<"todos" | "blocks", string>> {
  const { shapes } = await gateway.hears("hello");
  const of = (name: string) => shapes.find(({ shape }) => shape === name)!.id;
  return { todos: of("todos"), blocks: of("blocks") };
}

async function welcomed(): Promise<Record<"todos" | "blocks", string>> {
  const id = await ids();
  gateway.welcome([answer(id.todos, todos.name), answer(id.blocks, blocks.name)], [todos, blocks]);
  return id;
}

const errorOf = (shape: string): Failure | null =>
  one.client.status.shapes.find((state) => state.shape === shape)!.error;

test("a table of the application's that has the name of a shape's fails that shape alone, and stays", async () => {
  await one.client.query("create table public.todos (id integer, mine boolean)");
  await one.client.query("insert into todos values (1, true)");
  const id = await welcomed();
  const live = (...of: string[]) => of.map((each) => ({ id: each, definition: "d" }));
  const row = { id: "1", title: "theirs" };
  const ops = [load(todos.name, row), load(blocks.name), someBlocks];
  gateway.say(frameOf({ to: "1", blocks: ["0", "3"], ops, live: live(id.todos, id.blocks) }));
  await one.until("the blocks", ({ position }) => position === "1");

  expect(errorOf("blocks")).toBeNull();
  expect(errorOf("todos")).toMatchObject({ code: "SY417", message: expect.stringContaining("already") });
  expect((await one.client.query("select * from todos")).rows).toEqual([{ id: 1, mine: true }]);

  await one.client.query("alter table todos rename to my_todos");
  await one.client.reload(todos.name);
  await gateway.hears("load");
  gateway.say(
    frameOf({ from: "1", to: "2", blocks: ["3", "3"], ops: [load(todos.name, row)], live: live(id.todos) }),
  );
  await one.until("the table", ({ position }) => position === "2");
  expect((await one.client.query("select title from todos")).rows).toEqual([{ title: "theirs" }]);
});

test("a load that its table refuses is not asked for by each new connection, until it is called for", async () => {
  await one.client.query("create table public.todos (id integer, mine boolean)");
  const id = await welcomed();
  await one.until("the failure", ({ shapes }) => shapes.some(({ error }) => error?.code === "SY417"));
  gateway.hangUp();
  one.client.wake();
  expect((await gateway.hears("hello")).shapes.map((wish) => wish.id)).toEqual([id.blocks]);
  gateway.welcome([answer(id.blocks, blocks.name)], [blocks]);
  await one.until("another connection", ({ connected }) => connected);
  expect(errorOf("todos")).toMatchObject({ code: "SY417" });
  expect(gateway.heard.filter(({ t }) => t === "subscribe" || t === "load")).toEqual([]);

  await one.client.query("drop table public.todos");
  await one.client.reload(todos.name);
  expect((await gateway.hears("subscribe")).shapes).toMatchObject([{ id: id.todos, shape: "todos" }]);
  gateway.say({ t: "shapes", shapes: [answer(id.todos, todos.name)], tables: [todos] });
  gateway.say(frameOf({ to: "1", ops: [load(todos.name)], live: [{ id: id.todos, definition: "d" }] }));
  await one.until("the table", ({ position }) => position === "1");
  expect(errorOf("todos")).toBeNull();
});

test("a load that cannot end says why while it is tried again, and nothing of that is left when it has ended", async () => {
  const id = await welcomed();
  gateway.say(
    frameOf({
      to: "1",
      blocks: ["0", "3"],
      ops: [load(blocks.name), someBlocks],
      live: [{ id: id.blocks, definition: "d" }],
    }),
  );
  const why = { code: "SY416", message: "more of public.todos changes", hint: "Write less." };
  gateway.say({ t: "shapes", shapes: [{ ...answer(id.todos, todos.name), ...why }], tables: [] });
  await one.until("the reason", ({ error }) => error !== null);
  expect(one.client.status).toMatchObject({ phase: "loading", error: why });
  expect(errorOf("todos")).toEqual(why);
  expect(errorOf("blocks")).toBeNull();

  const row = { id: "1", title: "theirs" };
  gateway.say(
    frameOf({
      from: "1",
      to: "2",
      blocks: ["3", "3"],
      ops: [load(todos.name, row)],
      live: [{ id: id.todos, definition: "d" }],
    }),
  );
  await one.until("the rows", ({ phase }) => phase === "live");
  expect(one.client.status.error).toBeNull();
});

test("how far a load is on its server, and here, is said until it has ended", async () => {
  gateway.chunk = new TextEncoder().encode("1\ttheirs\t\\N\tf\n");
  gateway.chunkStatus = 200;
  const id = await welcomed();
  const progressOf = (shape: string) =>
    one.client.status.shapes.find((state) => state.shape === shape)!.progress;
  const tick = { t: "tick", head: "0", now: "2026-11-28T12:00:00.123Z" };
  gateway.say({ ...tick, progress: [{ shape: id.blocks, done: "20", of: null }] });
  await one.until("what the server says", () => progressOf("blocks") !== null);
  expect(progressOf("blocks")).toEqual({ step: "preparing", done: "20", of: null });
  expect(one.client.status.shapes.map(({ reason }) => reason)).toEqual(["new", "new"]);
  expect(progressOf("todos")).toBeNull();

  const xxh64 = h64Raw(gateway.chunk, 0n).toString(16).padStart(16, "0");
  const chunks = [{ n: 0, rows: 1, bytes: gateway.chunk.length, xxh64 }];
  const ofTodos = { shape: id.todos, snapshot: SNAPSHOT, table: todos.name, rows: "1", chunks };
  gateway.say(frameOf({ to: "1", ops: [], live: [] }));
  gateway.say({ t: "snapshot", ...ofTodos });
  await gateway.hears("staged");
  gateway.say({ ...tick, progress: null });
  await one.until("another tick", () => progressOf("blocks") === null);
  expect(progressOf("todos")).toEqual({ step: "fetching", done: "1", of: "1" });

  const op = { op: "load", table: todos.name, snapshots: [SNAPSHOT], rows: null, where: null };
  gateway.say(frameOf({ from: "1", to: "2", ops: [op], live: [{ id: id.todos, definition: "d" }] }));
  await one.until("the rows", ({ position }) => position === "2");
  expect(one.client.status.shapes.find(({ shape }) => shape === "todos")).toMatchObject({
    reason: null,
    progress: null,
  });
});

test("a shape whose table another one still has comes when that is gone", async () => {
  const id = await welcomed();
  const live = [id.todos, id.blocks].map((each) => ({ id: each, definition: "d" }));
  gateway.say(frameOf({ to: "1", ops: [load(todos.name), load(blocks.name)], live }));
  await one.client.ready();
  await subscribed.unsubscribe();
  await gateway.hears("unsubscribe");
  const late = await one.client.subscribe({ shape: "late_todos" });
  await gateway.hears("subscribe");
  gateway.heard.length = 0;
  const refused = {
    id: late.id,
    mode: "failed",
    table: todos.name,
    code: "SY412",
    message: "a second shape",
  };
  gateway.say({ t: "shapes", shapes: [refused], tables: [] });
  gateway.say(
    frameOf({
      from: "1",
      to: "2",
      ops: [{ op: "drop", table: todos.name, where: null }],
      gone: [id.todos],
    }),
  );

  expect((await gateway.hears("subscribe")).shapes).toMatchObject([{ id: late.id, shape: "late_todos" }]);
  gateway.say({ t: "shapes", shapes: [answer(late.id, todos.name)], tables: [] });
  gateway.say(
    frameOf({ from: "2", to: "3", ops: [load(todos.name)], live: [{ id: late.id, definition: "d" }] }),
  );
  await late.ready();
});

test("tables that refuse a frame fail, each of them, once, whatever it brings; the others go on", async () => {
  const id = await welcomed();
  const wrong = { id: "no number", title: "x" };
  const upsert = { op: "upsert", table: todos.name, rows: JSON.stringify([wrong]) };
  const twice = { ...someBlocks, copy: someBlocks.copy + someBlocks.copy };
  const live = [id.todos, id.blocks].map((each) => ({ id: each, definition: "d" }));
  const ops = [load(todos.name, wrong), load(blocks.name), twice, upsert];
  gateway.say(frameOf({ to: "1", blocks: ["0", "3"], ops, live }));
  await one.until("the frame", ({ position }) => position === "1");

  expect(errorOf("todos")).toMatchObject({ code: "SY417" });
  expect(errorOf("blocks")).toMatchObject({ code: "SY417" });
  expect(gateway.heard.filter(({ t }) => t === "hello")).toHaveLength(1);
  gateway.say(frameOf({ from: "1", to: "2", blocks: ["3", "4"], ops: [upsert, twice] }));
  await one.until("the next one", ({ position }) => position === "2");
});

test("chunks that are gone are asked for in another snapshot, later each time, and the status says so", async () => {
  gateway.chunkStatus = 410;
  const id = await welcomed();
  const chunks = [{ n: 0, rows: 1, bytes: 10, xxh64: "0" }];
  const snapshot = {
    t: "snapshot",
    shape: id.todos,
    snapshot: SNAPSHOT,
    table: todos.name,
    rows: "1",
    chunks,
  };
  gateway.say(snapshot);
  await one.until("the error", ({ error }) => error?.code === "SY104");
  gateway.hangUp();
  one.client.wake();
  await welcomed();
  await one.until("another connection", ({ connected }) => connected);

  expect(one.client.status.error).toMatchObject({ code: "SY104", message: expect.stringContaining("410") });
  expect((await gateway.hears("hello")).staged).toEqual({});
  const { rows } = await one.client.query("select from pg_tables where schemaname = 'ampsync_stage'");
  expect(rows).toEqual([]);
});

test("a reset between hello and welcome says hello anew, and what answers the first is not heard", async () => {
  const first = await gateway.hears("hello");
  gateway.heard.length = 0;
  await one.client.reset();
  gateway.welcome(first.shapes.map(({ id }) => ({ id, mode: "resume", table: null, reason: null })));
  const { client, epoch } = await gateway.hears("hello");

  expect(client).not.toBe(first.client);
  expect(epoch).toBeNull();
  expect(one.client.status.shapes.map(({ phase }) => phase)).toEqual(["loading", "loading"]);
});

test("who ends a subscription does not take it from whoever asks for it at that moment", async () => {
  await welcomed();
  await one.until("a connection", ({ connected }) => connected);
  const [again] = await Promise.all([one.client.subscribe({ shape: "todos" }), subscribed.unsubscribe()]);
  expect(again.id).toBe(subscribed.id);
  expect(one.client.status.shapes.find(({ id }) => id === again.id)).toMatchObject({ phase: "loading" });

  await again.unsubscribe();
  expect((await gateway.hears("unsubscribe")).ids).toEqual([again.id]);
});

test("a chunk that its table refuses fails that table alone, in the same connection", async () => {
  gateway.chunk = new TextEncoder().encode("no number\tx\t\\N\tf\n");
  gateway.chunkStatus = 200;
  const id = await welcomed();
  const xxh64 = h64Raw(gateway.chunk, 0n).toString(16).padStart(16, "0");
  const chunks = [{ n: 0, rows: 1, bytes: gateway.chunk.length, xxh64 }];
  const ofTodos = { shape: id.todos, snapshot: SNAPSHOT, table: todos.name, rows: "1", chunks };
  // Its table is there, so that its columns have their types.
  gateway.say(frameOf({ to: "1", ops: [load(todos.name)], live: [{ id: id.todos, definition: "d" }] }));
  await one.until("the table", ({ position }) => position === "1");
  gateway.say({ t: "snapshot", ...ofTodos });
  await one.until("the failure", ({ shapes }) => shapes.some(({ error }) => error?.code === "SY417"));
  const live = [{ id: id.blocks, definition: "d" }];
  gateway.say(frameOf({ from: "1", to: "2", ops: [load(blocks.name)], live }));
  await one.until("the others", ({ position }) => position === "2");

  expect(errorOf("todos")).toMatchObject({ code: "SY417", message: expect.stringContaining("no number") });
  expect(errorOf("blocks")).toBeNull();
  expect(gateway.heard.filter(({ t }) => t === "hello" || t === "staged")).toHaveLength(1);
});
