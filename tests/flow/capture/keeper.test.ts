import { expect, test } from "vitest";

import { Caller } from "../../../src/db/caller.ts";
import { createPool } from "../../../src/db/pool.ts";
import { PublicationKeeper } from "../../../src/db/publication-keeper.ts";
import { type RunStatement, retryingStatements } from "../../../src/db/retry.ts";
import { createLog } from "../../../src/log.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

const log = createLog("error", () => {});
const NEVER = new AbortController().signal;
const LIMITS = { connectionMs: 60_000, operationMs: 60_000 };

async function publishedTable(): Promise<TestDatabase> {
  const db = await createDatabase();
  await db.query("create table todos (id integer primary key)");
  await db.query("select ampsync.publish('todos')");
  return db;
}

/** The calls of a worker, by connections of their own. */
function callsOf(url: string, altered: (run: RunStatement) => RunStatement = (run) => run) {
  const pool = createPool({ url, max: 2, queryTimeoutMs: 0, name: "ampsync" }, log);
  pool.on("error", () => {});
  const caller = new Caller(altered(retryingStatements(pool, LIMITS, log, () => {})));
  return { caller, [Symbol.asyncDispose]: () => pool.end() };
}

async function isHeld(db: TestDatabase): Promise<boolean> {
  const { rows } = await db.query(
    "select exists (select from ampsync_private.lock_holders(ampsync_private.publication_key())) as held",
  );
  return rows[0]!["held"];
}

const hasSlot = async (db: TestDatabase): Promise<boolean> =>
  (await db.query("select from ampsync_private.our_slot() s where s.confirmed_flush_lsn is not null"))
    .rowCount === 1;

/** Silent from the moment on that the first step is asked for. */
async function silentProxy(db: TestDatabase): Promise<TcpProxy> {
  const proxy = await TcpProxy.toPostgres(db.url);
  proxy.watch = (_, direction, bytes) => {
    if (direction === "up" && bytes.includes("tend_publication")) proxy.stallAll();
  };
  return proxy;
}

test("a connection that is silent is given up, its session is ended, and the next job goes on", async () => {
  await using db = await publishedTable();
  await using proxy = await silentProxy(db);
  await using calls = callsOf(db.url);
  const times = { askMs: 200, silenceMs: 60_000 };
  await new PublicationKeeper(proxy.url(db.url), calls.caller, log, times).tend(NEVER);
  await waitFor("the lock of the job to be free", async () => !(await isHeld(db)));
  await new PublicationKeeper(db.url, calls.caller, log).tend(NEVER);
  expect(await hasSlot(db)).toBe(true);
});

test("a server that answers nobody is given up", async () => {
  await using db = await publishedTable();
  await using proxy = await silentProxy(db);
  await using asked = await TcpProxy.toPostgres(db.url);
  let isTold = false;
  await using calls = callsOf(asked.url(db.url), (run) => (statement, waiting) => {
    isTold ||= statement.text.includes("note_publication");
    return run(statement, waiting);
  });
  await calls.caller.call("select 1");
  asked.stallAll();
  const times = { askMs: 100, silenceMs: 300 };
  const tended = new PublicationKeeper(proxy.url(db.url), calls.caller, log, times).tend(NEVER);
  await waitFor("it to have failed", () => isTold);
  asked.resume();
  asked.cutAll();
  await tended;
});

test("a job that is to stop ends while its slot waits for others, though a cancel is lost", async () => {
  await using db = await publishedTable();
  let lost = 0;
  await using calls = callsOf(db.url, (run) => async (statement, waiting) => {
    if (statement.text.includes("pg_cancel_backend") && statement.values?.at(-1) === true && lost++ === 0) {
      throw new Error("lost");
    }
    return await run(statement, waiting);
  });
  const user = await db.client();
  await user.query("begin; select pg_current_xact_id()");
  const shutdown = new AbortController();
  const tended = new PublicationKeeper(db.url, calls.caller, log).tend(shutdown.signal);
  await waitFor("the slot to wait for the user", async () => {
    const { rowCount } = await db.query(
      `select from pg_stat_activity a where a.datname = current_database() and a.wait_event_type = 'Lock'
          and a.query like '%pg_create_logical_replication_slot%'`,
    );
    return rowCount === 1;
  });
  shutdown.abort();
  await tended;
  expect(lost).toBeGreaterThan(1);
  expect(await hasSlot(db)).toBe(false);
  await user.query("rollback");
});
