import type pg from "pg";
import { describe, expect, test } from "vitest";

import { clearQueue } from "../../support/postgres/queue.ts";
import { backendOf } from "../../support/postgres/rivals.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { capturedTable, SqlCapture } from "../../support/postgres/sql-capture.ts";
import { waitFor } from "../../support/wait-for.ts";

const db = sharedDatabase();

/** Wait until a session waits for capture, between two looks. */
async function untilItWaits(pid: number): Promise<void> {
  await waitFor(`session ${pid} to wait for capture`, async () => {
    const { rows } = await db.query("select wait_event from pg_stat_activity where pid = $1", [pid]);
    return rows[0]?.["wait_event"] === "PgSleep";
  });
}

const WITHIN = {
  code: "2D000",
  message: "wait_for_capture cannot be called within a transaction block",
  detail: expect.stringMatching(/has to commit/),
  hint: expect.stringMatching(/^call ampsync.wait_for_capture\(\);.*outside of a transaction block/i),
};

async function present(): Promise<number> {
  const { rows } = await db.query("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as place");
  return Number(rows[0]!["place"]);
}

test("waiting for capture returns at once where nothing is captured", async () => {
  await db.query("call ampsync.wait_for_capture()");
  await db.query("call ampsync.wait_for_capture($1)", ["1 s"]); // Parsed before it is run.
  const { rows } = await db.query("select ampsync.is_captured('FFFFFFFF/0') as captured");
  expect(rows[0]!["captured"]).toBe(true);
});

describe("where a table is captured, waiting", () => {
  test("is refused where capture does not run", async () => {
    await capturedTable(db, "todos");
    await clearQueue(db);
    await expect(db.query("call ampsync.wait_for_capture()")).rejects.toMatchObject({
      code: "SY405",
      message: "capture does not run",
    });
  });

  test("goes on while a worker that lives has capture, though it does not read at this moment", async () => {
    await db.query("select ampsync_worker.register_worker('worker-1', 'host', 1, '0', 1)");
    await SqlCapture.take(db);
    const { rows } = await db.query("select ampsync.is_captured(pg_current_wal_insert_lsn()) as captured");
    expect(rows[0]!["captured"]).toBe(false);
  });

  test("is refused within a transaction block, captured or not", async () => {
    const client = await db.client();
    await client.query("begin");
    await expect(client.query("call ampsync.wait_for_capture()")).rejects.toMatchObject(WITHIN);
    await client.query("rollback");
    await expect(client.query("begin; call ampsync.wait_for_capture()")).rejects.toMatchObject(WITHIN);
    await client.query("rollback");
  });

  test("lasts until what was there before is in the log, and holds no snapshot meanwhile", async () => {
    await db.query("select ampsync_private.schedule_capture()");
    const pass = await SqlCapture.take(db);
    const client = await db.client();
    const pid = await backendOf(client);
    const before = await present();
    const waiting = client.query("call ampsync.wait_for_capture()");
    await untilItWaits(pid);
    await pass.storeIdle(before - 8);
    await untilItWaits(pid);
    await pass.storeIdle(await present());
    await waiting;
  });

  test("works whatever the caller's path and isolation are", async () => {
    const client = await db.client();
    await client.query(`
      create schema trap;
      create function trap.pg_sleep(double precision) returns void language plpgsql as $$ begin raise 'trapped'; end $$;
      create function trap.is_captured(pg_lsn) returns boolean language plpgsql as $$ begin raise 'trapped'; end $$;
      set search_path = trap, public, pg_catalog;
      set default_transaction_isolation = 'repeatable read'`);
    const pass = await SqlCapture.take(db);
    const pid = (await client.query("select pg_catalog.pg_backend_pid() as pid")).rows[0].pid;
    const waiting = client.query("call ampsync.wait_for_capture()");
    await untilItWaits(pid);
    await pass.storeIdle(await present());
    await waiting;
  });

  test("ends with its time", async () => {
    await db.query("create table public.later ()");
    await expect(db.query("call ampsync.wait_for_capture(timeout => '1 ms')")).rejects.toMatchObject({
      code: "SY405",
      message: "capture lags too far",
    });
  });
});

describe("within a transaction that goes on, waiting", () => {
  const AWAIT = "select ampsync_private.await_capture('10 s')";

  async function begun(isolation: string): Promise<pg.Client> {
    const client = await db.client();
    await client.query(`begin isolation level ${isolation}`);
    return client;
  }

  test("sees what capture commits meanwhile", async () => {
    const client = await begun("read committed");
    const pid = await backendOf(client);
    await client.query("insert into public.todos values ('a')");
    const waiting = client.query(AWAIT);
    await untilItWaits(pid);
    const pass = await SqlCapture.take(db);
    await pass.storeIdle(await present());
    await waiting;
    await client.query("rollback");
  });

  test("is refused where it would never see it", async () => {
    const client = await begun("repeatable read");
    await expect(client.query(AWAIT)).rejects.toMatchObject({ code: "25001" });
    await client.query("rollback");
  });
});
