import { describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaledDetails } from "../../support/postgres/journal.ts";
import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
/** Whose versions are not polled, so that there is no job of it but those of its streams. */
const FIXED = { dataset: "chain@1.0.0" };

async function job(set: string, keyLike = "ampsync\\_stream:%"): Promise<void> {
  await db.query(`update graphile_worker._private_jobs set ${set} where key like '${keyLike}'`);
}

async function deleteJobs(): Promise<void> {
  await clearQueue(db);
}

async function heartbeat(worker: string): Promise<void> {
  await db.query("select ampsync_worker.renew_leases($1, '[]')", [worker]);
}

async function lockedBy(): Promise<(string | null)[]> {
  const { rows } = await db.query(
    "select locked_by from graphile_worker.jobs where task_identifier = 'ampsync_stream' order by id",
  );
  return rows.map((row) => row["locked_by"]);
}

async function released(): Promise<SqlStream> {
  const stream = await SqlStream.prepare(db, FIXED);
  await stream.endPass("yielded");
  return stream;
}

describe("a stream that nobody holds gets a new job", () => {
  test.each([
    ["its job is gone", "delete from graphile_worker._private_jobs where key like 'ampsync\\_stream:%'"],
    ["its job's attempts are used up", "update graphile_worker._private_jobs set attempts = max_attempts"],
    [
      "its job was put off far beyond its time",
      "update graphile_worker._private_jobs set run_at = run_at + interval '4 h'",
    ],
  ])("where %s", async (_, harm) => {
    await released();
    await db.query(harm);
    await db.query("delete from graphile_worker._private_jobs where key like 'ampsync\\_resolve:%'");
    expect(await supervise(db)).toBe(1);
    const jobs = await waitingJobs(db, "ampsync_stream:%");
    expect(jobs).toHaveLength(1);
    expect(jobs[0].due_in_s).toBeLessThanOrEqual(0);
    expect(await supervise(db)).toBe(0);
    const { rows } = await db.query("select attempts, state from ampsync.jobs where task = 'ampsync_stream'");
    expect(rows).toEqual([{ attempts: 0, state: "ready" }]);
  });

  test("where its lease ran out", async () => {
    await SqlStream.prepare(db, FIXED);
    await deleteJobs();
    expect(await supervise(db)).toBe(0);
    await moveClock(db, "31 s");
    expect(await supervise(db)).toBe(1);
  });

  test("where a living worker took its job and never heard of it: the answer was lost", async () => {
    await released();
    await deleteJobs();
    expect(await supervise(db)).toBe(1);
    await job("locked_at = ampsync_private.now(), locked_by = 'worker-1'");
    await moveClock(db, "31 s");
    await heartbeat("worker-1");
    expect(await supervise(db)).toBe(1);
    expect(await lockedBy()).toEqual(["worker-1", null]);
    expect(await supervise(db)).toBe(0);
  });
});

describe("is left alone:", () => {
  test("a job that waits", async () => {
    await released();
    expect(await supervise(db)).toBe(0);
  });

  test("a retry that is due later", async () => {
    const stream = await SqlStream.prepare(db, FIXED);
    for (let i = 0; i < 7; i++) {
      await stream.endPass("ended");
      await stream.acquire();
    }
    await stream.endPass("ended");
    const [before] = await waitingJobs(db, "ampsync_stream:%");
    expect(before.due_in_s).toBeGreaterThan(40);
    expect(await supervise(db)).toBe(0);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(1);
  });

  test("a retry that is due much later, as that of a stream of which workers died", async () => {
    const { id } = await released();
    await db.query(
      "update ampsync_private.stream set state = 'retrying', next_retry = ampsync_private.now() + interval '15 min'",
    );
    await db.query("select ampsync_private.schedule_stream($1, ampsync_private.now() + interval '15 min')", [
      id,
    ]);
    expect(await supervise(db)).toBe(0);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(1);
  });

  test("a job that runs, whose worker is alive", async () => {
    await released();
    await job("locked_at = ampsync_private.now(), locked_by = 'worker-1'");
    await heartbeat("worker-1");
    await moveClock(db, "29 s");
    expect(await supervise(db)).toBe(0);
    expect(await lockedBy()).toEqual(["worker-1"]);
  });

  test.each(["paused", "failed", "orphaned", "resyncing"])("a stream that is %s", async (state) => {
    await released();
    await db.query("update ampsync_private.stream set state = $1", [state]);
    await deleteJobs();
    expect(await supervise(db)).toBe(0);
  });

  test("a job without a key, as a crontab queues it", async () => {
    await db.query("select graphile_worker.add_job('ampsync_supervise')");
    await supervise(db);
    const { rows } = await db.query("select task_identifier from graphile_worker.jobs where key is null");
    expect(rows).toEqual([{ task_identifier: "ampsync_supervise" }]);
  });

  test("a job of the application", async () => {
    await db.query("select graphile_worker.add_job('of_the_application', job_key => 'theirs')");
    await job("locked_at = now() - interval '1 day', locked_by = 'their-worker'", "theirs");
    await supervise(db);
    const { rows } = await db.query("select locked_by from graphile_worker.jobs");
    expect(rows).toEqual([{ locked_by: "their-worker" }]);
  });
});

describe("the jobs of a dead worker are freed", () => {
  test("when its heartbeat is older than a lease", async () => {
    await released();
    await heartbeat("worker-1");
    await job("locked_at = ampsync_private.now(), locked_by = 'worker-1'");
    await moveClock(db, "31 s");
    await supervise(db);
    expect(await lockedBy()).toEqual([null]);
    expect(await journaledDetails(db, "workers_freed")).toEqual([{ workers: ["worker-1"] }]);
  });

  test("as late where it never had a heartbeat", async () => {
    await released();
    await job("locked_at = ampsync_private.now(), locked_by = 'stranger'");
    await moveClock(db, "29 s");
    await supervise(db);
    expect(await lockedBy()).toEqual(["stranger"]);
    await moveClock(db, "2 s");
    await supervise(db);
    expect(await lockedBy()).toEqual([null]);
  });

  test("and replaced: a worker that lives after all deletes its job by id when it has done it", async () => {
    const stream = await SqlStream.prepare(db, FIXED);
    await job("locked_at = ampsync_private.now(), locked_by = 'worker-1'");
    await heartbeat("worker-1");
    const { rows } = await db.query(
      "select id from graphile_worker.jobs where key like 'ampsync\\_stream:%'",
    );
    await moveClock(db, "31 s");
    await supervise(db);
    await stream.endPass("ended");
    await db.query("delete from graphile_worker._private_jobs where id = $1", [rows[0]!["id"]]);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(1);
  });

  test("and one that was replaced while it ran is removed: two never wait", async () => {
    const stream = await SqlStream.prepare(db, FIXED);
    await job("locked_at = ampsync_private.now(), locked_by = 'stranger'");
    await stream.endPass("yielded");
    expect(await lockedBy()).toEqual(["stranger", null]);
    await moveClock(db, "61 s");
    await supervise(db);
    expect(await lockedBy()).toEqual([null]);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(1);
  });
});

test("a dataset that waits gets a new job, a resolved or failed one does not", async () => {
  await db.query("select ampsync.enqueue_sync('chain')");
  await deleteJobs();
  expect(await supervise(db)).toBe(1);
  expect(await waitingJobs(db, "ampsync_resolve:%")).toHaveLength(1);
  await deleteJobs();
  await db.query(
    "select ampsync_worker.defer_resolve(d.dataset_id, 'failed', '{}') from ampsync_private.dataset d",
  );
  expect(await supervise(db)).toBe(0);
});

test("workers that were not heard of for a day are forgotten", async () => {
  await heartbeat("worker-1");
  await moveClock(db, "25 h");
  await heartbeat("worker-2");
  await supervise(db);
  const { rows } = await db.query("select worker_id from ampsync_private.worker");
  expect(rows).toEqual([{ worker_id: "worker-2" }]);
});

describe("schedule_supervision", () => {
  async function dueIn(): Promise<number[]> {
    await db.query("select ampsync_worker.schedule_supervision()");
    return (await waitingJobs(db, "ampsync_supervise")).map((waiting) => waiting.due_in_s);
  }

  test("queues one run in 5 s", async () => {
    await dueIn();
    const due = await dueIn();
    expect(due).toHaveLength(1);
    expect(due[0]).toBeCloseTo(5, 0);
  });

  test("queues it sooner where a lease runs out before", async () => {
    await SqlStream.prepare(db, FIXED);
    await moveClock(db, "27 s");
    const [due] = await dueIn();
    expect(due).toBeGreaterThan(2);
    expect(due).toBeLessThan(3.2);
  });

  test("does not run hot where leases ran out long ago", async () => {
    await SqlStream.prepare(db, FIXED);
    await moveClock(db, "1 h");
    const [due] = await dueIn();
    expect(due).toBeCloseTo(5, 0);
  });
});
