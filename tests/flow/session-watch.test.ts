import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

import { Caller } from "../../src/db/caller.ts";
import { createPool } from "../../src/db/pool.ts";
import { type RunStatement, retryingStatements } from "../../src/db/retry.ts";
import { setUpSession } from "../../src/db/session.ts";
import { SESSION, SessionWatch } from "../../src/db/session-watch.ts";
import { endWithin } from "../../src/db/socket.ts";
import { createLog } from "../../src/log.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { waitFor } from "../support/wait-for.ts";

const log = createLog("error", () => {});
const LOGIN = `watched_login_${process.pid}`;
const WORKS_AS = `watched_owner_${process.pid}`;
const NAME = "ampsync watched";
const LOCK = 7;
const LIMITS = { connectionMs: 60_000, operationMs: 60_000 };

let db: TestDatabase;
beforeAll(async () => {
  db = await createDatabase();
  await db.query(`create role ${LOGIN} login; create role ${WORKS_AS}; grant ${WORKS_AS} to ${LOGIN}`);
});
afterAll(async () => {
  await db.query(`drop role ${LOGIN}, ${WORKS_AS}`);
  await db.drop();
});

/** A session that waits for a lock, and whoever watches over it; `asks`: how often it was asked for. */
async function watched(leave: AbortSignal) {
  const url = new URL(db.url);
  url.username = LOGIN;
  const client = new pg.Client({ connectionString: url.href });
  client.on("error", () => {});
  await client.connect();
  await setUpSession(client, NAME);
  const session = (await client.query(SESSION)).rows[0];
  const pool = createPool({ url: url.href, max: 1, queryTimeoutMs: 0, name: "ampsync" }, log);
  pool.on("error", () => {});
  const state = { asks: 0 };
  const run = retryingStatements(pool, LIMITS, log, () => {});
  const counted: RunStatement = async (statement, waiting) => {
    const answer = await run(statement, waiting);
    state.asks++;
    return answer;
  };
  const watch = new SessionWatch(client, session, new Caller(counted), leave, {
    askMs: 20,
    silenceMs: 60_000,
  });
  return {
    client,
    session,
    state,
    async [Symbol.asyncDispose]() {
      watch[Symbol.dispose]();
      await endWithin(client, 1_000);
      await pool.end();
    },
  };
}

test("a session whose role may not see who it is itself is not taken for lost", async () => {
  await db.query(`alter role ${LOGIN} set role = ${WORKS_AS}`);
  onTestFinished(async () => void (await db.query(`alter role ${LOGIN} reset role`)));
  const holder = await db.client();
  await holder.query("select pg_advisory_lock($1)", [LOCK]);
  await using own = await watched(new AbortController().signal);
  let isOver = false;
  const waits = own.client
    .query("select pg_advisory_lock($1)", [LOCK])
    .then(() => "answered", String)
    .finally(() => {
      isOver = true;
    });
  await waitFor("it to be asked for some times", () => isOver || own.state.asks >= 5);
  await holder.query("select pg_advisory_unlock($1)", [LOCK]);
  expect(await waits).toBe("answered");
});

test("a session that a pooler has given to somebody else meanwhile is left alone", async () => {
  const holder = await db.client();
  await holder.query("select pg_advisory_lock($1)", [LOCK]);
  const leave = new AbortController();
  await using own = await watched(leave.signal);
  await own.client.query("set application_name = 'somebody else'");
  const waits = own.client.query("select pg_advisory_lock($1)", [LOCK]).catch(() => {});
  const isWaiting = async () => {
    const { rows } = await db.query("select wait_event from pg_stat_activity where pid = $1", [
      own.session.pid,
    ]);
    return rows[0]?.["wait_event"] === "advisory";
  };
  await waitFor("it to wait for the lock", isWaiting);
  leave.abort();
  await waits; // Its connection is given up.
  await waitFor("it to be asked for, and to be ended", () => own.state.asks >= 2);
  expect(await isWaiting()).toBe(true);
  await holder.query("select pg_advisory_unlock($1)", [LOCK]);
});
