// Takes 71 s.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import type { EmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { late } from "../support/late.ts";
import { connectDatabase, type TestDatabase } from "../support/postgres/database.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { waitFor } from "../support/wait-for.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const TABLES = ["blocks", "logs", "transactions"] as const;
const DATASETS = 4;

/** A server of its own, which the tests stop. */
let folder: string;
let postgres: EmbeddedPostgres;
let db: TestDatabase;
let scenario: Scenario;

async function start(settings: Record<string, string> = {}): Promise<void> {
  postgres = await startPostgres({ dataDir: join(folder, "data"), persistent: true, settings });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ampsync-restart-"));
  await start();
  const url = postgres.connectionString();
  await migrate(url, { log: createLog("error", () => {}) });
  db = connectDatabase("postgres", url, async () => {});
  scenario = await Scenario.start({ db: late(() => db) });
});
afterEach(async () => {
  await scenario[Symbol.asyncDispose]();
  await postgres.stop();
  await rm(folder, { recursive: true });
});

async function holders(): Promise<Map<string, string>> {
  const { rows } = await db.query("select target, worker from ampsync.streams where worker is not null");
  return new Map(rows.map((row) => [row["target"], row["worker"]]));
}

/** Two workers, each with streams; all at the head. */
async function sharedStreams(): Promise<Sync[]> {
  scenario.startWorker();
  scenario.startWorker();
  await scenario.until("both workers", async () => {
    const { rowCount } = await db.query("select from ampsync_private.worker where had_lock");
    return rowCount === 2;
  });
  const syncs: Sync[] = [];
  for (let i = 0; i < DATASETS; i++) {
    syncs.push(await scenario.follow(new GeneratedSource({ blocks: 100, seed: i + 1 }), TABLES));
  }
  for (const sync of syncs) await sync.reaches();
  // graphile-worker ends its process where the result of a job meets a server that stops: only passes run then.
  await scenario.until("nothing but passes to run", async () => {
    const { rowCount } = await db.query(
      "select from ampsync.jobs where task <> 'ampsync_stream' and state in ('ready', 'running')",
    );
    const { rowCount: building } = await db.query("select from ampsync.indexes where state <> 'valid'");
    return rowCount === 0 && building === 0;
  });
  await scenario.until("the streams to be shared, and none to be on its way", async () => {
    const counts = Object.values(Object.groupBy((await holders()).values(), (worker) => worker));
    return counts.map((streams) => streams?.length).join() === "6,6";
  });
  return syncs;
}

async function expectSameHolders(before: Map<string, string>, syncs: readonly Sync[]): Promise<void> {
  for (const sync of syncs) (sync.source as GeneratedSource).mine(3);
  for (const sync of syncs) await sync.catchesUp();
  await waitFor("all streams to be held", async () => (await holders()).size === before.size);
  const after = await holders();
  const kept = [...before].filter(([target, worker]) => after.get(target) === worker);
  expect(kept.length).toBeGreaterThanOrEqual(0.9 * before.size);
  expect(await scenario.events("workers_freed")).toBe(0);
  for (const sync of syncs) await sync.expectSourceRows();
}

test("a restart of the server with two workers: nobody is taken for dead, and each keeps its streams", async () => {
  const syncs = await sharedStreams();
  const before = await holders();
  const url = postgres.connectionString();
  await postgres.stop();
  await start({ port: new URL(url).port });
  db = connectDatabase("postgres", url, async () => {});
  await expectSameHolders(before, syncs);
});

test("a backend that crashes takes all sessions with it, and the server counts as started long ago: the same", async () => {
  const syncs = await sharedStreams();
  const before = await holders();
  await waitFor("the server to be older than 5 s", async () => {
    const { rows } = await db.query("select now() - pg_postmaster_start_time() > interval '6 s' as is_older");
    return rows[0]!["is_older"];
  });
  const victim = await db.client();
  const witness = await db.client();
  const { rows } = await victim.query("select pg_backend_pid() as pid");
  process.kill(rows[0].pid, "SIGKILL");
  // A moment passes before the server notices, and ends all others.
  await waitFor("the server to end its sessions", () =>
    witness.query("select").then(
      () => false,
      () => true,
    ),
  );
  await waitFor("the server to be back", async () => {
    db = connectDatabase("postgres", postgres.connectionString(), async () => {});
    return db.query("select").then(
      () => true,
      () => false,
    );
  });
  await expectSameHolders(before, syncs);
});
