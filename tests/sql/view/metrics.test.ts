import { expect, test } from "vitest";

import { letTimePassWithin, moveClock } from "../../support/postgres/clock.ts";
import { clearQueue } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

/** Values by metric and labels; those of tables without the two labels that all of them have here. */
async function metrics(): Promise<Record<string, number>> {
  const { rows } = await db.query("select metric, labels, value from ampsync.metrics");
  return Object.fromEntries(
    rows.map(({ metric, labels: { dataset: _, table: __, ...labels }, value }) => [
      [metric, ...Object.values(labels)].join(" "),
      value,
    ]),
  );
}

async function beat(stream: SqlStream, head: string): Promise<void> {
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [
    JSON.stringify([{ stream_id: stream.id, epoch: stream.epoch, head }]),
  ]);
}

test("a table has its position, its lag, its rows and whether it is ready", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await beat(stream, "25");
  const before = Date.now() / 1000;
  const found = await metrics();
  expect(found).toMatchObject({
    ampsync_ready: 1,
    ampsync_checkpoint_block: 9,
    ampsync_lag_blocks: 16,
    ampsync_rows: 10,
    ampsync_failed_attempts: 0,
    "ampsync_streams backfill": 1,
    "ampsync_streams live": 0,
  });
  expect(Math.abs(found["ampsync_last_progress_timestamp_seconds"]! - before)).toBeLessThan(60);
  expect(found).not.toHaveProperty("ampsync_lag_seconds"); // Nobody told the time of block 9.

  await stream.endPass("failed");
  expect(await metrics()).toMatchObject({
    ampsync_ready: 0,
    ampsync_failed_attempts: 1,
    "ampsync_streams failed": 1,
  });
});

test("the lag in seconds is by the clock of the chain", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await db.query("update ampsync_private.stream set block_time = ampsync_private.now() - interval '90 s'");
  expect((await metrics())["ampsync_lag_seconds"]).toBeCloseTo(90, -1);
});

test("reorgs are counted by depth, and one that is rolled back is not", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 99);
  await stream.replace(99, 99, { fork: "b" });
  await stream.replace(98, 99, { fork: "c" });
  await stream.replace(90, 99, { fork: "d" });
  await stream.replace(89, 99, { fork: "e" });
  await stream.replace(35, 99, { fork: "f" });
  await db.query("savepoint reorg");
  await stream.replace(99, 99, { fork: "b", parentFork: "f" });
  await db.query("rollback to reorg");
  expect(await metrics()).toMatchObject({
    "ampsync_reorgs_total 1": 1,
    "ampsync_reorgs_total 2-10": 2,
    "ampsync_reorgs_total 11-64": 1,
    "ampsync_reorgs_total 65+": 1,
  });
});

test("takeovers are counted, and leases that were given back are not", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.endPass("yielded");
  await stream.acquire("worker-2");
  expect(await metrics()).toMatchObject({ ampsync_lease_takeovers_total: 0 });
  await moveClock(db, "31 s");
  await stream.acquire("worker-1");
  expect(await metrics()).toMatchObject({ ampsync_lease_takeovers_total: 1 });
});

test("the queue has its jobs by state, and how long the oldest of a task has been due", async () => {
  await clearQueue(db);
  await db.query("select ampsync.enqueue_sync('other')");
  await moveClock(db, "70 s");
  const found = await metrics();
  expect(found).toMatchObject({
    "ampsync_queue_jobs ready": expect.any(Number),
    "ampsync_queue_jobs running": 0,
  });
  expect(found["ampsync_queue_jobs ready"]).toBeGreaterThanOrEqual(1);
  expect(found["ampsync_queue_age_seconds ampsync_resolve"]).toBeCloseTo(70, -1);
  await db.query("update graphile_worker._private_jobs set locked_at = now(), locked_by = 'worker-1'");
  expect(await metrics()).toMatchObject({
    "ampsync_queue_jobs ready": 0,
    "ampsync_queue_age_seconds ampsync_resolve": 0,
  });
});

test("workers are counted, and the newest heartbeat has an age", async () => {
  expect(await metrics()).not.toHaveProperty("ampsync_worker_heartbeat_age_seconds");
  await db.query("select ampsync_worker.renew_leases('worker-1', '[]')");
  await moveClock(db, "45 s");
  expect(await metrics()).toMatchObject({ "ampsync_workers alive": 0, "ampsync_workers gone": 1 });
  expect((await metrics())["ampsync_worker_heartbeat_age_seconds"]).toBeCloseTo(45, -1);
  await letTimePassWithin(db, "1 s");
  await db.query("select ampsync_worker.renew_leases('worker-1', '[]')");
  expect(await metrics()).toMatchObject({ "ampsync_workers alive": 1, "ampsync_workers gone": 0 });
});

test("every row is a metric by Prometheus' conventions, once, with a meaning", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await beat(stream, "25");
  const { rows } = await db.query("select * from ampsync.metrics");
  for (const { metric, type, help, value, labels } of rows) {
    expect(metric).toMatch(/^ampsync_[a-z_]+$/);
    expect(metric.endsWith("_total"), metric).toBe(type === "counter");
    expect(help, metric).toMatch(/^[A-Z].*[^.]$/);
    expect(Number.isFinite(value), metric).toBe(true);
    expect(Object.values(labels).every((label) => typeof label === "string" && label !== "")).toBe(true);
  }
  const series = rows.map(({ metric, labels }) => `${metric} ${JSON.stringify(labels)}`);
  expect(new Set(series).size).toBe(series.length);
});
