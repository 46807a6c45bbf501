import { expect, test } from "vitest";

import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function call(name: "pause_sync" | "resume_sync") {
  const { rows } = await db.query(`select * from ampsync.${name}('chain')`);
  return rows;
}

test("a paused stream keeps rows and checkpoint, has no lease, and gives none", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  expect(await call("pause_sync")).toMatchObject([
    { dataset: "chain", table_name: "blocks", state: "paused" },
  ]);
  expect(await stream.view()).toMatchObject({
    state: "paused",
    block: "9",
    rows: "10",
    worker: null,
    reason: null,
  });
  expect(await refusal(db, () => stream.acquire())).toMatchObject({ code: "SY002" });
  expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY001" });
});

test("its holder learns with the next heartbeat that the lease is lost, and may end its pass in vain", async () => {
  const stream = await SqlStream.prepare(db);
  await call("pause_sync");
  const { rows } = await db.query("select verdict from ampsync_worker.renew_leases('worker-1', $1)", [
    JSON.stringify([{ stream_id: stream.id, epoch: stream.epoch }]),
  ]);
  expect(rows).toEqual([{ verdict: "lost" }]);
  await stream.endPass("ended");
  expect(await stream.view()).toMatchObject({ state: "paused", error_code: null });
});

test("a second call changes nothing", async () => {
  const stream = await SqlStream.prepare(db);
  await call("pause_sync");
  const { since } = await stream.view();
  await call("pause_sync");
  expect((await stream.view()).since).toEqual(since);
});

test("a failed stream stays failed", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.endPass("failed");
  await call("pause_sync");
  expect(await stream.view()).toMatchObject({ state: "failed", reason: "it broke" });
});

test("the supervisor wakes nothing that is paused", async () => {
  await SqlStream.prepare(db);
  await call("pause_sync");
  await clearQueue(db);
  expect(await supervise(db)).toBe(0);
});

test("resume_sync goes on from the checkpoint at once", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await call("pause_sync");
  await clearQueue(db);
  expect(await call("resume_sync")).toMatchObject([{ state: "retrying" }]);
  expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(1);
  await stream.acquire("worker-2");
  await stream.apply(10, 19);
  expect(await stream.view()).toMatchObject({ state: "backfill", block: "19" });
});

test("a dataset that was not resolved yet is not looked up while it is paused", async () => {
  await db.query("select ampsync.enqueue_sync('chain')");
  expect(await call("pause_sync")).toMatchObject([{ dataset: "chain", table_name: null, state: "paused" }]);
  const lookUp = "select (ampsync_worker.begin_resolve(d.dataset_id)).* from ampsync_private.dataset d";
  expect((await db.query(lookUp)).rows).toEqual([]);
  await clearQueue(db);
  await call("resume_sync");
  expect((await db.query(lookUp)).rows).toHaveLength(1);
  expect(await waitingJobs(db, "ampsync_resolve:%")).toHaveLength(1);
});
