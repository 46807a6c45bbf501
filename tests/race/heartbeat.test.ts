import type pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { moveClock } from "../support/clock.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { backendOf, untilBlocked } from "../support/rivals.ts";
import { SqlStream, watermark } from "../support/sql-stream.ts";

let db: TestDatabase;
let stream: SqlStream;
let writer: pg.Client;
let heart: pg.Client;
let datasets = 0;

beforeAll(async () => {
  db = await createDatabase();
});
afterAll(() => db.drop());

beforeEach(async () => {
  datasets++;
  stream = await SqlStream.prepare(db, { dataset: `chain_${datasets}` });
  await stream.commit(0, 9);
  writer = await db.client();
  heart = await db.client();
});

async function beat(worker = "worker-1"): Promise<string> {
  const leases = JSON.stringify([{ stream_id: stream.id, epoch: stream.epoch, head: null }]);
  const { rows } = await heart.query("select verdict from ampsync.renew_leases($1, $2)", [worker, leases]);
  return rows[0].verdict;
}

async function deleteJobs(): Promise<void> {
  await db.query("delete from graphile_worker._private_jobs");
}

test("a heartbeat does not queue behind a writing transaction, however long, not even a reorg's", async () => {
  await deleteJobs();
  await writer.query("begin");
  await stream.through(writer).beginApply({ from: 5, parentHash: watermark(0, 4).hash });
  await heart.query("set lock_timeout = '100ms'");
  expect(await beat()).toBe("keep");
  await writer.query("rollback");
});

test("a heartbeat during a commit waits for that moment, and both succeed", async () => {
  await deleteJobs();
  const pid = await backendOf(heart);
  await writer.query("begin");
  await stream.through(writer).apply(10, 19);
  const verdict = beat();
  await untilBlocked(db, pid);
  await writer.query("commit");
  expect(await verdict).toBe("keep");
  expect(await stream.view()).toMatchObject({ block: "19" });
});

test("a commit during a heartbeat waits for that moment, and both succeed", async () => {
  const pid = await backendOf(writer);
  await heart.query("begin");
  await beat();
  await writer.query("begin");
  const applied = stream.through(writer).apply(10, 19);
  await untilBlocked(db, pid);
  await heart.query("commit");
  await applied;
  await writer.query("commit");
  expect(await stream.view()).toMatchObject({ block: "19" });
});

test("a heartbeat during a takeover waits for it and learns that the lease is lost", async () => {
  await moveClock(db, "31 s");
  const pid = await backendOf(heart);
  await writer.query("begin");
  await stream.through(writer).acquire("worker-2");
  const verdict = beat();
  await untilBlocked(db, pid);
  await writer.query("commit");
  expect(await verdict).toBe("lost");
  expect(await stream.view()).toMatchObject({ worker: "worker-2" });
});

test("a takeover during a heartbeat waits for it and finds the lease renewed", async () => {
  await moveClock(db, "31 s");
  const pid = await backendOf(writer);
  await heart.query("begin");
  await beat();
  const row = stream.through(writer).acquire("worker-2");
  await untilBlocked(db, pid);
  await heart.query("commit");
  expect(await row).toBeUndefined();
});

test("end_pass and a commit lock in one order: neither is the victim of a deadlock", async () => {
  await writer.query("begin");
  const late = stream.through(writer);
  await late.beginApply({ from: 5, parentHash: watermark(0, 4).hash }); // Holds the stream row from here on.
  await late.insert(5, 9, "b");
  await moveClock(db, "31 s");

  const pid = await backendOf(heart);
  const ended = stream.through(heart).endPass("ended", "55P03", null);
  await untilBlocked(db, pid);
  await late.commitApply([watermark(5, 9, { fork: "b", parentFork: "a" })], 5);
  await writer.query("commit");
  await ended;
  expect(await stream.view()).toMatchObject({ state: "retrying", block: "9", rewrites: "1", worker: null });
});
