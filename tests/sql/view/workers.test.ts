import { expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { supervise } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function workers() {
  const { rows } = await db.query("select * from ampsync.workers order by worker");
  return rows;
}

async function register(worker: string): Promise<void> {
  await db.query("select ampsync_worker.register_worker($1, 'machine', 4711, '1.2.3', 10)", [worker]);
}

test("a worker is shown with where it runs, what it is and what it does", async () => {
  await db.query("select ampsync_worker.renew_leases('worker-1', '[]')");
  await register("worker-1");
  await SqlStream.prepare(db); // It is taken by worker-1.
  await db.query("update graphile_worker._private_jobs set locked_at = now(), locked_by = 'worker-1'");
  expect(await workers()).toMatchObject([
    {
      host: "machine",
      pid: 4711,
      version: "1.2.3",
      state: "alive",
      slots: 10,
      slots_used: "1", // The other job is short.
      streams: "1",
      worker: "worker-1",
    },
  ]);
});

test("a worker that is not heard of for as long as a lease lasts is gone, and forgotten after a day", async () => {
  await register("worker-1");
  await moveClock(db, "31 s");
  expect(await workers()).toMatchObject([{ state: "gone", streams: "0" }]);
  await moveClock(db, "1 day");
  await supervise(db);
  expect(await workers()).toEqual([]);
});

test("a worker whose heartbeat came first is told from others all the same", async () => {
  await db.query("select ampsync_worker.renew_leases('worker-1', '[]')");
  expect(await workers()).toMatchObject([{ host: null, state: "alive" }]);
  await register("worker-1");
  await register("worker-2");
  expect(await workers()).toMatchObject([
    { host: "machine", worker: "worker-1" },
    { host: "machine", worker: "worker-2" },
  ]);
});

test("the version is the one whose migrate changed the functions last", async () => {
  const { default: manifest } = await import("../../../package.json", { with: { type: "json" } });
  const { rows } = await db.query("select ampsync.version() as version");
  expect(rows).toEqual([{ version: manifest.version }]);
});
