// Takes 40 s.
import { expect, test } from "vitest";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import type { EmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { TestGateway } from "../support/delivery/gateway.ts";
import { startLand } from "../support/delivery/land.ts";
import { LivingClient } from "../support/delivery/living.ts";
import { late } from "../support/late.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import { connectDatabase, type TestDatabase } from "../support/postgres/database.ts";
import { cutOff, promote, startStandby, untilReplayed } from "../support/postgres/standby.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { postgresAt, TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

/** More than a gateway reads itself: they come in chunks. */
const ITEMS = 2500;
/** Its standby receives nothing that is not on its disk. */
const DURABLE = { synchronous_commit: "on" };

const tablesOf = (loads: readonly string[]) => loads.map((load) => load.split(":")[0]);

test("a standby takes the place of its primary: who had seen more than it has loads all, who had not goes on, and all have what it has", async () => {
  await using servers = new AsyncDisposableStack();
  const connected = (server: EmbeddedPostgres) => {
    const made = connectDatabase("postgres", server.connectionString(), () => server.stop());
    servers.defer(() => made.drop());
    return { ...made, drop: async () => {} };
  };
  const primary = await startPostgres({ dataDir: newDataDir(), persistent: false, settings: DURABLE });
  let present = connected(primary);
  /** Of whoever is the primary. */
  const db: TestDatabase = late(() => present);
  await migrate(db.url, { log: createLog("error", () => {}) });
  const source = new GeneratedSource({ blocks: 30, logsPerBlock: 2, transactionsPerBlock: 1 });
  await using land = await startLand(db, { source, items: ITEMS });
  await using way = await TcpProxy.toPostgres(db.url);
  await using gateway = await TestGateway.start(way.url(db.url));
  await using road = await TcpProxy.toHttp(gateway.url);
  await using ahead = await LivingClient.start(gateway.url, ["todos", "items", "blocks", "logs"]);
  await using own = await LivingClient.start(gateway.url, ["my_todos"]);
  await using behind = await LivingClient.start(`http://127.0.0.1:${road.port}`, ["todos", "blocks"]);
  const write = (title: string, ids: readonly [number, number]) =>
    db.query("insert into todos select n, 'w1', $1 from generate_series($2::int, $3::int) n", [
      title,
      ...ids,
    ]);

  await write("common", [1, 4]);
  const promoted = connected(await startStandby(primary));
  for (const client of [ahead, own, behind]) await client.agrees(db);
  await untilReplayed(db, promoted);
  road.refuses = true;
  road.cutAll();
  await waitFor("one of them to be away", () => !behind.client.status.connected);

  await cutOff(promoted);
  await write("lost", [5, 9]);
  await db.query("update items set body = 'lost' where id < 50; delete from items where id > 2400");
  source.reorg(3, 5);
  for (const client of [ahead, own]) await client.agrees(db);
  const states = new Set<string>();
  await ahead.client.live("select count(*)::int as n from todos", [], ([row]) => {
    states.add(String((row as { n: unknown }).n));
  });

  // It runs on, and nobody reaches it.
  way.refuses = true;
  way.cutAll();
  await land.worker.kill();
  await promote(promoted);
  present = promoted;
  way.target = postgresAt(db.url);
  way.refuses = false;
  road.refuses = false;
  land.startWorker();
  await waitFor("capture to go on behind another slot", async () => {
    await land.wakeSupervisor();
    const { rows } = await db.query(
      "select p.state, p.floor > $1::bigint as is_above from ampsync_private.published p where p.mode = 'rows'",
      [behind.client.status.position],
    );
    return rows.every(({ state, is_above }) => state === "live" && is_above);
  });
  await write("now", [5, 6]);
  source.reorg(4, 8);

  for (const client of [ahead, own, behind]) await client.agrees(db);
  const forked = (client: LivingClient) => client.loads.filter((load) => load.endsWith(": forked"));
  expect(forked(ahead)).toEqual(
    ["chain.blocks", "chain.logs", "public.items", "public.todos"].map((table) => `${table}: forked`),
  );
  expect(forked(own)).toEqual(["public.todos: forked"]);
  // A load that is under way when the slot is found to be gone begins once more.
  for (const { loads } of [ahead, own])
    expect(loads.length).toBeLessThanOrEqual(2 * new Set(tablesOf(loads)).size);
  expect(behind.loads).toEqual(["public.todos: below the table's floor"]);
  expect([...states]).toEqual(["9", "6"]);
});
