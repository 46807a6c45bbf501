import { expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaledDetails, journaledEvents } from "../../support/postgres/journal.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { COLUMNS, hashOf, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

test("state store, empty: a free lease is granted with what a pass needs to know", async () => {
  const stream = await SqlStream.register(db, { dataset: "eth/chain@1.2.0" });
  expect(await stream.acquire()).toEqual({
    epoch: "1",
    source_schema: "eth/chain@1.0.0",
    dataset: "eth/chain@1.2.0",
    table_name: "blocks",
    query: null,
    source_table: "blocks",
    target_schema: "chain",
    target_table: "blocks",
    columns: null,
    network: null,
    state: "waiting",
    origin: null,
    retention_blocks: 128,
    value_policy: "fail",
    nul_policy: "replace",
    excluded: [],
    from_block: "0",
    watched: false,
    first_tx_id: null,
    history: [],
    flight_addr: null,
  });
  expect(await stream.view()).toMatchObject({ worker: "worker-1" });
});

test("state store, second instance: the next grant shows target and history as they were left, oldest watermark first", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(5, 9);
  await stream.apply(10, 10);
  await stream.endPass("yielded");
  expect(await stream.acquire()).toMatchObject({
    epoch: "2",
    columns: COLUMNS,
    network: "mainnet",
    state: "backfill",
    origin: "5",
    history: [
      { start: "5", end: "9", hash: hashOf(9), prev_hash: hashOf(4) },
      { start: "10", end: "10", hash: hashOf(10), prev_hash: hashOf(9) },
    ],
  });
});

test("where the version has no number, its manifest hash stands in its place", async () => {
  const hash = "ab".repeat(32);
  await db.query("select ampsync.enqueue_sync('chain')");
  await db.query(
    "select ampsync_worker.register_streams(d.dataset_id, null, $1, '{blocks}') from ampsync_private.dataset d",
    [hash],
  );
  const stream = await SqlStream.register(db);
  expect(await stream.acquire()).toMatchObject({ source_schema: `_/chain@${hash}` });
});

test("a lease that runs gives no row, whoever asks", async () => {
  const stream = await SqlStream.register(db);
  await stream.acquire("worker-1");
  expect(await stream.acquire("worker-2")).toBeUndefined();
  expect(await stream.acquire("worker-1")).toBeUndefined();
});

test("a lease lasts 30 s by the clock of the database", async () => {
  const stream = await SqlStream.register(db);
  await stream.acquire("worker-1");
  await moveClock(db, "29 s");
  expect(await stream.acquire("worker-2")).toBeUndefined();
  await moveClock(db, "1 s");
  expect(await stream.acquire("worker-2")).toMatchObject({ epoch: "2" });
});

test("a takeover is journaled, a grant after a release is not", async () => {
  const stream = await SqlStream.register(db);
  await stream.acquire("worker-1");
  await stream.endPass("yielded");
  await stream.acquire("worker-2");
  expect((await journaledEvents(db)).at(-1)).not.toBe("lease_taken_over");

  await moveClock(db, "31 s");
  await stream.acquire("worker-3");
  expect((await journaledEvents(db)).at(-1)).toBe("lease_taken_over");
  expect((await journaledDetails(db, "lease_taken_over")).at(-1)).toMatchObject({
    from: "worker-2",
    to: "worker-3",
    epoch: 3,
    backends_ended: 0,
  });
});

test.each(["paused", "failed", "orphaned", "resyncing"])(
  "a stream that is %s gives no lease",
  async (state) => {
    const stream = await SqlStream.register(db);
    await db.query("update ampsync_private.stream set state = $1", [state]);
    const error = await refusal(db, () => stream.acquire());
    expect(error).toMatchObject({ code: "SY002", message: `stream ${stream.id} is ${state}` });
    await db.query(error.hint!);
  },
);

test("a stream that is gone gives no lease", async () => {
  const error = await refusal(db, "select ampsync_worker.acquire_lease(4711, 'worker-1')");
  expect(error).toMatchObject({ code: "SY002", message: "stream 4711 is gone" });
});

test("only READ COMMITTED can see what the old holder committed last: other levels are refused", async () => {
  const stream = await SqlStream.register(db);
  await db.query("commit");
  try {
    await db.query("begin isolation level repeatable read");
    const error = await refusal(db, () => stream.acquire());
    expect(error).toMatchObject({ code: "SY901", detail: "This one is REPEATABLE READ." });
    await db.query("rollback");
    await db.query(error.hint!);
  } finally {
    await db.query("rollback");
    await db.query("truncate ampsync_private.dataset cascade");
  }
});

test("no lease is handed out while the writers of the dataset rest; the next pass is queued for the end of that time", async () => {
  const stream = await SqlStream.register(db);
  await db.query(
    "update ampsync_private.dataset set quiesce_until = ampsync_private.now() + interval '60 s'",
  );
  expect(await stream.acquire()).toBeUndefined();
  const [job] = await waitingJobs(db, `ampsync_stream:${stream.id}`);
  expect(job.due_in_s).toBeGreaterThan(58);
  await moveClock(db, "61 s");
  expect(await stream.acquire()).toMatchObject({ source_schema: "_/chain@1.0.0" });
});
