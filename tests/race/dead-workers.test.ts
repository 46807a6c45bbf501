// Takes 10 s.
import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../support/postgres/clock.ts";
import { journaledDetails } from "../support/postgres/journal.ts";
import { clearQueue, supervise } from "../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream, waitingJobs } from "../support/postgres/sql-stream.ts";
import { waitFor } from "../support/wait-for.ts";

const db = sharedDatabase();
let stream: SqlStream;
let count = 0;
let worker: string;
let rival: string;
/** The heartbeat sessions of the two. */
let heart: pg.Client;
let rivalHeart: pg.Client;

beforeEach(async () => {
  count++;
  await db.query("truncate ampsync_private.dataset, ampsync_private.worker, ampsync_private.event cascade");
  [worker, rival] = [`worker-${count}`, `rival-${count}`];
  [heart, rivalHeart] = [await session(), await session()];
  await moveClock(db, "6 s"); // The server did not start just now.
  await beat(heart, worker);
  await beat(rivalHeart, rival);
  stream = await SqlStream.register(db, { dataset: `chain_${count}@1.0.0` });
  await clearQueue(db);
  await db.query("select ampsync_private.schedule_stream($1)", [stream.id]);
  await db.query(
    "update graphile_worker._private_jobs set locked_at = ampsync_private.now(), locked_by = $1",
    [worker],
  );
  await stream.acquire(worker);
  await stream.prepareTarget();
});

/** A connection that may be ended. */
async function session(): Promise<pg.Client> {
  const client = await db.client();
  client.on("error", () => {});
  return client;
}

async function beat(client: pg.Client, id: string, leases: readonly object[] = []): Promise<void> {
  await client.query("select ampsync_worker.renew_leases($1, $2)", [id, JSON.stringify(leases)]);
}

/** One look of the rival; resolves to whom the next one is to suspect. */
async function look(suspects: readonly string[], client = rivalHeart, id = rival): Promise<string[]> {
  const { rows } = await client.query("select ampsync_worker.find_dead_workers($1, $2) as suspects", [
    id,
    suspects,
  ]);
  return rows[0].suspects;
}

/** What happens to the heartbeat session when its process dies. */
async function die(client = heart): Promise<void> {
  const pid = await backendOf(client);
  await db.query("select pg_terminate_backend($1, 5000)", [pid]);
}

async function jobsOf(id: string): Promise<string[]> {
  const { rows } = await db.query("select key from graphile_worker.jobs where locked_by = $1", [id]);
  return rows.map((row) => row["key"]);
}

async function isFoundDead(id = worker): Promise<boolean> {
  const { rows } = await db.query("select state from ampsync.workers where worker = $1", [id]);
  return rows[0]!["state"] === "gone";
}

describe("a worker whose session is gone", () => {
  test("is dead at the second look: its jobs are freed, its streams are queued, and its lease can be taken", async () => {
    await die();
    expect(await look([])).toEqual([worker]);
    expect(await stream.acquire(rival)).toBeUndefined(); // Seen once, it may come back.
    expect(await jobsOf(worker)).toHaveLength(1);

    expect(await look([worker])).toEqual([]);
    expect(await isFoundDead()).toBe(true);
    expect(await jobsOf(worker)).toEqual([]);
    const [job] = await waitingJobs(db, `ampsync_stream:${stream.id}`);
    expect(job.due_in_s).toBeLessThanOrEqual(0);
    const [supervision] = await waitingJobs(db, "ampsync_supervise");
    expect(supervision.due_in_s).toBeLessThanOrEqual(0);
    expect((await journaledDetails(db, "workers_freed")).at(-1)).toEqual({ workers: [worker] });
    expect(await stream.acquire(rival)).toMatchObject({ epoch: "2", watched: true });
    expect((await stream.view()).worker).toBe(rival);
  });

  test("is not dead because another one is, who was seen before", async () => {
    const third = await session();
    await beat(third, `third-${count}`);
    await die(third);
    await die();
    expect(await look([`third-${count}`])).toEqual([worker]);
    expect(await isFoundDead(`third-${count}`)).toBe(true);
    expect(await isFoundDead()).toBe(false);
    expect(await jobsOf(worker)).toHaveLength(1);
  });

  test("is looked at no longer", async () => {
    await die();
    await look([worker]);
    await stream.acquire(rival);
    expect(await look([worker])).toEqual([]);
    expect(await look([])).toEqual([]);
  });

  test("and that comes back between two looks is alive", async () => {
    await die();
    expect(await look([])).toEqual([worker]);
    await beat(await session(), worker);
    expect(await look([worker])).toEqual([]);
    expect(await isFoundDead()).toBe(false);
    expect(await stream.acquire(rival)).toBeUndefined();
  });

  test("and that comes back before its lease was taken keeps it", async () => {
    await die();
    await look([worker]);
    await beat(await session(), worker);
    expect(await isFoundDead()).toBe(false);
    expect(await stream.acquire(rival)).toBeUndefined();
    await stream.commit(0, 9);
    await supervise(db);
    expect(await stream.acquire(rival)).toBeUndefined();
  });

  test("is alive while an abandoned session of it holds the lock: then time counts", async () => {
    const again = await session();
    await beat(again, worker);
    await die(heart);
    expect(await look([worker])).toEqual([]);
    expect(await stream.acquire(rival)).toBeUndefined();
    await moveClock(db, "31 s");
    expect(await stream.acquire(rival)).toMatchObject({ epoch: "2" });
    await die(again);
  });

  test("and was given a lease by a call that was under way is dead all the same", async () => {
    await die();
    await look([worker]);
    await db.query(
      "update ampsync_private.lease set epoch = 2, acquired_at = ampsync_private.now() where stream_id = $1",
      [stream.id],
    );
    await clearQueue(db);
    expect(await look([])).toEqual([worker]);
    expect(await look([worker])).toEqual([]);
    expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toHaveLength(1);
    expect(await stream.acquire(rival)).toMatchObject({ epoch: "3" });
  });

  test("and stopped before, with nothing left, is gone at once, and nothing is journaled", async () => {
    await stream.endPass("yielded");
    await clearQueue(db);
    await die();
    const before = await journaledDetails(db, "workers_freed");
    await look([worker]);
    expect(await isFoundDead()).toBe(true);
    expect(await journaledDetails(db, "workers_freed")).toEqual(before);
    expect(await waitingJobs(db)).toEqual([]);
  });

  test("is replaced by the supervisor where it was found dead, and its job was put back since", async () => {
    await die();
    await look([worker]);
    await clearQueue(db);
    await db.query("select ampsync_private.schedule_stream($1)", [stream.id]);
    await db.query(
      "update graphile_worker._private_jobs set locked_at = ampsync_private.now(), locked_by = $1",
      [worker],
    );
    expect(await supervise(db)).toBe(1);
    expect(await jobsOf(worker)).toEqual([]);
  });
});

describe("only time counts", () => {
  test("for a worker that never held its lock", async () => {
    await db.query("update ampsync_private.worker set had_lock = false where worker_id = $1", [worker]);
    await die();
    expect(await look([worker])).toEqual([]);
    expect(await stream.acquire(rival)).toBeUndefined();
    await moveClock(db, "31 s");
    expect(await stream.acquire(rival)).toMatchObject({ epoch: "2" });
  });

  test("in the first 5 s after the server started", async () => {
    await die();
    await db.query(
      `update test_clock.moved set by = by
         + (pg_postmaster_start_time() + interval '3 s' - (select ampsync_private.now()))`,
    );
    await db.query("update ampsync_private.worker set heartbeat_at = ampsync_private.now()");
    expect(await look([])).toEqual([]);
    await moveClock(db, "3 s");
    expect(await look([])).toEqual([worker]);
  });

  test("for one that was not heard of for as long as a lease lasts", async () => {
    await die();
    await moveClock(db, "31 s");
    expect(await look([worker])).toEqual([]);
    expect(await stream.acquire(rival)).toMatchObject({ epoch: "2" });
  });
});

describe("no lease is granted to a worker that does not hold its lock", () => {
  test("yet: its job is queued again for a second later", async () => {
    await stream.endPass("yielded");
    await db.query("select ampsync_worker.register_worker('new', 'machine', 1, '1.0.0', 10)");
    expect(await stream.acquire("new")).toBeUndefined();
    const [job] = await waitingJobs(db, `ampsync_stream:${stream.id}`);
    expect(job.due_in_s).toBeGreaterThan(0.5);
    await beat(await session(), "new");
    expect(await stream.acquire("new")).toMatchObject({ epoch: "2" });
  });

  test("any more: it died while its call waited for a writer", async () => {
    await stream.endPass("yielded");
    const [writer, caller] = [await session(), await session()];
    const pid = await backendOf(caller);
    await writer.query("begin");
    await writer.query("select pg_advisory_xact_lock(ampsync_private.fence_key($1, $2))", [
      stream.id,
      stream.epoch,
    ]);
    const row = stream.through(caller).acquire(worker);
    await untilBlocked(db, pid);
    await die();
    await writer.query("rollback");
    expect(await row).toBeUndefined();
    expect(await stream.acquire(rival)).toMatchObject({ epoch: "2" });
  });
});

test("a look takes the lock as well: a beat may have met an onlooker who tried it", async () => {
  await die(rivalHeart);
  await look([], await session());
  await stream.endPass("yielded");
  expect(await stream.acquire(rival)).toMatchObject({ epoch: "2" });
});

test("two that look at the same time free its jobs once", async () => {
  const third = await session();
  await beat(third, "third");
  await die();
  await Promise.all([look([worker]), look([worker], third, "third")]);
  expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toHaveLength(1);
  const freed = (await journaledDetails(db, "workers_freed")) as { workers: string[] }[];
  expect(freed.filter(({ workers }) => workers.includes(worker))).toHaveLength(1);
});

test("a worker that comes back while another takes its lease over keeps it", async () => {
  await die();
  await look([worker]);
  const gate = await session();
  await gate.query("begin");
  await gate.query("select from ampsync_private.lease where stream_id = $1 for no key update", [stream.id]);
  const taker = await session();
  const pid = await backendOf(taker);
  const taken = stream.through(taker).acquire(rival);
  await untilBlocked(db, pid);
  await beat(await session(), worker); // Leaves out the lease that is locked; its lock is held again.
  await gate.query("rollback");
  expect(await taken).toBeUndefined();
  await stream.commit(0, 9);
});

test("a look waits for nobody's transaction: a stream that somebody decides about is left for the supervisor", async () => {
  await die();
  const pausing = await session();
  await pausing.query("begin");
  await pausing.query("select ampsync.pause_sync($1)", [`chain_${count}@1.0.0`]);
  await rivalHeart.query("set statement_timeout = '2 s'");
  await look([worker]);
  expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toEqual([]);
  await pausing.query("rollback");
  expect(await supervise(db)).toBe(1);
  expect(await stream.acquire(rival)).toMatchObject({ epoch: "2" });
});

test("nor for one that has replaced a job of the dead worker: the next look frees it", async () => {
  await die();
  const replacing = await session();
  await replacing.query("begin");
  await replacing.query("select from graphile_worker._private_jobs where locked_by = $1 for update", [
    worker,
  ]);
  await rivalHeart.query("set statement_timeout = '2 s'");
  expect(await look([worker])).toEqual([worker]);
  await replacing.query("rollback");
  expect(await look([worker])).toEqual([]);
  expect(await jobsOf(worker)).toEqual([]);
});

test("what a dead worker's backend had begun is ended by the takeover", async () => {
  const writer = await session();
  await writer.query("begin");
  const held = stream.through(writer);
  await held.beginApply();
  await held.insert(0, 9);
  await die();
  await look([worker]);
  expect(await stream.acquire(rival)).toMatchObject({ epoch: "2" });
  await expect(writer.query("commit")).rejects.toThrow();
  await waitFor("its rows to be gone", async () => (await stream.rows()) === "");
});

test("a worker that is found dead and had data of the stream counts as one that the stream killed", async () => {
  await beat(heart, worker, [{ stream_id: stream.id, epoch: stream.epoch, holds: true }]);
  await die();
  await look([worker]);
  await stream.acquire(rival);
  const { rows } = await db.query("select deaths from ampsync_private.stream where stream_id = $1", [
    stream.id,
  ]);
  expect(rows).toEqual([{ deaths: 1 }]);
});
