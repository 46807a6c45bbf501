// Takes 41 s.
import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import type { EmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { Follower } from "../support/capture/follower.ts";
import { logged, publish, startPass, untilCaptured } from "../support/capture/rig.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import { connectDatabase, type TestDatabase } from "../support/postgres/database.ts";
import { journaledDetails } from "../support/postgres/journal.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";
import { cutOff, promote, startStandby, untilReplayed } from "../support/postgres/standby.ts";
import { startPostgres, testedMajor } from "../support/postgres/start-postgres.ts";
import { tendPublication } from "../support/postgres/tended.ts";

const log = createLog("error", () => {});
/** What is not flushed is not told to consumers. */
const DURABLE = { synchronous_commit: "on" };
/** The major version of a server that the pg_dump of this machine can read; null: there is none. */
const dump = majorOfDump();

function majorOfDump(): string | null {
  try {
    const [, major] = / (\d+)/.exec(execFileSync("pg_dump", ["--version"], { encoding: "utf8" })) ?? [];
    return Number(major) < 15 ? null : String(Math.min(Number(major), 18));
  } catch {
    return null;
  }
}

async function restore(url: string, text: string): Promise<void> {
  const psql = promisify(execFile)("psql", [
    "-X",
    "-q",
    "-v",
    "ON_ERROR_STOP=1",
    "--single-transaction",
    url,
  ]);
  psql.child.stdin!.end(text);
  await psql;
}

function connected(server: EmbeddedPostgres): TestDatabase {
  return connectDatabase("postgres", server.connectionString(), () => server.stop());
}

async function originalServer(major: string | null = testedMajor()) {
  const server = await startPostgres({ dataDir: newDataDir(), persistent: false, major, settings: DURABLE });
  const db = connected(server);
  await migrate(db.url, { log });
  return { server, db };
}

/** A captured table and a dataset, both with something in the log. */
async function publishBoth(db: TestDatabase): Promise<SqlStream> {
  await db.query("create table todos (id integer primary key, title text)");
  await publish(db, ["todos"]);
  const stream = await SqlStream.prepare(db);
  await db.query("select ampsync.publish_dataset('chain')");
  await db.query("select ampsync_worker.activate_targets()");
  return stream;
}

/** The slot has told all, and nobody reads it any more. */
async function capture(db: TestDatabase): Promise<void> {
  await using _pass = startPass(db);
  await untilCaptured(db);
}

async function one(db: TestDatabase, query: string): Promise<string | null> {
  const { rows } = await db.query(`select (${query})::text as value`);
  return rows[0]!["value"];
}

/** Where a reader of the log stands. */
async function cursor(db: TestDatabase) {
  const { rows } = await db.query(
    `select ampsync.head() as position,
            (select e.epoch from ampsync_private.log_epoch e order by e.number desc limit 1) as epoch`,
  );
  return { position: BigInt(rows[0]!["position"]), epoch: rows[0]!["epoch"] as string };
}

async function read(db: TestDatabase, position: bigint, epoch: string | null) {
  const { rows } = await db.query(
    "select kind, operation, table_name from ampsync.read_changes($1, $2) order by position",
    [String(position), epoch],
  );
  return rows;
}

/** What a supervisor and its job do on a server that has become another one. */
async function supervise(db: TestDatabase): Promise<readonly string[]> {
  await db.query("select ampsync_worker.activate_targets()");
  return await tendPublication(db);
}

/** 100 writes come into the log, each once, and whoever follows it has the table. */
async function expectGoesOn(db: TestDatabase): Promise<void> {
  const before = (await logged(db)).length;
  const url = new URL(db.url);
  await db.query("create database follower");
  url.pathname = "/follower";
  await migrate(url.href, { log }); // It uses a function of ours.
  const own = connectDatabase("follower", url.href, async () => {});
  const follower = new Follower(db, own);
  const table = Number(
    await one(
      db,
      "select p.published_id from ampsync_private.published p where p.relation = 'todos'::regclass",
    ),
  );
  await follower.follow(table);
  await using pass = startPass(db);
  for (let n = 0; n < 100; n++) await db.query("insert into todos values ($1, 'later')", [1000 + n]);
  await untilCaptured(db);
  expect(pass.lines.filter((line) => line.includes("capture_ended"))).toEqual([]);
  expect((await logged(db)).slice(before).filter(({ data }) => data?.["title"] === "later")).toHaveLength(
    100,
  );
  await follower.follow(table);
  expect(await follower.rows(table)).toEqual(await follower.expected(table));
  await own.drop();
}

/** The newest epoch: why it began, and where. */
async function fork(db: TestDatabase) {
  const { rows } = await db.query(
    "select e.reason, e.forked_at from ampsync_private.log_epoch e order by e.number desc limit 1",
  );
  return { reason: rows[0]!["reason"], at: BigInt(rows[0]!["forked_at"]) };
}

const gaps = async (db: TestDatabase) =>
  (await journaledDetails(db, "capture_gap")).map(({ code }) => code as string);

test("a promoted standby is another life: its slot is gone, the gap is a floor, and who has seen more than it has is told where to begin", async () => {
  const { server, db } = await originalServer();
  const stream = await publishBoth(db);
  await db.query("insert into todos values (1, 'common')");
  await stream.commit(0, 9);
  await capture(db);
  const common = await cursor(db);
  const promoted = connected(await startStandby(server));
  await untilReplayed(db, promoted);
  await cutOff(promoted);
  await stream.commit(10, 19);
  await db.query("insert into todos values (2, 'lost')");
  await capture(db);
  const lost = await cursor(db);

  await promote(promoted);
  await expect(read(promoted, lost.position, lost.epoch)).rejects.toMatchObject({ code: "SY406" });
  expect(await supervise(promoted)).toEqual(expect.arrayContaining(["slot_created", "gap_opened"]));
  expect(await fork(promoted)).toEqual({
    reason: "this server was promoted or restored",
    at: common.position,
  });
  expect(await gaps(promoted)).toEqual(["slot_dropped"]);
  const now = await cursor(promoted);
  const refused = await read(promoted, lost.position, lost.epoch).catch((error) => error);
  expect(refused).toMatchObject({
    code: "SY406",
    message: `position ${lost.position} is of another life of this database`,
    hint: `select * from ampsync.read_changes(after => ${now.position}, epoch => '${now.epoch}');`,
  });
  expect((await promoted.query(refused.hint)).rows).toEqual([]);
  // Who has seen no more than it has goes on; the dataset is what it was, and needs no floor.
  expect(await read(promoted, common.position, common.epoch)).toEqual([
    { kind: "floor", operation: "floor", table_name: "public.todos" },
  ]);
  await stream.through(promoted).commit(10, 12);
  expect(await read(promoted, now.position, now.epoch)).toMatchObject([{ operation: "append" }]);
  await expectGoesOn(promoted);
  await promoted.drop();
  await db.drop();
});

test.skipIf(dump === null)(
  "a dump restored into a younger cluster: transaction ids of the other one mean nothing there, and all goes on behind a floor",
  async () => {
    const { db } = await originalServer(dump);
    const stream = await publishBoth(db);
    await db.query(
      "do $$ begin for n in 1 .. 30000 loop perform pg_current_xact_id(); commit; end loop; end $$",
    );
    await db.query("insert into todos values (1, 'dumped')");
    await stream.commit(0, 9);
    await capture(db);
    const seen = await cursor(db);
    const { stdout } = await promisify(execFile)("pg_dump", ["--no-acl", db.url], { maxBuffer: 2 ** 30 });
    const restored = connected(
      await startPostgres({ dataDir: newDataDir(), persistent: false, major: dump!, settings: DURABLE }),
    );
    const { rows: roles } = await db.query("select rolname from pg_roles where rolname like 'ampsync%'");
    for (const { rolname } of roles) await restored.query(`create role ${rolname}`);
    await restore(restored.url, stdout);

    expect(await supervise(restored)).toEqual(expect.arrayContaining(["slot_created", "gap_opened"]));
    expect(await fork(restored)).toEqual({ reason: "this is another cluster", at: seen.position });
    expect(await gaps(restored)).toEqual(["other_server"]);
    const { rows } = await restored.query(
      `select count(*) > 0 as are_ahead, bool_and(t.position <= ampsync_private.xid_horizon()) as are_known
         from ampsync_private.change_tx t where t.xid >= pg_snapshot_xmax(pg_current_snapshot())`,
    );
    expect(rows).toEqual([{ are_ahead: true, are_known: true }]);
    expect(await read(restored, seen.position, seen.epoch)).toEqual([
      { kind: "floor", operation: "floor", table_name: "public.todos" },
    ]);
    await stream.through(restored).commit(10, 12);
    await expectGoesOn(restored);
    await restored.drop();
    await db.drop();
  },
);
