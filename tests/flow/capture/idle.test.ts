// Takes 10 s.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { FaultPoint } from "../../../src/fault-points.ts";
import { migrate } from "../../../src/install/migrate.ts";
import { createLog } from "../../../src/log.ts";
import { publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { OwnServer } from "../../support/postgres/own-server.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

const MODES = ["stream", "poll"] as const;
const BEATS = 3;
const MIB = 1024 * 1024;
/** Of the server, and so for how long a slot keeps WAL that nobody needs. */
const SEGMENT = 16 * MIB;

let server: OwnServer;
let db: TestDatabase;
beforeAll(async () => {
  server = await OwnServer.start({
    wal_level: "logical",
    synchronous_commit: "on",
    autovacuum: "off",
    wal_sender_timeout: "3s", // We tell the server each second how far we are, and are answered.
  });
  db = await server.database("captured");
  await migrate(db.url, { log: createLog("warn", () => {}) });
  await db.query("create table todos (id integer primary key, title text)");
  await db.query("select ampsync.configure_capture(poll_interval => '100 ms')");
  await publish(db, ["todos"]);
});
afterAll(() => server[Symbol.asyncDispose]());

interface Watched extends AsyncDisposable {
  readonly pass: RunningPass;
  /** How often the server was asked for changes, or told how far we are. */
  asked(): number;
  /** How often it was stored that there is nothing. */
  stored(): number;
}

async function startWatched(mode: (typeof MODES)[number]): Promise<Watched> {
  await db.query("select ampsync.configure_capture(mode => $1)", [mode]);
  const proxy = await TcpProxy.toPostgres(db.url);
  let asked = 0;
  let stored = 0;
  proxy.watch = (_, direction, bytes) => {
    if (direction === "up" && (mode === "stream" || bytes.includes("pg_logical_slot_peek"))) asked++;
  };
  const at = (point: FaultPoint) => void (point === "capture_idle_stored" && stored++);
  const pass = startPass(db, { workerId: `in ${mode}`, replicationUrl: proxy.url(db.url), at });
  await untilCaptured(db);
  return {
    pass,
    asked: () => asked,
    stored: () => stored,
    async [Symbol.asyncDispose]() {
      await pass.stop();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

async function endOfWal(): Promise<string> {
  return (await db.query("select pg_current_wal_insert_lsn()::text as lsn")).rows[0]!["lsn"];
}

/** Nothing is written while the server is asked so often. What was under way may come before. */
async function untilQuiet({ asked }: Watched, times: number): Promise<void> {
  let [end, since] = [await endOfWal(), asked()];
  await waitFor("a server that writes no WAL", async () => {
    const now = await endOfWal();
    if (now !== end) [end, since] = [now, asked()];
    return asked() - since >= times;
  });
}

/** As each run of the supervisor does: the next beat goes out once the one before has come back. */
async function beat(): Promise<void> {
  await db.query("select ampsync_worker.renew_leases(c.worker_id, '[]') from ampsync_private.capture c"); // It lives.
  await db.query("select ampsync_worker.supervise_capture()");
  await waitFor("the beat to come back", async () => {
    const { rows } = await db.query(
      "select c.beat_seen_at >= c.beat_sent_at as is_seen from ampsync_private.capture c",
    );
    return rows[0]!["is_seen"] === true;
  });
}

/** The slot first: a statement sees it as it is now, and rows as they were when it began. */
async function slot() {
  const { rows: slots } = await db.query(
    `select s.confirmed_flush_lsn::text as confirmed,
            pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.restart_lsn)::float8 as retained
       from pg_replication_slots s where s.database = current_database()`,
  );
  const { confirmed, retained } = slots[0]!;
  const { rows } = await db.query(
    "select $1 <= greatest(c.end_lsn, c.idle_lsn) as is_stored from ampsync_private.capture c",
    [confirmed],
  );
  return { confirmed, retained, isStored: rows[0]!["is_stored"] };
}

async function entries(): Promise<unknown> {
  return (await db.query("select count(*) as n from ampsync_private.change_tx")).rows[0]!["n"];
}

describe.each(MODES)("An idle server, in mode %s", (mode) => {
  test("writes no WAL for capture but beats and one answer to each", async () => {
    await using watched = await startWatched(mode);
    const before = watched.stored();
    for (let n = 0; n < BEATS; n++) await beat();
    await untilQuiet(watched, mode === "stream" ? 4 : 30); // Longer than the time between two reports of a pass.
    expect(watched.stored() - before).toBe(BEATS);
    expect(watched.pass.lines.filter((line) => line.includes("capture_ended"))).toEqual([]);
  });
});

describe.each(MODES)("Writes to another database of the server, in mode %s", (mode) => {
  test("are acknowledged with the next beat, leave no entry, and keep no WAL", async () => {
    await using other = await server.database(`other_${mode}`);
    await other.query("create table theirs (id integer primary key, v text)");
    await using _watched = await startWatched(mode);
    const before = await entries();
    await other.query("insert into theirs select n, repeat('x', 1000) from generate_series(1, 40000) n");
    const end = await endOfWal();
    await beat();
    await waitFor("the slot to follow", async () => {
      const { rows } = await db.query("select $1::pg_lsn <= $2::pg_lsn as follows", [
        end,
        (await slot()).confirmed,
      ]);
      return rows[0]!["follows"];
    });
    await waitFor("WAL to be left", async () => {
      await db.query("checkpoint"); // It tells slots where they may begin from, as the server does by itself each 15 s.
      await beat();
      const { retained, isStored } = await slot();
      expect(isStored).toBe(true);
      return retained < SEGMENT;
    });
    expect(await entries()).toBe(before);
  });
});
