import { describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaledEvents } from "../../support/postgres/journal.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function dueIn(): Promise<number[]> {
  return (await waitingJobs(db, "ampsync_stream:%")).map((job) => job.due_in_s);
}

test("a pass that yields hands the lease back and its next pass is due at once", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await stream.endPass("yielded");
  expect(await stream.view()).toMatchObject({ state: "backfill", worker: null, attempts: 0 });
  const [due] = await dueIn();
  expect(due).toBeLessThanOrEqual(0);
  expect(await stream.acquire("worker-2")).toMatchObject({ epoch: "2" });
});

test("a call that is repeated because its answer was lost counts once", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.endPass("ended");
  await stream.endPass("ended");
  expect(await stream.view()).toMatchObject({ state: "retrying", attempts: 1 });
  expect(await dueIn()).toHaveLength(1);
  expect((await journaledEvents(db)).filter((event) => event === "stream_error")).toHaveLength(1);
});

describe.each([
  ["ended", "retrying", [1, 2, 4, 8, 16, 30, 60, 60]],
  ["no_data", "waiting", [2, 4, 8, 16, 30, 30]],
])("a pass that ends as %s", (outcome, state, delays) => {
  test(`leaves the stream ${state} with reason, hint and time of the next try`, async () => {
    const stream = await SqlStream.prepare(db);
    await stream.endPass(outcome);
    const view = await stream.view();
    expect(view).toMatchObject({
      state,
      error_code: "SY104",
      reason: "it broke",
      detail: "while testing",
      hint: "select 1;",
      attempts: 1,
      worker: null,
    });
    expect(view.next_retry).toBeInstanceOf(Date);
  });

  test(`is followed by another after ${delays.join(", ")} s, give or take a fifth, by one job`, async () => {
    const stream = await SqlStream.prepare(db);
    for (const delay of delays) {
      await stream.endPass(outcome);
      const due = await dueIn();
      expect(due).toHaveLength(1);
      expect(due[0]).toBeGreaterThan(delay * 0.8 - 0.1);
      expect(due[0]).toBeLessThan(delay * 1.2);
      await stream.acquire();
    }
  });
});

test("a commit resets the delays and clears the error", async () => {
  const stream = await SqlStream.prepare(db);
  for (let i = 0; i < 4; i++) {
    await stream.endPass("ended");
    await stream.acquire();
  }
  await stream.apply(0, 9);
  expect(await stream.view()).toMatchObject({
    attempts: 0,
    error_code: null,
    reason: null,
    hint: null,
    next_retry: null,
  });
  await stream.endPass("ended");
  const [due] = await dueIn();
  expect(due).toBeLessThan(1.2);
});

test("a pass that failed has no successor", async () => {
  const stream = await SqlStream.prepare(db);
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await stream.endPass("failed", "SY201");
  expect(await stream.view()).toMatchObject({
    state: "failed",
    error_code: "SY201",
    next_retry: null,
    worker: null,
  });
  expect(await dueIn()).toEqual([]);
  expect((await journaledEvents(db)).at(-1)).toBe("stream_failed");
});

test("a pass that failed with a version that is no longer followed has one that reads the next", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await db.query("update ampsync_private.stream set version = '1.1.0'");
  await stream.endPass("failed", "SY201");
  expect(await stream.view()).toMatchObject({ state: "backfill", error_code: null });
  expect(await dueIn()).toHaveLength(1);
  await stream.acquire();
  await stream.endPass("failed", "SY201");
  expect(await stream.view()).toMatchObject({ state: "failed" });
});

test("the journal tells of the first error and of every fifth, and once that there were five", async () => {
  const stream = await SqlStream.prepare(db);
  for (let i = 0; i < 11; i++) {
    await stream.endPass("ended");
    await stream.acquire();
  }
  const told = await journaledEvents(db);
  expect(told.filter((event) => event === "stream_error")).toHaveLength(3);
  expect(told.filter((event) => event === "max_retries_reached")).toHaveLength(1);
});

test("a state is shown since it began, not since its last retry", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await moveClock(db, "1 min");
  await stream.endPass("ended");
  const { since } = await stream.view();
  await stream.acquire();
  await moveClock(db, "1 min");
  await stream.endPass("ended");
  expect((await stream.view()).since).toEqual(since);
  await stream.acquire();
  await stream.endPass("failed");
  expect((await stream.view()).since.getTime()).toBeGreaterThan(since.getTime() + 59_000);
});

test("a late call with the epoch of an old lease does nothing", async () => {
  const stream = await SqlStream.prepare(db);
  const old = stream.through(db);
  await moveClock(db, "31 s");
  await stream.acquire("worker-2");
  const before = await stream.view();
  await old.endPass("failed");
  expect(await stream.view()).toMatchObject({
    state: before.state,
    worker: "worker-2",
    lease_until: before.lease_until,
  });
});

test("a pass that got no lease may say why, unless somebody holds it", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.endPass("ended", "55P03", null);
  expect(await stream.view()).toMatchObject({ state: "waiting", worker: "worker-1" });

  await moveClock(db, "31 s");
  await stream.endPass("ended", "55P03", null);
  expect(await stream.view()).toMatchObject({ state: "retrying", error_code: "55P03", worker: null });
});

test.each(["paused", "failed", "orphaned", "resyncing"])(
  "a stream that was %s meanwhile stays so, without a job",
  async (state) => {
    const stream = await SqlStream.prepare(db);
    await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
    await db.query("update ampsync_private.stream set state = $1", [state]);
    await stream.endPass("yielded");
    expect(await stream.view()).toMatchObject({ state, worker: null });
    expect(await dueIn()).toEqual([]);
  },
);

test("a job that runs does not keep the next one from being queued, and two never wait", async () => {
  const stream = await SqlStream.prepare(db);
  await db.query("update graphile_worker._private_jobs set locked_at = now(), locked_by = 'worker-1'");
  await stream.endPass("ended");
  await stream.endPass("ended");
  await stream.endPass("yielded", "SY104", null);
  const { rows } = await db.query(
    "select locked_at is null as waits from graphile_worker.jobs where task_identifier = 'ampsync_stream' order by 1",
  );
  expect(rows).toEqual([{ waits: false }, { waits: true }]);
});
