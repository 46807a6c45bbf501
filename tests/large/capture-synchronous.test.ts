// Takes 21 s.
import { randomUUID } from "node:crypto";

import type pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";

import type { EmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { beginLedger, expectExactLog } from "../support/capture/oracle.ts";
import { logged, publish, startPass, untilCaptured } from "../support/capture/rig.ts";
import { changeSetting } from "../support/postgres/change-setting.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import { connectDatabase, type TestDatabase } from "../support/postgres/database.ts";
import { startStandby } from "../support/postgres/standby.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { waitFor } from "../support/wait-for.ts";

let server: EmbeddedPostgres;
let db: TestDatabase;
/** Commits without waiting for anybody. */
let aside: pg.Client;
beforeEach(async () => {
  server = await startPostgres({
    dataDir: newDataDir(),
    persistent: false,
    settings: { synchronous_commit: "on" },
  });
  db = connectDatabase("postgres", server.connectionString(), () => server.stop());
  await migrate(db.url, { log: createLog("warn", () => {}) });
  await db.query("create table todos (id integer primary key, title text)");
  await publish(db, ["todos"]);
  await beginLedger(db);
  aside = await db.client();
  await aside.query("set synchronous_commit = off");
});
afterEach(() => db.drop());

/** Whose answer every commit of the server waits for, from now on. */
async function mustAnswer(names: string): Promise<void> {
  if (names !== "") {
    await setNames("nobody");
    await untilCommitsWait();
  }
  await setNames(names);
}

/** Commits begin to wait once the checkpointer has heard of the first name, which may be later than any session. */
async function untilCommitsWait(): Promise<void> {
  const prober = await db.client();
  await waitFor("commits to wait", async () => {
    let isOver = false;
    const probe = prober
      .query("select pg_logical_emit_message(true, 'ampsync/probe', '')")
      .then(() => (isOver = true));
    while (!isOver) {
      if ((await waiting("%ampsync/probe%")) === 0) continue;
      await aside.query(
        "select pg_cancel_backend(pid) from pg_stat_activity where query like '%ampsync/probe%' and wait_event = 'SyncRep'",
      );
      await probe;
      return true;
    }
    return false;
  });
  await prober.end();
}

async function setNames(names: string): Promise<void> {
  await changeSetting(aside, "synchronous_standby_names", names);
}

async function shown(query: string): Promise<string> {
  const { rows } = await aside.query(`select (${query})::text as shown`);
  return rows[0].shown;
}

/** Sessions whose commits wait for a standby. */
const waiting = async (like = "%") =>
  Number(
    await shown(
      `select count(*) from pg_stat_activity where wait_event = 'SyncRep' and query like '${like}'`,
    ),
  );

test("where any connection counts as a standby, a pass leaves its stream and polls: commits wait for a real one, and never for capture", async () => {
  await db.query("select ampsync.configure_capture(poll_interval => '100 ms')");
  const streaming = startPass(db, { workerId: "worker 1" });
  await db.query("insert into todos values (1, 'streamed')");
  await untilCaptured(db);
  const streams = "select count(*) from pg_stat_replication where application_name like 'ampsync_capture%'";
  expect(await shown(streams)).toBe("1");

  await mustAnswer("*");
  const written = db.query("insert into todos values (2, 'waits')");
  await waitFor("it to leave the stream", async () => (await shown(streams)) === "0");
  await waitFor("the commit to wait", async () => (await waiting("insert%")) === 1);
  expect(await shown("select ampsync_worker.capture_transport()")).toBe("poll");
  expect(
    await shown("select (ampsync_private.capture_dangers(c)).reason from ampsync_private.capture c"),
  ).toMatch(/^WAL is polled each 00:00:00.1, not streamed: synchronous_standby_names is \*/);

  const standby = await startStandby(server);
  try {
    await Promise.all([written, streaming.ended]);
    expect(streaming.lines.filter((line) => line.includes("capture_ended"))).toEqual([]);
    await using polling = startPass(db, { workerId: "worker 2" });
    await db.query("insert into todos values (3, 'polled')");
    await untilCaptured(db);
    expect(polling.lines.filter((line) => line.includes("capture_ended"))).toEqual([]);
    expect(await shown(streams)).toBe("0");
    await expectExactLog(db);
  } finally {
    await mustAnswer("");
    await standby.stop();
  }
  await using _again = startPass(db, { workerId: "worker 3" });
  await db.query("insert into todos values (4, 'streamed again')");
  await untilCaptured(db);
  expect(await shown(streams)).toBe("1");
  expect(await logged(db)).toHaveLength(4);
});

test("what a stalled standby keeps from being visible is decoded before: it comes into the log once it is, whole, once, and with its client", async () => {
  const [client, tx] = [randomUUID(), randomUUID()];
  await using pass = startPass(db);
  await untilCaptured(db);
  await mustAnswer("nobody");
  const writer = await db.client();
  const written = writer.query(
    `begin;
     select pg_logical_emit_message(true, 'ampsync/client', json_build_object('client', '${client}', 'tx', '${tx}', 'source', 'app')::text);
     insert into ampsync_private.client_tx (client_id, seq, tx, received_at, xid, epoch, status)
       values ('${client}', 1, '${tx}', now(), pg_current_xact_id(), gen_random_uuid(), 'applied');
     insert into todos values (1, 'of a client');
     commit`,
  );
  await waitFor("its commit to wait", async () => (await waiting("begin;%")) === 1);
  await waitFor("the pass to have read it, and to be storing it", async () => {
    return (
      (await shown(
        "select exists (select from pg_stat_activity where query like '%commit_capture%' and state = 'active' and pid <> pg_backend_pid())",
      )) === "true"
    );
  });
  expect(await shown("select count(*) from todos")).toBe("0");
  expect(await shown("select count(*) from ampsync_private.change_tx where kind = 'rows'")).toBe("0");

  await mustAnswer("");
  await written;
  await untilCaptured(db);
  await expectExactLog(db);
  expect(
    (await db.query("select client_id, source, changes from ampsync_private.change_tx where kind = 'rows'"))
      .rows,
  ).toEqual([{ client_id: client, source: "app", changes: 1 }]);
  expect(pass.lines.filter((line) => line.includes("capture_ended"))).toEqual([]);
});
