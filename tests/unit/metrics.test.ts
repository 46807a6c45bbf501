import { expect, test } from "vitest";

import { DatabaseMetrics } from "../../src/metrics/database-metrics.ts";
import { countRepeats, createRegistry, gauge, watchPools } from "../../src/metrics/registry.ts";
import { StreamMetrics } from "../../src/metrics/stream-metrics.ts";
import { seriesOf } from "../support/health/monitor.ts";

const shown = async (registry: ReturnType<typeof createRegistry>) =>
  Object.fromEntries(seriesOf(await registry.metrics()));

test("the registry begins with the version", async () => {
  expect(await shown(createRegistry("1.2.3"))).toEqual({ 'ampsync_build_info{version="1.2.3"}': 1 });
});

test("commits add up by table, and their times over all", async () => {
  const registry = createRegistry("1.2.3");
  const metrics = new StreamMetrics(registry);
  for (const table of ["blocks", "logs", "logs"]) {
    metrics.of("chain", table).committed({ microbatches: 2, rows: 10, bytes: 500, copyMs: 20, commitMs: 3 });
  }
  expect(await shown(registry)).toMatchObject({
    'ampsync_rows_written_total{dataset="chain",table="blocks"}': 10,
    'ampsync_rows_written_total{dataset="chain",table="logs"}': 20,
    'ampsync_bytes_written_total{dataset="chain",table="logs"}': 1_000,
    'ampsync_microbatches_total{dataset="chain",table="logs"}': 4,
    'ampsync_commits_total{dataset="chain",table="logs"}': 2,
    ampsync_copy_seconds_count: 3,
    'ampsync_copy_seconds_bucket{le="0.01"}': 0,
    'ampsync_copy_seconds_bucket{le="0.025"}': 3,
    ampsync_commit_seconds_sum: expect.closeTo(0.009),
  });
});

test("retries are by code, PostgreSQL's by class, so that the number of series stays small", async () => {
  const registry = createRegistry("1.2.3");
  const metrics = new StreamMetrics(registry);
  const table = metrics.of("chain", "logs");
  for (const code of ["SY104", "57P01", "57014", "40001"]) table.retries(code);
  table.reconnects("gap");
  metrics.leaseLost();
  expect(await shown(registry)).toMatchObject({
    'ampsync_retries_total{dataset="chain",reason="SY104",table="logs"}': 1,
    'ampsync_retries_total{dataset="chain",reason="57xxx",table="logs"}': 2,
    'ampsync_retries_total{dataset="chain",reason="40xxx",table="logs"}': 1,
    'ampsync_reconnects_total{reason="gap"}': 1,
    ampsync_leases_lost_total: 1,
  });
});

test("pools, repeats and gauges are read when somebody asks", async () => {
  const registry = createRegistry("1.2.3");
  const pool = { totalCount: 3, idleCount: 1, waitingCount: 0 };
  let age = 4;
  watchPools(registry, { worker: pool });
  gauge(registry, "ampsync_age_seconds", "An age", () => age);
  const repeated = countRepeats(registry);
  repeated("db_operation");
  expect(await shown(registry)).toMatchObject({
    'ampsync_db_connections{pool="worker",state="busy"}': 2,
    'ampsync_db_connections{pool="worker",state="idle"}': 1,
    'ampsync_db_waiting{pool="worker"}': 0,
    'ampsync_db_retries_total{what="operation"}': 1,
    ampsync_age_seconds: 4,
  });
  Object.assign(pool, { waitingCount: 7 });
  age = 5;
  expect(await shown(registry)).toMatchObject({
    'ampsync_db_waiting{pool="worker"}': 7,
    ampsync_age_seconds: 5,
  });
});

test("what the database knows comes, changes and goes with its rows", async () => {
  const registry = createRegistry("1.2.3");
  const known = new DatabaseMetrics(registry);
  const lag = (value: number, table: string | null) => ({
    metric: "ampsync_lag_blocks",
    type: "gauge",
    labels: table === null ? { dataset: "chain" } : { dataset: "chain", table },
    value,
    help: "Blocks behind",
  });
  const takeovers = {
    metric: "ampsync_takeovers_total",
    type: "counter",
    labels: { dataset: 'a "quoted" name' },
    value: 3,
    help: "Takeovers",
  };
  known.replace([lag(5, null), lag(7, "logs"), takeovers]);
  expect(await shown(registry)).toMatchObject({
    ampsync_database_up: 1,
    'ampsync_lag_blocks{dataset="chain"}': 5,
    'ampsync_lag_blocks{dataset="chain",table="logs"}': 7,
    'ampsync_takeovers_total{dataset="a \\"quoted\\" name"}': 3,
  });
  expect(await registry.metrics()).toContain("# TYPE ampsync_takeovers_total counter");

  known.replace([lag(6, "logs")]);
  expect(Object.keys(await shown(registry))).toEqual([
    'ampsync_build_info{version="1.2.3"}',
    "ampsync_database_up",
    'ampsync_lag_blocks{dataset="chain",table="logs"}',
  ]);

  known.replace(null);
  expect(await shown(registry)).toEqual({ 'ampsync_build_info{version="1.2.3"}': 1, ampsync_database_up: 0 });
});

test("a runtime that is built again in the same process counts anew in the same registry", async () => {
  const registry = createRegistry("1.2.3");
  for (const rows of [10, 20]) {
    new StreamMetrics(registry).of("chain", "logs").committed({
      ...{ microbatches: 1, bytes: 1, copyMs: 1, commitMs: 1 },
      rows,
    });
    gauge(registry, "ampsync_age_seconds", "An age", () => rows);
    watchPools(registry, {});
    countRepeats(registry)("db_connection");
  }
  expect(await shown(registry)).toMatchObject({
    'ampsync_rows_written_total{dataset="chain",table="logs"}': 20,
    'ampsync_db_retries_total{what="connection"}': 1,
    ampsync_age_seconds: 20,
  });
});
