// Takes 45 s.
import { afterAll, beforeAll, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { documentedMetrics } from "../support/health/metrics-page.ts";
import { Monitor, type Series } from "../support/health/monitor.ts";
import { startApiServer } from "../support/http/api-server.ts";
import { definitionOf } from "../support/http/definitions.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

/** Every metric of docs/metrics.md is seen to move here, as what it means happens. */
const api = await startApiServer({ records: 450, faults: { next: [null, null, { status: 503 }] } });
const source = new GeneratedSource({ blocks: 100 });
let scenario: Scenario;
let monitor: Monitor;
let sync: Sync;

/** What each series was in each scrape. */
const scrapes: Series[] = [];

/** Without the parts that histograms are made of. */
const nameOf = (series: string) => series.replace(/\{.*$/, "").replace(/_(bucket|sum|count)$/, "");
const labelsOf = (series: string) => [...series.matchAll(/(\w+)="/g)].map(([, label]) => label!);

async function scrape(): Promise<Series> {
  const series = await monitor.scrape();
  scrapes.push(series);
  return series;
}

/** Scrapes until it shows this. */
async function until(what: string, condition: (series: Series) => boolean): Promise<void> {
  await scenario.until(`${what} in /metrics`, async () => condition(await scrape()));
}

const of = (table: string, more = "") => `{dataset="anvil",${more}table="${table}"}`;
const atLeast = (series: string, value: number) => (scraped: Series) => (scraped.get(series) ?? 0) >= value;

beforeAll(async () => {
  scenario = await Scenario.start({ source });
  monitor = await Monitor.create();
  const allowed = { AMPSYNC_HTTP_ALLOW: `http://${new URL(api.origin).host}` };
  scenario.startWorker({ env: { ...monitor.env, ...allowed, DB_POOL_SIZE: "3" } });
  await scenario.until("the worker", () => monitor.isAlive());
  await until("the database", atLeast("ampsync_database_up", 1));
  sync = await scenario.sync();
  await sync.untilAll("live");
});
afterAll(async () => {
  await scenario[Symbol.asyncDispose]();
  await api.stop();
});

test("a load is counted: rows, bytes, microbatches, commits, seconds, and where the table is", async () => {
  await until("the leases", atLeast("ampsync_leases", 3));
  await until("live tables", atLeast('ampsync_streams{state="live"}', 3));
  const series = await scrape();
  const rows = Number((await scenario.db.query("select count(*) from chain.logs")).rows[0]!["count"]);
  expect(series.get(`ampsync_rows${of("logs")}`)).toBe(rows);
  expect(series.get(`ampsync_rows_written_total${of("logs")}`)).toBe(rows);
  expect(series.get(`ampsync_bytes_written_total${of("logs")}`)).toBeGreaterThan(rows * 100);
  expect(series.get(`ampsync_checkpoint_block${of("logs")}`)).toBe(99);
  expect(series.get(`ampsync_ready${of("logs")}`)).toBe(1);
  const commits = [...series].filter(([name]) => name.startsWith("ampsync_commits_total"));
  const sum = commits.reduce((all, [, value]) => all + value, 0);
  expect(series.get("ampsync_commit_seconds_count")).toBe(sum);
  expect(series.get("ampsync_copy_seconds_count")).toBe(sum);
});

test("an HTTP source is counted: its requests by their outcomes, their seconds, its pages", async () => {
  await scenario.db.query("select ampsync.enqueue_http('events', $1)", [JSON.stringify(definitionOf(api))]);
  const events = (more = "") => `{dataset="events",${more}table="events"}`;
  await until("the pages", atLeast(`ampsync_http_pages_total${events()}`, 5));
  const series = await scrape();
  expect(series.get(`ampsync_http_requests_total${events('outcome="2xx",')}`)).toBe(5);
  expect(series.get(`ampsync_http_requests_total${events('outcome="5xx",')}`)).toBe(1);
  expect(series.get("ampsync_http_request_seconds_count")).toBe(6);
  expect(series.get(`ampsync_rows_written_total${events()}`)).toBe(450);
  await until("the records", atLeast(`ampsync_records_total${events()}`, 450));
  await scenario.db.query("select ampsync.resync('events')");
  await until("what was there before", atLeast(`ampsync_duplicates_total${events()}`, 450));
});

test("change capture is counted: its transactions, its lag, the WAL that it keeps, the log", async () => {
  const { db } = scenario;
  await db.query("create table public.todos (id integer primary key)");
  await db.query("select ampsync.publish('public.todos')");
  await until("the slot", atLeast("ampsync_capture_wal_retained_bytes", 1));
  await scenario.until("the table to be live", async () => {
    const { rows } = await db.query("select from ampsync.publications where state = 'live'");
    return rows.length === 1;
  });
  await db.query("insert into public.todos values (1)");
  await until("the transaction", atLeast("ampsync_capture_transactions_total", 1));
  await until("its position", atLeast("ampsync_log_position", 2));
  await scenario.until("a beat to come back", async () => {
    const { rows } = await db.query(
      "select from ampsync_private.capture where state = 'ok' and beat_seen_at is not null",
    );
    return rows.length === 1;
  });

  const blocker = await db.client();
  await blocker.query("begin; select from ampsync_private.capture for update"); // No beat is sent meanwhile.
  try {
    await db.query("insert into public.todos values (2)");
    await until("the lag", atLeast("ampsync_capture_lag_seconds", 0.001));
  } finally {
    await blocker.query("rollback");
  }
  await until("both transactions", atLeast("ampsync_capture_transactions_total", 2));
  await db.query("select ampsync.unpublish('public.todos')");
});

test("blocks that come while a table is locked are its lag", async () => {
  const blocker = await scenario.db.client();
  await blocker.query("begin; lock table chain.logs in access exclusive mode");
  try {
    source.mine(12);
    await until("the lag", atLeast(`ampsync_lag_blocks${of("logs")}`, 1));
  } finally {
    await blocker.query("rollback");
  }
  await sync.reaches();
});

test("a reorg is counted by its depth", async () => {
  source.reorg(4);
  await until("the reorg", atLeast(`ampsync_reorgs_total${of("logs", 'depth="2-10",')}`, 1));
  await sync.reaches();
});

test("a connection that is given up, and a pass that is repeated, are counted with their reasons", async () => {
  scenario.misbehaviour.dropResumeHeader = true;
  scenario.server.disconnectAll();
  await until("the reconnect", atLeast('ampsync_reconnects_total{reason="cursor_ignored"}', 1));
  scenario.misbehaviour.dropResumeHeader = false;
  await until("the retry", (series) =>
    [...series].some(([name, value]) => name.startsWith("ampsync_retries_total") && value > 0),
  );
  await until("a failed attempt", (series) =>
    [...series].some(([name, value]) => name.startsWith("ampsync_failed_attempts") && value > 0),
  );
  await sync.catchesUp();
});

test("calls that wait for the database, and those that are repeated, are counted", async () => {
  const blocker = await scenario.db.client();
  await blocker.query("begin; lock table ampsync_private.stream in access exclusive mode");
  try {
    scenario.server.disconnectAll(); // Three passes end, on two connections.
    await until("the waiting call", atLeast('ampsync_db_waiting{pool="worker"}', 1));
    expect((await scrape()).get("ampsync_database_up")).toBe(0);
    await scenario.db.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ampsync worker' and wait_event_type = 'Lock' and datname = current_database()",
    );
    await until("the repeated call", atLeast('ampsync_db_retries_total{what="operation"}', 1));
  } finally {
    await blocker.query("rollback");
  }
  await sync.catchesUp();
});

test("a job that nobody takes has an age", async () => {
  await scenario.db.query(
    "select graphile_worker.add_job('ampsync_nobody', run_at => now() - interval '1 min', job_key => 'nobody')",
  );
  await until("the age", atLeast('ampsync_queue_age_seconds{task="ampsync_nobody"}', 60));
  await scenario.db.query("select graphile_worker.remove_job('nobody')"); // Or passes end for it, one at each heartbeat.
});

test("a lease that another worker took is lost here, and taken over there", async () => {
  await scenario.until("the lease to be held, and taken", async () => {
    const { rowCount } = await scenario.db.query(
      "update ampsync_private.lease l set epoch = epoch + 1, holder = 'another' from ampsync_private.stream s where s.stream_id = l.stream_id and s.table_name = 'logs' and l.lease_until > ampsync_private.now()",
    );
    return rowCount === 1;
  });
  await until("the loss", atLeast("ampsync_leases_lost_total", 1));
  await scenario.db.query(
    "update ampsync_private.lease set lease_until = ampsync_private.now() where holder = 'another'",
  );
  await scenario.db.query("select ampsync_private.schedule_stream(stream_id) from ampsync_private.stream");
  await until("the takeover", atLeast(`ampsync_lease_takeovers_total${of("logs")}`, 1));
});

test("a table that fails is not ready any more", async () => {
  await scenario.db.query("alter table chain.logs add constraint never check (_block_num < 0) not valid");
  source.mine();
  await until("the failure", (series) => series.get(`ampsync_ready${of("logs")}`) === 0);
  expect((await scrape()).get('ampsync_streams{state="failed"}')).toBe(1);
});

test("a worker that died is gone", async () => {
  const second = await Monitor.create();
  const first = scenario.worker;
  scenario.startWorker({ env: second.env });
  await until("the second worker", atLeast('ampsync_workers{state="alive"}', 2));
  await first.kill();
  monitor = second;
  await until("the one that is gone", atLeast('ampsync_workers{state="gone"}', 1));
});

test("docs/metrics.md has each metric with its labels, and each of them moved", () => {
  const documented = documentedMetrics();
  const seen = Map.groupBy([...new Set(scrapes.flatMap((series) => [...series.keys()]))], nameOf);

  const ours = [...seen.keys()].filter((name) => name.startsWith("ampsync_"));
  expect(
    documented
      .map(({ name }) => name)
      .filter((name) => name.startsWith("ampsync_"))
      .sort(),
  ).toEqual(ours.sort());

  for (const { name, type, labels } of documented) {
    const series = seen.get(name) ?? [];
    const found = new Set(series.flatMap(labelsOf).filter((label) => label !== "le"));
    expect([...found].sort(), name).toEqual([...labels].sort());
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    const moved = series.filter((each) => new Set(scrapes.map((scraped) => scraped.get(each) ?? 0)).size > 1);
    if (type === "info") expect(series, name).not.toEqual([]);
    else expect(moved, `${name} moved`).not.toEqual([]);
  }
});

test("no label has values that grow with what is synced, but for the names of tables", () => {
  const labels = new Map<string, Set<string>>();
  for (const series of scrapes.flatMap((scraped) => [...scraped.keys()])) {
    if (!series.startsWith("ampsync_")) continue;
    for (const [, label = "", value = ""] of series.matchAll(/(\w+)="([^"]*)"/g)) {
      labels.set(label, (labels.get(label) ?? new Set()).add(value));
    }
  }
  const bounded = [
    "dataset",
    "depth",
    "le",
    "outcome",
    "pool",
    "reason",
    "state",
    "table",
    "task",
    "version",
    "what",
  ];
  expect([...labels.keys()].sort()).toEqual(bounded);
  for (const [label, values] of labels) expect(values.size, label).toBeLessThan(20);
});
