// Takes 39 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { hasPgBouncer, startPgBouncer } from "../support/postgres/pgbouncer.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import type { Worker } from "../support/worker/worker.ts";
import type { WorkerOptions } from "../support/worker/worker-process.ts";

const TABLES = ["blocks", "logs", "transactions"] as const;
/** Less than is left of a lease: no test moves the clock, so that time alone takes nothing over. */
const AT_ONCE_MS = 20_000;

/** Two workers that share the streams; `victim` has more of them. */
async function twoWorkers(
  scenario: Scenario,
  options: Partial<WorkerOptions> = {},
): Promise<{ victim: Worker; victimId: string; sync: Sync }> {
  const workers = [scenario.startWorker(options), scenario.startWorker(options)];
  await scenario.until("both workers", async () => {
    const { rowCount } = await scenario.db.query(
      "select from ampsync_private.worker where had_lock and slots is not null",
    );
    return rowCount === 2;
  });
  const sync = await scenario.sync(TABLES);
  await allHeld(scenario);
  const { rows } = await scenario.db.query("select pid, worker from ampsync.workers order by streams desc");
  return { victim: workers.find(({ pid }) => pid === rows[0]!["pid"])!, victimId: rows[0]!["worker"], sync };
}

async function allHeld(scenario: Scenario): Promise<void> {
  await scenario.until("all streams to be held and to load", async () => {
    const { rowCount } = await scenario.db.query(
      "select from ampsync.streams where worker is not null and rows > 0",
    );
    return rowCount === TABLES.length;
  });
}

/** All streams are at the head, though it moved after the kill, and nobody but the dead worker has lost one. */
async function expectTakenOver(scenario: Scenario, sync: Sync, victimId: string): Promise<void> {
  const killedAt = performance.now();
  (sync.source as GeneratedSource).mine();
  await sync.reaches({ deadlineMs: AT_ONCE_MS });
  console.log(`at the head again ${((performance.now() - killedAt) / 1000).toFixed(1)} s after kill -9`);
  await sync.expectFreshLoad();
  const { rows } = await scenario.db.query(
    "select distinct details ->> 'from' as dead from ampsync.events where event = 'lease_taken_over'",
  );
  expect(rows).toEqual([{ dead: victimId }]);
}

async function onlyWorker(scenario: Scenario): Promise<string> {
  const { rows } = await scenario.db.query("select worker from ampsync.workers");
  return rows[0]!["worker"];
}

test("SIGKILL of one of two workers in mid-load: its streams go on elsewhere at once, long before its leases run out", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 3_000 }) });
  const { victim, victimId, sync } = await twoWorkers(scenario);
  await victim.kill();
  await expectTakenOver(scenario, sync, victimId);
});

test("SIGKILL of the only worker, which starts again at once: it goes on as soon as it has looked twice", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 300 }) });
  const first = scenario.startWorker();
  const sync = await scenario.sync(TABLES);
  await allHeld(scenario);
  await sync.reaches();
  const firstId = await onlyWorker(scenario);
  await first.kill();
  scenario.startWorker();
  await expectTakenOver(scenario, sync, firstId);
});

/** A run of the supervisor that does not end by itself, on one worker alone. */
async function longSupervision(scenario: Scenario, workerId: string): Promise<void> {
  const { rows } = await scenario.db.query(
    "select pg_get_functiondef('ampsync_worker.prune_formers'::regproc) as original",
  );
  await scenario.db.query(`create or replace function ampsync_worker.prune_formers() returns integer
    language sql set search_path = pg_catalog, pg_temp as 'select 0 from pg_sleep(60)'`);
  await scenario.until("the supervisor to run on the worker that holds the streams", async () => {
    const { rowCount } = await scenario.db.query(
      "select from ampsync.jobs where task = 'ampsync_supervise' and worker = $1",
      [workerId],
    );
    if (rowCount === 0) await scenario.wakeSupervisor();
    return rowCount === 1;
  });
  await scenario.db.query(rows[0]!["original"]);
}

async function endSupervision(scenario: Scenario): Promise<void> {
  await scenario.db.query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and wait_event = 'PgSleep'`);
}

test("SIGKILL while the supervisor runs there: another one runs elsewhere, and the streams go on", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 300 }) });
  const { victim, victimId, sync } = await twoWorkers(scenario);
  await sync.reaches();
  await longSupervision(scenario, victimId);
  await victim.kill();
  await expectTakenOver(scenario, sync, victimId);
  await endSupervision(scenario);
});

test("SIGTERM of one of two workers: it takes no more streams from then on, and the other one has them all at once", async () => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 300 }) });
  const { victim, sync } = await twoWorkers(scenario);
  await sync.reaches();
  victim.signal("SIGTERM");
  await scenario.until(
    "the other one to hold all",
    async () => {
      const { rows } = await scenario.db.query("select slots, streams::int from ampsync.workers order by 1");
      return JSON.stringify(rows) === '[{"slots":0,"streams":0},{"slots":20,"streams":3}]';
    },
    AT_ONCE_MS,
  );
  (sync.source as GeneratedSource).mine();
  await sync.reaches();
});

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
  // A worker that took more than its share gives a stream away, which is no event.
  const { rows } = await scenario.db.query(
    "select event, details from ampsync.events where event ~ 'lease|error|freed'",
  );
  expect(rows).toEqual([]);
});

test.skipIf(!hasPgBouncer)(
  "behind PgBouncer's session pooling, too, a killed worker is replaced at once",
  async () => {
    await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 300 }) });
    await using pooler = await startPgBouncer(scenario.db.url, "session");
    const { victim, victimId, sync } = await twoWorkers(scenario, { databaseUrl: pooler.url });
    await sync.reaches();
    await victim.kill();
    await expectTakenOver(scenario, sync, victimId);
  },
);
