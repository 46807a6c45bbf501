// Takes 33 s.
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { waitFor } from "../support/wait-for.ts";
import { Worker } from "../support/worker/worker.ts";
import { MAIN, type WorkerOptions } from "../support/worker/worker-process.ts";

const BLOCKS = 40;
/** An address at which nobody listens. */
const NOBODY = "http://127.0.0.1:1";
let server: DevServer;

beforeAll(async () => {
  server = await startDevServer({ source: new GeneratedSource({ blocks: BLOCKS }) });
});

afterAll(() => server.stop());

function startSync(
  db: TestDatabase,
  env: Record<string, string> = {},
  options: Partial<WorkerOptions> & { readonly flags?: readonly string[] } = {},
): Worker {
  const { flags = [], ...others } = options;
  const addresses = { flightAddress: server.flightAddress, adminAddress: server.adminAddress };
  return new Worker({ databaseUrl: db.url, ...addresses, env, ...others }, [MAIN, "sync", ...flags]);
}

async function isLoaded(db: TestDatabase): Promise<boolean> {
  const { rows } = await db.query("select to_regclass('public.blocks') is not null as made");
  if (!rows[0]!["made"]) return false;
  return (await db.query("select count(*)::int as n from public.blocks")).rows[0]!["n"] === BLOCKS;
}

async function stop(worker: Worker): Promise<void> {
  worker.signal("SIGTERM");
  expect(await worker.ended).toEqual({ code: 0, signal: null });
  expect(worker.hasSaid("shutdown_complete") || worker.hasSaid("worker_waiting")).toBe(true);
}

async function datasets(db: TestDatabase) {
  const { rows } = await db.query(
    "select label, tables, target_schema, retention_blocks from ampsync_private.dataset order by label",
  );
  return rows;
}

describe("ampsync sync", () => {
  test("installs, loads the dataset of its settings, and does so again without a change", async () => {
    await using db = await createDatabase({ empty: true });
    const first = startSync(
      db,
      { DATASET: "anvil", TABLES: "logs", RETENTION_BLOCKS: "256" },
      {
        flags: ["-t", "blocks"],
      },
    );
    await waitFor("the blocks of the chain in public.blocks", () => isLoaded(db));
    expect(first.hasSaid("starting_dataset_sync")).toBe(true);
    await stop(first);
    const stored = [{ label: "anvil", tables: ["blocks"], target_schema: "public", retention_blocks: 256 }];
    expect(await datasets(db)).toEqual(stored);

    await db.query("select ampsync.alter_sync('anvil', retention_blocks => 300)");
    const second = startSync(db, { DATASET: "anvil", RETENTION_BLOCKS: "256" });
    await waitFor("the second start to say what it keeps", () => second.hasSaid("stored_option_kept"));
    await stop(second);
    expect(await datasets(db)).toEqual([{ ...stored[0], retention_blocks: 300 }]);
  });

  test("may be started twice at once", async () => {
    await using db = await createDatabase({ empty: true });
    const both = [1, 2].map(() => startSync(db, { DATASET: "_/anvil@0.0.0", TABLES: "blocks" }));
    await waitFor("the blocks of the chain in public.blocks", () => isLoaded(db));
    await waitFor("both to work", () => both.every((worker) => worker.hasSaid("starting_dataset_sync")));
    await Promise.all(both.map(stop));
    expect(await datasets(db)).toMatchObject([{ label: "anvil@0.0.0", tables: ["blocks"] }]);
  });

  test("starts while the Amp server is down, and shows what it waits for", async () => {
    await using db = await createDatabase();
    const worker = startSync(db, { DATASET: "anvil" }, { flightAddress: NOBODY, adminAddress: NOBODY });
    await waitFor("the dataset to wait for the server", async () => {
      const { rows } = await db.query("select state, error_code from ampsync.status");
      return rows[0]?.["state"] === "waiting" && rows[0]["error_code"] === "SY104";
    });
    expect(worker.hasEnded).toBe(false);
    await stop(worker);
  });

  test("works without a dataset, which says what is missing from its settings", async () => {
    await using db = await createDatabase({ empty: true });
    const worker = startSync(db, { TABLES: "blocks" });
    await waitFor("a worker", async () => {
      const { rows } = await db.query("select to_regclass('ampsync.workers') is not null as made");
      return rows[0]!["made"] && (await db.query("select from ampsync.workers")).rowCount === 1;
    });
    expect(worker.hasSaid("TABLES: not used without DATASET")).toBe(true);
    await stop(worker);
    expect(await datasets(db)).toEqual([]);
  });

  test("ends with its error, and with exit code 1, where the dataset cannot be as its settings say", async () => {
    await using db = await createDatabase();
    await db.query("select ampsync.enqueue_sync('anvil')");
    await db.query(
      "select ampsync_worker.register_streams(dataset_id, '0.0.0', null, '{blocks,logs}') from ampsync_private.dataset",
    );
    const worker = startSync(db, { DATASET: "anvil", TABLES: "blocks" });
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.tail()).toMatch(/ERROR SY004: synced tables of anvil cannot be left out: logs/);
    expect(worker.tail()).toMatch(/HINT: select ampsync\.enqueue_sync\('anvil', tables =>/);
  });

  test("of a role that may not install says so, and waits for ampsync migrate", async () => {
    await using db = await createDatabase({ empty: true });
    const role = `installs_nothing_${process.pid}`;
    await db.query(
      `revoke create on database ${db.name} from public; create role ${role} login password 'secret'`,
    );
    try {
      const url = new URL(db.url);
      url.username = role;
      url.password = "secret";
      const worker = startSync(db, { DATASET: "anvil" }, { databaseUrl: url.href });
      await waitFor("the reason", () => worker.hasSaid("migrate_not_permitted"));
      await waitFor("the wait", () => worker.hasSaid("worker_waiting"));
      await stop(worker);
      const { rows } = await db.query(
        "select count(*)::int as n from pg_namespace where nspname like 'ampsync%'",
      );
      expect(rows).toEqual([{ n: 0 }]);
    } finally {
      await db.query(`drop role ${pg.escapeIdentifier(role)}`);
    }
  });
});

describe("a worker", () => {
  test("starts no dataset, and says so", async () => {
    await using db = await createDatabase();
    const addresses = { flightAddress: NOBODY, adminAddress: NOBODY };
    const worker = new Worker({ databaseUrl: db.url, ...addresses, env: { DATASET: "anvil" } }, [
      MAIN,
      "worker",
    ]);
    await waitFor("the warning", () => worker.hasSaid("DATASET: used by ampsync sync alone"));
    await waitFor("a worker", async () => (await db.query("select from ampsync.workers")).rowCount === 1);
    await stop(worker);
    expect(await datasets(db)).toEqual([]);
  });
});
