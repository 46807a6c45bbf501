// Takes 40 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { hasPgBouncer, startPgBouncer } from "../support/postgres/pgbouncer.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import type { Worker } from "../support/worker/worker.ts";

const TABLES = ["blocks", "logs", "transactions"] as const;
/** Half of what a lease lasts: no test moves the clock, so that time alone takes nothing over. */
const AT_ONCE_MS = 15_000;

/** A worker that holds all streams, and another one. */
async function twoWorkers(scenario: Scenario): Promise<{ first: Worker; second: Worker; sync: Sync }> {
  const first = scenario.startWorker();
  const sync = await scenario.sync(TABLES);
  await allHeld(scenario);
  const second = scenario.startWorker();
  await scenario.until("the second worker", async () => {
    const { rowCount } = await scenario.db.query("select from ampsync_private.worker where had_lock");
    return rowCount === 2;
  });
  return { first, second, sync };
}

async function allHeld(scenario: Scenario): Promise<void> {
  await scenario.until("all streams to be held and to load", async () => {
    const { rowCount } = await scenario.db.query(
      "select from ampsync.streams where worker is not null and rows > 0",
    );
    return rowCount === TABLES.length;
  });
}

/** All streams are at the head, though it moved after the kill; each was taken over once. */
async function expectTakenOver(scenario: Scenario, sync: Sync): Promise<void> {
  const killedAt = performance.now();
  (sync.source as GeneratedSource).mine();
  await sync.reaches({ deadlineMs: AT_ONCE_MS });
  console.log(`at the head again ${((performance.now() - killedAt) / 1000).toFixed(1)} s after kill -9`);
  await sync.expectFreshLoad();
  const { rows } = await scenario.db.query("select distinct epoch::int from ampsync_private.lease");
  expect(rows).toEqual([{ epoch: 2 }]);
}

test("SIGKILL of one of two workers: its streams go on elsewhere at once, long before its leases run out", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 300 }) });
  const { first, sync } = await twoWorkers(scenario);
  await sync.reaches();
  await first.kill();
  await expectTakenOver(scenario, sync);
}, 60_000);

test("in mid-load, too: nothing is lost", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 3_000 }) });
  const { first, sync } = await twoWorkers(scenario);
  await first.kill();
  await expectTakenOver(scenario, sync);
}, 60_000);

test("SIGKILL of the only worker, which starts again at once: it goes on as soon as it has looked twice", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 300 }) });
  const first = scenario.startWorker();
  const sync = await scenario.sync(TABLES);
  await allHeld(scenario);
  await sync.reaches();
  await first.kill();
  scenario.startWorker();
  await expectTakenOver(scenario, sync);
}, 60_000);

test("SIGKILL while the supervisor runs there: another one runs elsewhere, and the streams go on", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 300 }) });
  const { first, sync } = await twoWorkers(scenario);
  await sync.reaches();
  const { rows } = await scenario.db.query(
    "select pg_get_functiondef('ampsync_worker.prune_formers'::regproc) as original, holder from ampsync_private.lease",
  );
  await scenario.db.query(`create or replace function ampsync_worker.prune_formers() returns integer
    language sql set search_path = pg_catalog, pg_temp as 'select 0 from pg_sleep(60)'`);
  await scenario.until("the supervisor to run on the worker that holds the streams", async () => {
    const { rowCount } = await scenario.db.query(
      "select from ampsync.jobs where task = 'ampsync_supervise' and worker = $1",
      [rows[0]!["holder"]],
    );
    if (rowCount === 0) await scenario.wakeSupervisor();
    return rowCount === 1;
  });
  await scenario.db.query(rows[0]!["original"]);
  await first.kill();
  await expectTakenOver(scenario, sync);
  await scenario.db.query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and wait_event = 'PgSleep'`);
}, 60_000);

test("a heartbeat session that is ended again and again under load is replaced at once: no takeover, no COPY ended", async () => {
  const source = new GeneratedSource({ blocks: 500, logsPerBlock: 20 });
  await using scenario = await Scenario.start({ source });
  const { sync } = await twoWorkers(scenario);
  async function terminated(): Promise<number> {
    const { rowCount } = await scenario.db.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'ampsync heartbeat'`,
    );
    return rowCount ?? 0;
  }
  let ended = 0;
  await scenario.until("ten sessions to be ended while it writes", async () => {
    source.mine(100);
    ended += await terminated();
    await scenario.until("their successors", async () => {
      const { rowCount } = await scenario.db.query(
        "select from ampsync_private.worker w where ampsync_private.worker_is_connected(w.worker_id)",
      );
      return rowCount === 2;
    });
    return ended >= 10;
  });
  await sync.reaches();
  await sync.expectFreshLoad();
  const { rows } = await scenario.db.query(
    "select distinct epoch::int, (select count(*)::int from ampsync.events where event ~ 'lease|error|freed') as events from ampsync_private.lease",
  );
  expect(rows).toEqual([{ epoch: 1, events: 0 }]);
}, 60_000);

test.skipIf(!hasPgBouncer)(
  "behind PgBouncer's session pooling, too, a killed worker is replaced at once",
  async () => {
    await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 300 }) });
    await using pooler = await startPgBouncer(scenario.db.url, "session");
    const first = scenario.startWorker({ databaseUrl: pooler.url });
    const sync = await scenario.sync(TABLES);
    await allHeld(scenario);
    await sync.reaches();
    scenario.startWorker({ databaseUrl: pooler.url });
    await first.kill();
    await expectTakenOver(scenario, sync);
  },
  60_000,
);
