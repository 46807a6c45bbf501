// Takes 12 s.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import type { EmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import { connectDatabase, type TestDatabase } from "../support/postgres/database.ts";
import { LogFollower } from "../support/postgres/log-follower.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";

/** Commits wait for nothing by default, and what they wrote stays in memory for long: a crash takes it away. */
const SETTINGS = {
  wal_level: "replica",
  max_wal_senders: "0",
  synchronous_commit: "off",
  wal_writer_delay: "10s",
};

let dataDir: string;
let postgres: EmbeddedPostgres;
let db: TestDatabase;

async function start(): Promise<void> {
  postgres = await startPostgres({ dataDir, persistent: true, settings: SETTINGS });
  db = connectDatabase("postgres", postgres.connectionString(), async () => {});
}

/** The server ends as if its machine had lost what it had not written. */
async function crash(): Promise<void> {
  await db.drop();
  const pid = (await readFile(join(dataDir, "postmaster.pid"), "utf8")).split("\n")[0];
  process.kill(Number(pid), "SIGQUIT");
  await postgres.stop();
}

beforeEach(async () => {
  dataDir = newDataDir();
  await start();
  await migrate(postgres.connectionString(), { log: createLog("error", () => {}) });
});
afterEach(async () => {
  await db.drop();
  await postgres.stop();
  await rm(dataDir, { recursive: true });
});

async function head(): Promise<number> {
  return Number((await db.query("select ampsync.head() as head")).rows[0]!["head"]);
}

test("a log without any slot: a crash takes away nothing that was seen, and hands no position out again", async () => {
  expect((await db.query("show wal_level")).rows).toEqual([{ wal_level: "replica" }]);
  const stream = await SqlStream.prepare(db);
  await db.query("select ampsync.publish_dataset('chain')");
  await db.query("select ampsync_worker.activate_targets()");
  await stream.commit(0, 9);
  await stream.commit(10, 19);
  const seen = await head();
  const [cursor] = (
    await db.query("select epoch_id, position from ampsync.read_changes(0) order by position desc")
  ).rows;

  await crash();
  await start();
  expect(await head()).toBe(seen);
  expect(await stream.through(db).rows()).toMatch(/ a19$/);
  const again = stream.through(db);
  await again.commit(20, 29);
  expect(await head()).toBeGreaterThan(seen);

  // Who stood at the head goes on, in a new epoch.
  const { rows } = await db.query("select position, operation, epoch_id from ampsync.read_changes($1, $2)", [
    cursor!["position"],
    cursor!["epoch_id"],
  ]);
  expect(rows).toMatchObject([{ operation: "append" }]);
  expect(rows[0]!["epoch_id"]).not.toBe(cursor!["epoch_id"]);
  const { rows: epochs } = await db.query(
    "select reason, forked_at from ampsync_private.log_epoch order by number",
  );
  expect(epochs).toEqual([
    { reason: "the log began", forked_at: "0" },
    { reason: "the server was started", forked_at: String(seen) },
  ]);
  expect(await new LogFollower(db).step()).toEqual([]);
});

test("a copy of the database is another life: positions that one of both handed out mean nothing to the other", async () => {
  const stream = await SqlStream.prepare(db);
  await db.query("select ampsync.publish_dataset('chain')");
  await db.query("select ampsync_worker.activate_targets()");
  await stream.commit(0, 9);
  const common = await head();
  const { rows: epochs } = await db.query("select ampsync_private.check_epoch() as epoch");
  await db.drop();
  const admin = connectDatabase("template1", postgres.connectionString("template1"), async () => {});
  await admin.query("create database copied template postgres");
  await admin.drop();

  const copy = connectDatabase("copied", postgres.connectionString("copied"), async () => {});
  db = connectDatabase("postgres", postgres.connectionString(), async () => {});
  for (const [of, blocks] of [
    [db, 2],
    [copy, 1],
  ] as const) {
    for (let n = 0; n < blocks; n++) await stream.through(of).commit(10 + n, 10 + n);
  }
  const epoch = epochs[0]!["epoch"];
  const read = (of: TestDatabase, after: number) =>
    of.query("select operation from ampsync.read_changes($1, $2)", [after, epoch]);
  expect((await read(db, common + 1)).rowCount).toBe(1);
  expect((await read(copy, common)).rowCount).toBe(1);
  await expect(read(copy, common + 1)).rejects.toThrow("is of another life of this database");
  const { rows } = await copy.query(
    "select reason from ampsync_private.log_epoch order by number desc limit 1",
  );
  expect(rows).toEqual([{ reason: "this is another database" }]);
  await copy.drop();
});
