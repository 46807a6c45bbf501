// Takes 52 s.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";
import { expect, test } from "vitest";
import type { EmbeddedPostgres } from "../../../src/embedded/postgres.ts";
import { findPostmaster } from "../../../src/embedded/postmaster.ts";
import { migrate } from "../../../src/install/migrate.ts";
import { createLog } from "../../../src/log.ts";
import { textOf } from "../../../src/model/failure.ts";
import { createLoadedTables, LOADED_TABLES, Load } from "../../support/capture/load.ts";
import { beginLedger, expectExactLog } from "../../support/capture/oracle.ts";
import { logged, publish, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { connectDatabase, type TestDatabase } from "../../support/postgres/database.ts";
import { startPostgres } from "../../support/postgres/start-postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

/** What is not flushed by whoever commits stays in memory, and is gone with it. */
const SETTINGS = { synchronous_commit: "off", wal_writer_delay: "10s" };

/** A server of its own, which is there again after it was ended at once, as by a crash. */
class CrashingServer implements AsyncDisposable {
  readonly #folder: string;
  #server: EmbeddedPostgres;

  private constructor(folder: string, server: EmbeddedPostgres) {
    this.#folder = folder;
    this.#server = server;
  }

  static async start(): Promise<CrashingServer> {
    const folder = await mkdtemp(join(tmpdir(), "ampsync-crash-"));
    return new CrashingServer(folder, await launch(folder));
  }

  connect(): TestDatabase {
    return connectDatabase("postgres", this.#server.connectionString(), async () => {});
  }

  /** SIGQUIT: as a crash; SIGINT: as `pg_ctl stop` does by default. */
  async end(signal: "SIGQUIT" | "SIGINT"): Promise<void> {
    const { dataDir } = this.#server;
    process.kill((await findPostmaster(dataDir))!.pid, signal);
    await waitFor("the server to be gone", async () => (await findPostmaster(dataDir)) === null);
    await this.#server.stop();
    this.#server = await launch(this.#folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
    await rm(this.#folder, { recursive: true });
  }
}

function launch(folder: string): Promise<EmbeddedPostgres> {
  return startPostgres({ dataDir: join(folder, "data"), persistent: true, settings: SETTINGS });
}

test("what the log was seen to have it has after a crash of a server that commits without a flush, and nothing twice", async () => {
  await using server = await CrashingServer.start();
  let db = server.connect();
  await migrate(db.url, { log: createLog("error", () => {}) });
  await createLoadedTables(db);
  await publish(db, LOADED_TABLES);
  await beginLedger(db);
  for (const seed of [1, 2]) {
    {
      const pass = startPass(db, { operationMs: 100 });
      const load = await Load.start(db, { seed, pauseMs: 5 });
      await untilCaptured(db);
      await waitFor("something to be written", () => load.written > 20);
      const seen = await logged(db);
      const crashing = server.end("SIGQUIT");
      await Promise.allSettled([load.stop(), pass.stop()]);
      await crashing;
      await db.drop();
      db = server.connect();
      const found = await logged(db);
      expect(found.slice(0, seen.length)).toEqual(seen);
    }
    await using _again = startPass(db);
    await untilCaptured(db);
    await expectExactLog(db);
  }
  await db.drop();
});

test("a server that is stopped does not wait for the pass, which idle WAL keeps nobody from, and loses nothing", async () => {
  await using server = await CrashingServer.start();
  let db = server.connect();
  await migrate(db.url, { log: createLog("error", () => {}) });
  await db.query("create table todos (id int primary key)");
  await publish(db, ["todos"]);
  {
    await using _pass = startPass(db);
    await db.query("insert into todos values (1)");
    await untilCaptured(db);
    await db.query("create table others (id int); insert into others values (1)"); // Nothing of it is ours.
    await db.drop();
    await server.end("SIGINT");
  }
  db = server.connect();
  const { rows } = await db.query(
    `select s.confirmed_flush_lsn <= greatest(c.end_lsn, c.idle_lsn) as is_stored
       from ampsync_private.capture c join pg_replication_slots s on s.slot_name = c.slot`,
  );
  expect(rows).toEqual([{ is_stored: true }]);
  await using _again = startPass(db);
  await db.query("insert into todos values (2)");
  await untilCaptured(db);
  expect((await logged(db)).map(({ key }) => key)).toEqual(['["1"]', '["2"]']);
  await db.drop();
});

test.each([
  ["capture_before_store", "insert into todos select n, repeat('x', 3000) from generate_series(1, 3000) n"],
  [
    "capture_before_commit",
    "do $$ begin for n in 1..3000 loop insert into todos values (n, repeat('x', 3000)); commit; end loop; end $$",
  ],
] as const)(
  "a server that is stopped while a pass is busy (%s) does not wait for it, and loses nothing",
  async (busy, statement) => {
    await using server = await CrashingServer.start();
    let db = server.connect();
    await migrate(db.url, { log: createLog("error", () => {}) });
    await db.query("create table todos (id int primary key, v text)");
    await publish(db, ["todos"]);
    {
      const held = Promise.withResolvers<void>();
      const comes = Promise.withResolvers<void>();
      await using _pass = startPass(db, {
        at: (point) => {
          if (point !== busy) return;
          comes.resolve();
          return held.promise;
        },
      });
      await db.query(statement);
      await comes.promise;
      const { url } = db;
      await db.drop();
      const ended = server.end("SIGINT");
      await waitFor("the server to stop", async () => (await refusal(url)) !== null);
      held.resolve();
      await ended;
    }
    db = server.connect();
    await using _again = startPass(db);
    await untilCaptured(db);
    expect(new Set((await logged(db)).map(({ key }) => key)).size).toBe(3000);
    await db.drop();
  },
);

/** Why a server admits nobody. */
async function refusal(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  try {
    await client.connect();
    return null;
  } catch (error) {
    return textOf(error, "code");
  } finally {
    await client.end().catch(() => {});
  }
}
