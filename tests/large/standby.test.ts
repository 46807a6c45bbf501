// Takes 85 s.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";
import { expect, test } from "vitest";

import { startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { waitFor } from "../support/wait-for.ts";
import { Worker } from "../support/worker/worker.ts";

/** A server of its own: the setting is one of the whole server. */
test("while a synchronous standby is gone leases are kept, connections are constant, and the view says why; then all goes on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ampsync-standby-"));
  const postgres = await startPostgres({ dataDir: join(folder, "data"), persistent: true });
  const source = new GeneratedSource({ blocks: 50 });
  const server = await startDevServer({ source });
  const databaseUrl = postgres.connectionString();
  await migrate(databaseUrl, { log: createLog("error", () => {}) });
  const db = new pg.Client({ connectionString: databaseUrl, application_name: "test" });
  await db.connect();
  await db.query("set synchronous_commit = off");
  const teller = new pg.Client({ connectionString: databaseUrl, application_name: "test" });
  teller.on("error", () => {}); // It ends with its server, at the latest.
  await teller.connect();
  const { flightAddress, adminAddress } = server;
  const worker = new Worker({ databaseUrl, flightAddress, adminAddress });

  const one = async <T>(sql: string): Promise<T> =>
    Object.values((await db.query(sql)).rows[0] ?? {})[0] as T;
  const connections = () =>
    one<number>("select count(*)::int from pg_stat_activity where application_name like 'ampsync%'");
  const blocks = () => one<number>("select min(block)::int from ampsync.streams having count(*) = 2");
  try {
    // No job builds indexes meanwhile: its commit would wait with the row of a stream.
    await db.query("select ampsync.enqueue_sync('anvil', tables => '{blocks,logs}', block_index => 'none')");
    await waitFor("all live", async () =>
      one("select count(*) = 2 and bool_and(state = 'live') from ampsync.streams"),
    );
    await db.query("create table told (n int)");
    await db.query("alter system set synchronous_standby_names = 'nobody'");
    await db.query("select pg_reload_conf()");
    await waitFor("the setting", async () => (await one("show synchronous_standby_names")) === "nobody");
    source.mine(3);
    await waitFor("both to say what they wait for", async () =>
      one(
        "select count(*) = 2 from ampsync.streams where reason like 'the commit has waited % s for a synchronous standby'",
      ),
    );
    const before = await connections();
    // Whoever notifies holds, until his commit is over, a lock that all who notify need.
    const told = teller.query("insert into told values (1); notify anybody").catch((error: unknown) => error);
    const beats = await one<Date>("select min(lease_until) + interval '50 s' from ampsync_private.lease");
    await waitFor(
      "heartbeats for another 50 s",
      async () => (await one<Date>("select min(lease_until) from ampsync_private.lease")) >= beats,
      90_000,
    );
    expect(await connections()).toBeLessThanOrEqual(before + 1); // graphile-worker's pool breathes.
    expect(await blocks()).toBe(49);

    await db.query("alter system reset synchronous_standby_names");
    await db.query("select pg_reload_conf()");
    expect(await told).not.toBeInstanceOf(Error);
    await waitFor("all to go on", async () => (await blocks()) === 52);
    await waitFor("nothing to be said but that the chain rests", async () =>
      one("select bool_and(coalesce(reason like 'waits for the next block;%', true)) from ampsync.streams"),
    );
    expect(await one("select count(*)::int from ampsync.events where event = 'lease_taken_over'")).toBe(0);
  } finally {
    await worker[Symbol.asyncDispose]();
    await db.query("alter system reset synchronous_standby_names");
    await db.query("select pg_reload_conf()");
    await teller.end();
    await db.end();
    await server.stop();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
