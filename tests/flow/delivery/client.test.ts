// Takes 16 s.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { Rows } from "../../../src/client/live.ts";
import { openStore } from "../../../src/client/store.ts";
import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import { HASH_COLUMNS } from "../../support/chain/evm-tables.ts";
import { READY_MADE } from "../../support/client/ready-made.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { keepJournal } from "../../support/delivery/journal.ts";
import { oracle } from "../../support/delivery/oracle.ts";
import { KnownChain } from "../../support/watch/known-chain.ts";
import { Scenario } from "../../support/worker/scenario.ts";

const ROWS = { blocks: 1, logs: 3 };
const TABLES = ["blocks", "logs"] as const;
const SHAPES = TABLES.map((shape) => ({ shape }));

const source = new GeneratedSource({ blocks: 40, logsPerBlock: ROWS.logs, transactionsPerBlock: 1 });
let scenario: Scenario;
let gateway: TestGateway;
let url: string;

beforeAll(async () => {
  scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 20 });
  scenario.startWorker();
  const sync = await scenario.sync([...TABLES]);
  await sync.reaches();
  await scenario.db.query("select ampsync.publish_dataset('anvil')");
  for (const table of TABLES) {
    await scenario.db.query("select ampsync.create_shape($1, $2, public => true)", [table, `chain.${table}`]);
  }
  await scenario.db.query("create table public.todos (id bigint primary key, title text, weight numeric)");
  await scenario.db.query("select ampsync.publish('public.todos')");
  await scenario.until("the table to be live", async () => {
    const { rows } = await scenario.db.query(
      "select from ampsync.publications where state = 'live' and mode = 'rows'",
    );
    return rows.length === 1;
  });
  await scenario.db.query("select ampsync.create_shape('todos', 'public.todos', public => true)");
  gateway = await TestGateway.start(scenario.db.url);
  url = gateway.url;
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await scenario[Symbol.asyncDispose]();
});

async function headOf(): Promise<string> {
  await scenario.db.query("call ampsync.wait_for_capture()");
  const { rows } = await scenario.db.query("select ampsync.head()::text as head");
  return rows[0]!["head"] as string;
}

/** All of it is the server's, and no step was left out or done twice. */
const agrees = ({ client }: TestClient) => oracle(scenario.db, client);

test("a reorg is one step in a client's live queries, and each step is a chain that was", async () => {
  const known = new KnownChain();
  known.remember(source.chain, ROWS);
  await using one = await TestClient.start(url, { shapes: SHAPES });
  await keepJournal(one.client);
  const faults: string[] = [];
  let steps = 0;
  for (const table of TABLES) {
    const hash = HASH_COLUMNS[table];
    await one.client.ready();
    await one.client.live(
      `select _block_num::text as number, ${hash}::text as hash, count(*)::int as rows
         from chain.${table} group by 1, 2 order by min(_block_num)`,
      [],
      (rows: Rows) => {
        steps++;
        const blocks = rows.map((row) => ({
          number: String(row["number"]),
          hash: String(row["hash"]).replace("\\x", "0x"),
          rows: Number(row["rows"]),
        }));
        faults.push(...known.faultsOf({ table, blocks }));
      },
    );
  }
  for (const depth of [1, 3, 10, 25]) {
    source.reorg(depth, depth + 1);
    known.remember(source.chain, ROWS);
    const before = steps;
    await one.until(`a step of depth ${depth}`, () => steps > before);
  }
  await scenario.until("the server to have the chain", async () => {
    const { rows } = await scenario.db.query("select ampsync.cut('anvil')::text as cut");
    return rows[0]?.["cut"] === String(source.chain.head()?.number);
  });
  await agrees(one);

  expect(faults).toEqual([]);
  const { rows } = await one.client.query("select ampsync.cut('anvil')::text as cut");
  expect(rows).toEqual([{ cut: String(source.chain.head()?.number) }]);
  expect(one.client.status).toMatchObject({ phase: "live", connected: true, lagMs: 0, error: null });
});

test("rows of applications follow, through a gateway that is gone for a while and another one", async () => {
  await scenario.db.query(
    "insert into todos select g, 'todo ' || g, g * 1e18 + 1 from generate_series(1, 20) g",
  );
  await using disposal = new AsyncDisposableStack();
  const elsewhere = disposal.use(await TestGateway.start(scenario.db.url));
  let at = elsewhere.url;
  const Detour = class extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[] | WebSocketInit) {
      super(String(address).replace(/^ws:\/\/[^/]+/, at.replace(/^http/, "ws")), protocols);
    }
  };
  await using one = await TestClient.start(url, { shapes: [{ shape: "todos" }], WebSocket: Detour });
  await keepJournal(one.client);
  await one.client.ready();
  await agrees(one);
  await expect(one.client.query("delete from todos")).rejects.toMatchObject({ code: "SY431" });

  at = url;
  await disposal.disposeAsync();
  await scenario.db.query("update todos set title = null where id % 3 = 0; delete from todos where id > 15");
  one.client.wake();
  await agrees(one);
  const loads = one.client.debug().history.filter(({ what }) => what === "loading");
  expect(loads).toHaveLength(1);

  await scenario.db.query("truncate todos; insert into todos values (1, 'last', 18446744073709551615)");
  await agrees(one);
});

test("subscriptions come and go while connected; a refused one says why", async () => {
  await using one = await TestClient.start(url, { shapes: [], token: () => tokenOf({ sub: "somebody" }) });
  const todos = await one.client.subscribe({ shape: "todos" });
  await todos.ready();
  await agrees(one);
  const nothing = await one.client.subscribe({ shape: "no_such_shape" });
  await expect(nothing.ready()).rejects.toMatchObject({ code: "SY413" });
  await nothing.unsubscribe();
  await todos.unsubscribe();
  await one.until("both to be gone", ({ shapes }) => shapes.length === 0);

  expect((await one.client.query("select from todos")).rows).toEqual([]);
});

test("a client that is ahead of a server that was set back loads what the server has, and follows it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ampsync-ahead-"));
  const options = { shapes: [...SHAPES, { shape: "todos" }], store: join(folder, "store") };
  try {
    await scenario.db.query("insert into todos values (2, 'before', 2) on conflict do nothing");
    {
      await using one = await TestClient.start(url, options);
      await one.client.ready();
      await agrees(one);
    }
    const store = await openStore(options.store, READY_MADE);
    await store.pg.exec(`
      set ampsync.applying = on; delete from todos;
      update ampsync.state set position = position + 100000, blocks = blocks + 100000, stamp = stamp + 1`);
    await store.pg.close();
    store.release();

    await using two = await TestClient.start(url, options);
    const ahead = BigInt(await headOf()) + 50_000n;
    await two.until("the position of the server", ({ position }) => BigInt(position) < ahead);
    await agrees(two);
    await scenario.db.query("insert into todos values (3, 'after', 3) on conflict do nothing");
    await agrees(two);
    const loads = two.client.debug().history.filter(({ what }) => what === "loading");
    expect(loads).toHaveLength(1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
