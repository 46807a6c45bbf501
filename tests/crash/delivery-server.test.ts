import { afterAll, beforeAll, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { TestClient } from "../support/client/test-client.ts";
import { TestGateway } from "../support/delivery/gateway.ts";
import { keepJournal } from "../support/delivery/journal.ts";
import { startLand } from "../support/delivery/land.ts";
import { LivingClient } from "../support/delivery/living.ts";
import { oracle } from "../support/delivery/oracle.ts";
import { late } from "../support/late.ts";
import { StoppingServer } from "../support/postgres/stopping-server.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import type { Scenario } from "../support/worker/scenario.ts";

// Clients, a gateway and a worker live through what happens to their server: it is started again, set back, crashes.

/** More than a gateway reads itself: they come in chunks. */
const ITEMS = 3000;

const source = new GeneratedSource({ blocks: 30, logsPerBlock: 2, transactionsPerBlock: 1 });
let server: StoppingServer;
let land: Scenario;
/** Between the gateway and the server. */
let way: TcpProxy;
let gateway: TestGateway;
const db = late(() => server.db);

beforeAll(async () => {
  server = await StoppingServer.start();
  land = await startLand(db, { source, items: ITEMS });
  way = await TcpProxy.toPostgres(server.url);
  gateway = await TestGateway.start(way.url(server.url));
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await way[Symbol.asyncDispose]();
  await land[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Waits until the log has all that was committed. */
async function captured(): Promise<void> {
  await waitFor("capture to have all", async () => {
    // graphile-worker ends where the result of a job meets a server that stops: as people do, it is started again.
    if (land.worker.hasEnded) land.startWorker();
    // What is queued for later, after an error, is due now.
    await db.query("select ampsync_private.schedule_capture()");
    return await db.query("call ampsync.wait_for_capture()").then(
      () => true,
      () => false,
    );
  });
}

async function agree(clients: readonly LivingClient[]): Promise<void> {
  await captured();
  for (const client of clients) await client.agrees(db);
}

const write = (title: string) =>
  db.query(
    `insert into todos select n, 'w1', $1 from generate_series(1, 4) n
       on conflict (id) do update set title = excluded.title`,
    [title],
  );

async function isSetBack(): Promise<void> {
  await using all = await LivingClient.start(gateway.url, ["todos", "items", "blocks", "logs"]);
  await using own = await LivingClient.start(gateway.url, ["my_todos"]);
  await write("common");
  await agree([all, own]);
  await server.stop();
  await server.keep();
  await server.again();
  await write("common again");
  await agree([all, own]);
  // That it was started again costs nobody a load.
  expect([...all.loads, ...own.loads]).toEqual([]);

  await write("never");
  await db.query("insert into todos select n, 'w1', 'never' from generate_series(100, 200) n");
  await db.query("update items set body = 'never' where id < 50; delete from items where id > 2990");
  await db.query("select ampsync.create_shape('late', 'public.items', columns => '{id}', public => true)");
  source.reorg(3, 5);
  const late = await own.client.subscribe({ shape: "late" });
  await agree([all, own]);
  await late.unsubscribe();
  await agree([own]);
  const states = new Set<string>();
  await all.client.live("select distinct title from todos where id <= 4", [], (rows) => {
    states.add(rows.map((row) => String((row as { title: unknown }).title)).join());
  });
  const { position } = all.client.status;
  for (const client of [all, own]) client.forget();

  await server.stop();
  way.refuses = true;
  await server.setBack();
  await server.again();
  await db.query("select ampsync.create_shape('late', 'public.items', public => true)");
  await db.query(
    `do $$ begin for n in 1..1000 loop insert into todos values (100 + n, 'w' || n % 3, n); commit; end loop; end $$`,
  );
  await write("now");
  source.reorg(4, 8);
  await captured();
  const { rows } = await db.query("select ampsync.head() > $1::bigint as passed", [position]);
  expect(rows).toEqual([{ passed: true }]);
  way.refuses = false;

  await agree([all, own]);
  expect(all.loads).toEqual(
    ["chain.blocks", "chain.logs", "public.items", "public.todos"].map((table) => `${table}: forked`),
  );
  expect(own.loads).toEqual(["public.todos: forked"]);
  expect([...states]).toEqual(["never", "now"]);
  // Of the other life the gateway knew a shape of the same number, with one column.
  await (await own.client.subscribe({ shape: "late" })).ready();
  const { rows: bodies } = await own.client.query("select count(body)::int as n from items");
  expect(bodies).toEqual([{ n: ITEMS }]);
}

async function crashesAmidALoad(): Promise<void> {
  const amid = Promise.withResolvers<void>();
  const goesOn = Promise.withResolvers<void>();
  let fetched = 0;
  const held: typeof fetch = async (input, init) => {
    if (fetched++ > 0) {
      amid.resolve();
      await goesOn.promise;
    }
    return await fetch(input, init);
  };
  await using one = await TestClient.start(gateway.url, { shapes: [{ shape: "items" }], fetch: held });
  await keepJournal(one.client);
  await amid.promise;
  await server.crash();
  await server.again();
  await db.query("update items set body = 'after' where id < 20; delete from items where id = 20");
  goesOn.resolve();
  await captured();
  await waitFor("the load to end", () => {
    one.client.wake();
    return one.client.status.phase === "live";
  });
  await oracle(db, one.client);
  const { rows } = await db.query(
    "select distinct error ->> 'message' as why from ampsync_private.snapshot where state = 'failed'",
  );
  expect(rows).toEqual([{ why: "chunks of it are gone" }]);
}

const HAPPENINGS: readonly [string, () => Promise<void>][] = [
  [
    "a server that was set back is noticed, even if its log has long passed the positions of those who lived through it",
    isSetBack,
  ],
  [
    "a crash of the server amid a load takes the chunks: the client gets others, and has each row once",
    crashesAmidALoad,
  ],
];

test.each(someCases(HAPPENINGS))(`%s (${CASES})`, async (_, run) => await run());
