import { expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function resume(reference: string) {
  const { rows } = await db.query("select * from ampsync.resume_sync($1)", [reference]);
  return rows;
}

test("a failed stream starts again at once from its checkpoint", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await stream.endPass("failed", "SY201");
  expect(await waitingJobs(db, "ampsync_stream:%")).toEqual([]);

  expect(await resume("chain")).toMatchObject([
    // Not once more what was to be done before the call.
    { dataset: "chain", table_name: "blocks", state: "retrying", hint: "select * from ampsync.streams;" },
  ]);
  const [job] = await waitingJobs(db, "ampsync_stream:%");
  expect(job.due_in_s).toBeLessThanOrEqual(0);
  expect(await stream.acquire("worker-2")).toMatchObject({ history: [{ start: "0", end: "9" }] });
});

test("a stream that is well is left alone", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  const before = await stream.view();
  await resume("chain");
  expect(await stream.view()).toMatchObject({ state: before.state, since: before.since });
});

test("a failed dataset is looked up again at once", async () => {
  await db.query("select ampsync.enqueue_sync('chain')");
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await db.query(
    `select ampsync_worker.defer_resolve(d.dataset_id, 'failed', '{"code": "SY004", "message": "no"}') from ampsync_private.dataset d`,
  );
  await resume("chain");
  expect(await waitingJobs(db, "ampsync_resolve:%")).toHaveLength(1);
  const { rows } = await db.query("select state, error_code, waiting_on from ampsync.status");
  expect(rows).toEqual([{ state: "waiting", error_code: null, waiting_on: null }]);
});

test("the name alone means the only version that is synced", async () => {
  await db.query("select ampsync.enqueue_sync('chain@1.0.0')");
  expect(await resume("chain")).toMatchObject([{ dataset: "chain@1.0.0" }]);
});

test("the exact reference is preferred to others of its name", async () => {
  await db.query("select ampsync.enqueue_sync('chain@1.0.0', target_schema => 'one')");
  await db.query("select ampsync.enqueue_sync('chain')");
  expect(await resume("chain")).toMatchObject([{ dataset: "chain" }]);
  expect(await resume("chain@1.0.0")).toMatchObject([{ dataset: "chain@1.0.0" }]);
});

test.each([
  ["unknown", "other", "other is not synced"],
  ["ambiguous", "chain", "chain is synced in several versions"],
  ["of another version", "chain@3.0.0", "chain@3.0.0 is not synced"],
])("a reference that is %s is refused with what there is", async (_, reference, message) => {
  await db.query("select ampsync.enqueue_sync('chain@1.0.0', target_schema => 'one')");
  await db.query("select ampsync.enqueue_sync('chain@2.0.0', target_schema => 'two')");
  const error = await refusal(db, () => resume(reference));
  expect(error).toMatchObject({ code: "SY003", message, detail: "Synced: chain@1.0.0, chain@2.0.0." });
  const { rows } = await db.query(error.hint!);
  expect(rows).toHaveLength(2);
});
