import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function status(dataset = "chain") {
  const { rows } = await db.query("select * from ampsync.status where dataset = $1", [dataset]);
  return rows[0]!;
}

async function beat(streams: readonly SqlStream[], head: string | null = null): Promise<void> {
  const leases = streams.map(({ id, epoch }) => ({ stream_id: id, epoch, head, network: "mainnet" }));
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [JSON.stringify(leases)]);
}

describe("a dataset that was only enqueued", () => {
  test("waits, and says that no worker was ever seen", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    expect(await status()).toMatchObject({
      version: null,
      state: "waiting",
      target_schema: "chain",
      tables: "0",
      block: null,
      rows: "0",
      hint: expect.stringContaining("Start a worker"),
    });
  });

  test("waits for a free worker where one is alive", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    await beat([]);
    expect(await status()).toMatchObject({ hint: expect.stringContaining("waits for a free worker") });
    await moveClock(db, "31 s");
    expect(await status()).toMatchObject({ hint: expect.stringContaining("Start a worker") });
  });
});

describe("a dataset is unattended", () => {
  const isUnattended = async () => (await status())["unattended"];

  test("while no worker is alive and it is waited for", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    expect(await isUnattended()).toBe(true);
    await beat([]);
    expect(await isUnattended()).toBe(false);
    await moveClock(db, "31 s");
    expect(await isUnattended()).toBe(true);
    await db.query("select ampsync.pause_sync('chain')");
    expect(await isUnattended()).toBe(false);
  });

  test("while a table of it should move, and not once all are paused", async () => {
    await registerDataset(db, "chain", ["blocks", "logs"]);
    await db.query("update ampsync_private.stream set state = 'failed' where table_name = 'logs'");
    expect(await isUnattended()).toBe(true);
    await db.query("select ampsync.pause_sync('chain')");
    expect(await isUnattended()).toBe(false);
  });

  test("while a resync of it should move, and not once that has failed", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await db.query("select ampsync.resync('chain')");
    await moveClock(db, "31 s");
    expect(await isUnattended()).toBe(true);
    await db.query("update ampsync_private.stream set state = 'failed' where shadow_of is not null");
    expect(await status()).toMatchObject({ state: "resyncing", unattended: false });
    const { rows } = await db.query("select 1 from ampsync.doctor() where subject = 'workers'");
    expect(rows).toEqual([]);
  });
});

test("a worker that was found dead is none, so whatever waits for one says to start one", async () => {
  await db.query("select ampsync.enqueue_sync('later')");
  const stream = await SqlStream.prepare(db);
  await stream.prepareTarget();
  await stream.endPass("yielded");
  await db.query("update ampsync_private.stream set reached_head_at = ampsync_private.now()");
  const hints = async () => {
    const { rows } = await db.query(
      `select hint from ampsync.status union select hint from ampsync.streams union select hint from ampsync.indexes`,
    );
    return rows.map(({ hint }) => hint);
  };
  await beat([]);
  expect(await hints()).toEqual([expect.stringContaining("waits for a free worker")]);
  await db.query("update ampsync_private.worker set lost_at = ampsync_private.now()");
  expect(await hints()).toEqual([expect.stringContaining("Start a worker")]);
});

describe("a stream, and with it its dataset, shows that it", () => {
  let stream: SqlStream;
  beforeEach(async () => {
    stream = await SqlStream.prepare(db);
  });

  test("waits for data", async () => {
    await stream.endPass("no_data", "SY103");
    const { next_retry } = await stream.view();
    expect(await stream.view()).toMatchObject({
      state: "waiting",
      block: null,
      reason: "it broke",
      hint: "select 1;",
    });
    expect(await status()).toMatchObject({
      version: "1.0.0",
      state: "waiting",
      error_code: "SY103",
      waiting_on: "blocks: it broke",
      hint: "select 1;",
      next_retry,
    });
  });

  test("loads", async () => {
    await stream.apply(0, 9);
    await beat([stream], "1009");
    expect(await stream.view()).toMatchObject({
      state: "backfill",
      network: "mainnet",
      block: "9",
      head: "1009",
      behind: "1000",
      rows: "10",
      worker: "worker-1",
      reason: null,
      hint: null,
    });
    expect(await status()).toMatchObject({
      state: "backfill",
      block: "9",
      behind: "1000",
      rows: "10",
      waiting_on: null,
      hint: null,
    });
  });

  test("is live", async () => {
    await stream.apply(0, 9);
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    await beat([stream], "9");
    expect(await stream.view()).toMatchObject({ state: "live", behind: "0", reason: null });
    expect(await status()).toMatchObject({
      state: "live",
      behind: "0",
      waiting_on: null,
      hint: null,
      error_code: null,
    });
  });

  test("is retried, when, and why", async () => {
    await stream.apply(0, 9);
    await stream.endPass("ended", "SY104");
    const view = await stream.view();
    expect(view).toMatchObject({
      state: "retrying",
      attempts: 1,
      error_code: "SY104",
      block: "9",
      worker: null,
    });
    expect(view.next_retry).toBeInstanceOf(Date);
    expect(await status()).toMatchObject({
      state: "retrying",
      error_code: "SY104",
      waiting_on: "blocks: it broke",
    });
  });

  test("failed, and what to do", async () => {
    await stream.endPass("failed", "SY201");
    expect(await stream.view()).toMatchObject({
      state: "failed",
      next_retry: null,
      detail: "while testing",
      hint: "select 1;",
    });
    expect(await status()).toMatchObject({
      state: "failed",
      error_code: "SY201",
      hint: "select 1;",
      next_retry: null,
    });
  });

  test("is held by nobody once its lease ran out", async () => {
    await stream.apply(0, 9);
    await beat([stream]);
    await moveClock(db, "31 s");
    expect(await stream.view()).toMatchObject({
      state: "backfill",
      worker: null,
      reason: "no worker holds this stream",
      hint: expect.stringContaining("Start a worker"),
    });
    expect(await status()).toMatchObject({ waiting_on: "blocks: no worker holds this stream" });
  });
});

test("a dataset is as its worst table, as far as its slowest, and as large as all", async () => {
  await registerDataset(db, "chain", ["blocks", "logs", "traces"]);
  const blocks = await SqlStream.prepare(db, { table: "blocks" });
  const logs = await SqlStream.prepare(db, { table: "logs" });
  const traces = await SqlStream.prepare(db, { table: "traces" });
  await blocks.apply(0, 9);
  await logs.apply(0, 4);
  await traces.apply(0, 19);
  await db.query("select ampsync_worker.mark_live($1, $2)", [blocks.id, blocks.epoch]);
  await beat([blocks, logs, traces], "19");
  expect(await status()).toMatchObject({
    state: "backfill",
    tables: "3",
    block: "4",
    behind: "15",
    rows: "35",
  });

  await traces.endPass("ended");
  expect(await status()).toMatchObject({ state: "retrying", waiting_on: "traces: it broke" });
  await logs.endPass("failed", "SY203");
  expect(await status()).toMatchObject({
    state: "failed",
    error_code: "SY203",
    waiting_on: "logs: it broke",
  });
});

describe("ampsync.jobs", () => {
  async function jobs() {
    const { rows } = await db.query(
      "select task, dataset, table_name, state, worker, attempts from ampsync.jobs order by task, job_id",
    );
    return rows;
  }

  test("shows for what each job works, and none of the application's", async () => {
    await registerDataset(db, "eth/chain", ["blocks"]);
    await db.query("select graphile_worker.add_job('of_the_application')");
    expect(await jobs()).toMatchObject([
      { task: "ampsync_poll", dataset: "eth/chain", table_name: null, state: "scheduled" },
      { task: "ampsync_resolve", dataset: "eth/chain", table_name: null },
      { task: "ampsync_stream", dataset: "eth/chain", table_name: "blocks" },
      { task: "ampsync_supervise", dataset: null, table_name: null },
    ]);
  });

  test.each([
    ["ready", "run_at = ampsync_private.now() - interval '1 s'"],
    ["scheduled", "run_at = ampsync_private.now() + interval '10 s'"],
    ["running", "locked_at = ampsync_private.now(), locked_by = 'worker-1'"],
    ["exhausted", "attempts = max_attempts"],
  ])("shows a job as %s", async (state, set) => {
    await registerDataset(db, "chain", ["blocks"]);
    await db.query(`update graphile_worker._private_jobs set ${set} where key like 'ampsync\\_stream:%'`);
    const job = (await jobs()).find((each) => each["task"] === "ampsync_stream");
    expect(job).toMatchObject({ state, worker: state === "running" ? "worker-1" : null });
  });
});

test("the journal tells the life of a stream in order, and loses nothing when the stream is gone", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
  await db.query("select ampsync_worker.mark_reorg_pending($1, $2, 8)", [stream.id, stream.epoch]);
  await stream.replace(8, 9, { fork: "b" });
  await stream.endPass("failed");
  await db.query("select ampsync.resume_sync('chain')");
  await db.query("delete from ampsync_private.stream");
  const { rows } = await db.query("select event, dataset, table_name from ampsync.events order by event_id");
  expect(rows.map((row) => row["event"])).toEqual([
    "version_resolved",
    "table_created",
    "live",
    "reorg_pending",
    "reorg",
    "stream_failed",
    "resumed",
  ]);
  expect(rows.every((row) => row["dataset"] === "chain")).toBe(true);
  expect(rows.slice(1).every((row) => row["table_name"] === "blocks")).toBe(true);
});
