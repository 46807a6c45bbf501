// Takes 13 s.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Addresses } from "../../../src/client/addresses.ts";
import { type ClientOptions, createClient } from "../../../src/client/client.ts";
import { chunksFrom } from "../../../src/client/stage.ts";
import { openStore, type Store } from "../../../src/client/store.ts";
import { noteAnswers, readSubscriptions } from "../../../src/client/subscriptions.ts";
import { READY_MADE } from "../../support/client/ready-made.ts";
import { ScriptedGateway } from "../../support/client/scripted-gateway.ts";
import { todos } from "../../support/client/tables.ts";
import { waitFor } from "../../support/wait-for.ts";

const token = () => "a token";
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ampsync-client-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = (gateway: ScriptedGateway, more: Partial<ClientOptions> = {}) =>
  createClient({
    url: gateway.url,
    store: "memory://",
    token,
    shapes: [],
    extensions: READY_MADE,
    ...more,
  });

const ofTodos = (id: string, mode: "resume" | "load") => ({ id, mode, table: "public.todos" });

test("what is asked for after the hello was written is asked for with the welcome, and once", async () => {
  await using gateway = await ScriptedGateway.start();
  const client = await open(gateway);
  try {
    expect(await gateway.hears("hello")).toMatchObject({ shapes: [] });
    const { id, unsubscribe } = await client.subscribe({ shape: "todos" });
    const again = await client.subscribe({ shape: "todos" });
    gateway.welcome();
    expect(await gateway.hears("subscribe")).toMatchObject({ shapes: [{ id, shape: "todos" }] });

    // Twice by one of two who hold it is once.
    await unsubscribe();
    await unsubscribe();
    expect(client.status.shapes).toMatchObject([{ id, phase: "loading" }]);
    await again.unsubscribe();
    await gateway.hears("unsubscribe");
    expect(gateway.heard.filter(({ t }) => t === "subscribe")).toHaveLength(1);
  } finally {
    await Promise.all([client.close(), client.close()]);
  }
});

test("a table that is to be loaded anew is, whatever the connection does meanwhile", async () => {
  await using gateway = await ScriptedGateway.start();
  const client = await open(gateway, { shapes: [{ shape: "todos" }] });
  try {
    await expect(client.reload("public.todos")).rejects.toThrow("public.todos");
    const { id } = (await gateway.hears("hello")).shapes[0]!;
    gateway.welcome([ofTodos(id, "resume")]);
    await client.ready();

    gateway.hangUp();
    client.wake();
    await gateway.hears("hello");
    await client.reload("public.todos");
    gateway.welcome([ofTodos(id, "resume")]);
    expect(await gateway.hears("load")).toEqual({ t: "load", tables: ["public.todos"] });

    gateway.hangUp();
    client.wake();
    expect((await gateway.hears("hello")).shapes).toMatchObject([{ id, definition: "" }]);
  } finally {
    await client.close();
  }
});

test("an address that is refused, and a listener that throws, are errors in the status, and it tries again", async () => {
  await using gateway = await ScriptedGateway.start();
  let refusals = 0;
  const Refusing = class extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[] | WebSocketInit) {
      if (refusals++ === 0) throw new DOMException("not from this page", "SecurityError");
      super(address, protocols);
    }
  };
  const client = await open(gateway, { WebSocket: Refusing });
  try {
    await waitFor("the refusal", () => client.status.error?.message === "not from this page");
    let isAngry = false;
    client.onStatus(() => {
      if (isAngry) throw new Error("a mistake of the application");
    });
    isAngry = true;
    client.wake();
    await gateway.hears("hello");
    gateway.welcome();
    await client.ready();
    await waitFor("the mistake", () => client.status.error?.message === "a mistake of the application");
    await waitFor("the connection", () => client.status.connected);
  } finally {
    await client.close();
  }
});

test("what cannot begin gives its store back", async () => {
  const store = join(folder, "given-back");
  const at = { store, token, extensions: READY_MADE };
  await expect(createClient({ ...at, url: "sync.example" })).rejects.toThrow("URL");
  await expect(createClient({ ...at, url: "ftp://sync.example" })).rejects.toThrow("not ftp:");
  const shapes = [{ shape: null as unknown as string }];
  await expect(createClient({ ...at, url: "https://sync.example", shapes })).rejects.toThrow();

  const { pg, release } = await openStore(`${store}/`, READY_MADE);
  await expect(openStore(store, READY_MADE)).rejects.toThrow("is open in process");
  await pg.close();
  release();
});

describe("answers about a shape", () => {
  const answer = { id: "s1", table: "public.todos", reason: null, hint: null } as const;
  let store: Store;
  beforeAll(async () => {
    store = await openStore("memory://", READY_MADE);
  });
  afterAll(() => store.pg.close());
  beforeEach(() =>
    store.pg.exec(`
      delete from ampsync.shape;
      insert into ampsync.shape (id, shape, params, definition, phase) values ('s1', 'todos', '{}', 'd1', 'live')`),
  );

  test("a shape that failed is loaded before it is called good again", async () => {
    const { pg } = store;
    await noteAnswers(pg, [{ ...answer, mode: "failed", code: "SY414", message: "an error in its filter" }]);

    expect(await readSubscriptions(pg)).toMatchObject([{ phase: "failed", definition: "" }]);
  });

  test("a shape whose table is locked stands, and is as good as it was when that has ended", async () => {
    const { pg } = store;
    await noteAnswers(pg, [{ ...answer, mode: "failed", code: "55P03", message: "it is locked by 1" }]);
    expect(await readSubscriptions(pg)).toMatchObject([{ phase: "failed", definition: "d1" }]);
    await noteAnswers(pg, [{ ...answer, mode: "resume", code: null, message: null }]);
    expect(await readSubscriptions(pg)).toMatchObject([{ phase: "live", definition: "d1", error: null }]);
  });
});

test("a client that is sent to another gateway goes there, also for chunks, and comes back when that is gone", async () => {
  await using first = await ScriptedGateway.start();
  await using other = await ScriptedGateway.start();
  const client = await open(first, { shapes: [{ shape: "todos" }] });
  try {
    await first.hears("hello");
    const told = { code: "SY104", message: "this gateway is for other tenants", hint: null, retry_ms: 0 };
    first.say({ t: "error", ...told, gateways: ["0.0.0.0:80", first.url, `${other.url}/`] });
    await waitFor("the refusal", () => client.status.error?.code === "SY104");
    first.hangUp();
    const { id } = (await other.hears("hello")).shapes[0]!;
    other.welcome([ofTodos(id, "load")], [todos]);
    await waitFor("the connection", () => client.status.connected);
    expect(client.status.error).toBeNull();
    expect(client.debug().gateway).toBe(other.url);
    const snapshot = {
      shape: id,
      snapshot: "6b0c0a3e-1111-4222-8333-00000000000a",
      table: todos.name,
      rows: "1",
    };
    other.say({ t: "snapshot", ...snapshot, chunks: [{ n: 0, rows: 1, bytes: 1, xxh64: "0" }] });
    await waitFor("a question for the chunk", () => other.chunksAsked > 0);
    expect(first.chunksAsked).toBe(0);
    other.hangUp();
    client.wake();
    await first.hears("hello");
    expect(client.debug().gateway).toBe(first.url);
    const gateways = client.debug().history.filter(({ what }) => what.startsWith("gateway "));
    expect(gateways.map(({ what }) => what)).toEqual([`gateway ${other.url}`, `gateway ${first.url}`]);
  } finally {
    await client.close();
  }
});

test.each(["http://sync.example", "http://sync.example/", "ws://sync.example"])(
  "chunks of a gateway at %s are asked for by one address",
  async (url) => {
    const asked: string[] = [];
    const fetcher = async (address: string | URL | Request) => {
      asked.push(String(address));
      return new Response("text");
    };
    await chunksFrom(() => new Addresses(url).now, token, fetcher)("s", 0, new AbortController().signal);

    expect(asked).toEqual(["http://sync.example/v1/snapshots/s/0"]);
  },
);
