import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { clearQueue } from "../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { startResync } from "../support/postgres/shadow.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream, waitingJobs } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let dataset: string;
/** With blocks 0 to 9, and its lease in the hands of worker-1. */
let stream: SqlStream;
let worker: pg.Client;
let user: pg.Client;
let userPid: number;
let datasets = 0;

beforeEach(async () => {
  dataset = `chain_${++datasets}`;
  stream = await SqlStream.prepare(db, { dataset });
  await stream.commit(0, 9);
  worker = await db.client();
  user = await db.client();
  userPid = await backendOf(user);
});

/**
 * The worker's call has locked a first row when the user's call comes, which waits for it, and goes on then. With the
 * first row the user's call may hold nothing that the worker's call needs next.
 */
async function meet(firstRow: string, workersCall: () => Promise<unknown>, usersCall: string): Promise<void> {
  await worker.query("begin");
  await worker.query(firstRow);
  const answer = user.query(usersCall);
  answer.catch(() => {});
  await untilBlocked(db, userPid);
  await workersCall();
  await worker.query("commit");
  await answer;
}

const rowOf = (id: string) => `select from ampsync_private.stream where stream_id = ${id} for no key update`;

describe("drop_sync does not deadlock with", () => {
  const drop = () => `select ampsync.drop_sync('${dataset}')`;

  test("a pass that ends", async () => {
    await meet(rowOf(stream.id), () => stream.through(worker).endPass("ended"), drop());
    expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toEqual([]);
  });

  test("a pass that reaches the head, and has indexes planned", async () => {
    const live = () => worker.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    await meet(rowOf(stream.id), live, drop());
    expect(await waitingJobs(db, `ampsync_index:${stream.id}`)).toEqual([]);
  });

  test("the next step of an index", async () => {
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    const retry =
      "update ampsync_private.target_index set next_retry = now() + interval '10 s' where stream_id = ";
    await meet(
      retry + stream.id,
      () => worker.query("select from ampsync_worker.next_index_step($1)", [stream.id]),
      drop(),
    );
    expect(await waitingJobs(db, `ampsync_index:${stream.id}`)).toEqual([]);
  });

  test("a swap that is deferred", async () => {
    const shadow = await startResync(db, stream, { dataset });
    const defer = () => worker.query("select ampsync_worker.defer_swap($1, '{}')", [shadow.id]);
    await meet(rowOf(shadow.id), defer, drop());
    expect(await waitingJobs(db, `ampsync_swap:${shadow.id}`)).toEqual([]);
  });
});

describe("a shadow that starts over after a deep reorg waits, before it locks anything, for", () => {
  /** The other call has locked its first row when the pass of the shadow ends, and goes on then. */
  async function meetStartingOver(firstRow: string, call: string): Promise<void> {
    const shadow = await startResync(db, stream, { dataset });
    await shadow.commit(0, 9, { expected: null });
    const pid = await backendOf(worker);
    await user.query("begin");
    await user.query(firstRow);
    const ended = shadow.through(worker).endPass("failed", "SY102");
    ended.catch(() => {});
    await untilBlocked(db, pid);
    await user.query(call.replace("<shadow>", shadow.id));
    await user.query("commit");
    await ended;
  }

  test.each(["cancel_resync", "pause_sync", "drop_sync"])("%s", async (call) => {
    const firstRow = `select from ampsync_private.dataset where name = '${dataset}' for no key update`;
    await meetStartingOver(firstRow, `select ampsync.${call}('${dataset}')`);
  });

  test("set_source", async () => {
    const firstRow = `select from ampsync_private.dataset where name = '${dataset}' for no key update`;
    await meetStartingOver(firstRow, `select ampsync.set_source('${dataset}', 'http://amp:1602')`);
  });

  test("the swap", async () => {
    await meetStartingOver(rowOf(stream.id), "select ampsync_worker.swap_resync(<shadow>)");
    expect(await stream.view()).toMatchObject({ state: "backfill", block: "9" });
  });
});

describe("the supervisor waits for no transaction that stays open, but for the next run", () => {
  test.each(["resume_sync", "pause_sync", "drop_sync", "resync", "enqueue_sync"])("of %s", async (call) => {
    const other = await SqlStream.prepare(db, { dataset: `${dataset}_other` });
    await stream.endPass("ended");
    await other.endPass("ended");
    await clearQueue(db);
    await user.query("begin");
    await user.query(`select ampsync.${call}($1)`, [dataset]);
    await worker.query("set lock_timeout = '200ms'");
    await worker.query("select ampsync_worker.supervise()");
    expect(await waitingJobs(db, `ampsync_stream:${other.id}`)).toHaveLength(1);
    await user.query("rollback");
    await worker.query("select ampsync_worker.supervise()");
    expect(await waitingJobs(db, `ampsync_stream:${stream.id}`)).toHaveLength(1);
    expect(await waitingJobs(db, `ampsync_poll:%`)).not.toEqual([]);
  });
});

test("a supervisor that has run keeps running while a transaction with an enqueue_sync stays open", async () => {
  await worker.query("select ampsync_worker.schedule_supervision()");
  await user.query("begin");
  await user.query("select ampsync.enqueue_sync($1)", [`${dataset}_new`]);
  const { rows } = await worker.query(
    "select key from graphile_worker._private_jobs where key = 'ampsync_supervise' for update skip locked",
  );
  expect(rows).toHaveLength(1);
});

test("a worker that takes a stream which others had left, and a pause: it waits before it locks the lease", async () => {
  const gate = await db.client();
  await stream.endPass("yielded");
  await db.query("update ampsync_private.lease set declined_since = now() where stream_id = $1", [stream.id]);
  await gate.query("begin");
  await gate.query(rowOf(stream.id));
  const paused = user.query("select ampsync.pause_sync($1)", [dataset]); // Has the fence, and waits for the stream row.
  await untilBlocked(db, userPid);
  const pid = await backendOf(worker);
  const taken = stream.through(worker).acquire("worker-2");
  const refused = expect(taken).rejects.toMatchObject({ code: "SY002" });
  await untilBlocked(db, pid);
  await gate.query("rollback");
  await paused;
  await refused;
});
