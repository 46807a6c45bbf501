import { beforeEach, expect, test } from "vitest";

import { journaled } from "../support/postgres/journal.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { type Connection, registerDataset, waitingJobs } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let dataset: string;
let id: string;
let datasets = 0;

beforeEach(async () => {
  dataset = `chain_${++datasets}`;
  id = await registerDataset(db, dataset, ["blocks"]);
});

async function note(client: Connection, version: string): Promise<string | null> {
  const { rows } = await client.query(
    "select ampsync_worker.note_version($1, $2, null, true, ampsync_private.now(), '5 s') as event",
    [id, version],
  );
  return rows[0]!["event"];
}

test("two polls at once detect a version once, and leave one poll and one reload", async () => {
  const [first, second] = [await db.client(), await db.client()];
  const pid = await backendOf(second);
  await first.query("begin");
  expect(await note(first, "1.1.0")).toBe("new_version_detected");
  const other = note(second, "1.1.0");
  await untilBlocked(db, pid);
  await first.query("commit");
  expect(await other).toBe("version_unchanged");
  const events = await journaled(db, "new_version_detected");
  expect(events.filter((event) => event.dataset === dataset)).toHaveLength(1);
  expect(await waitingJobs(db, `ampsync_poll:${id}`)).toHaveLength(1);
  expect(await waitingJobs(db, `ampsync_reload:${id}`)).toHaveLength(1);
});

test("a poll asks while a transaction of somebody else holds its dataset, and what it found is noted after that", async () => {
  const [holder, poller] = [await db.client(), await db.client()];
  const pid = await backendOf(poller);
  await holder.query("begin");
  await holder.query("select ampsync.enqueue_sync($1, value_policy => 'null')", [dataset]);
  const begun = await poller.query("select name from ampsync_worker.begin_poll($1)", [id]);
  expect(begun.rows).toEqual([{ name: dataset }]);
  const noted = note(poller, "1.1.0");
  await untilBlocked(db, pid);
  await holder.query("rollback");
  expect(await noted).toBe("new_version_detected");
});

test("a poll that cannot note what it found gives up after 5 s, and has changed nothing", async () => {
  await db.query("alter function ampsync_worker.note_version set lock_timeout = '50ms'");
  try {
    const holder = await db.client();
    await holder.query("begin");
    await holder.query("select ampsync.enqueue_sync($1, value_policy => 'null')", [dataset]);
    await expect(note(db, "1.1.0")).rejects.toMatchObject({ code: "55P03" });
    await holder.query("rollback");
    expect(await note(db, "1.1.0")).toBe("new_version_detected");
  } finally {
    await db.query("alter function ampsync_worker.note_version set lock_timeout = '5s'");
  }
});

test("resume_sync waits for the dataset before it touches a stream: no deadlock with what goes on to the streams", async () => {
  const [reload, user] = [await db.client(), await db.client()];
  const pid = await backendOf(user);
  await reload.query("begin");
  await note(reload, "1.1.0");
  const resumed = user.query("select state from ampsync.resume_sync($1)", [dataset]);
  await untilBlocked(db, pid);
  await reload.query(
    "update ampsync_private.stream set version_since = version_since where dataset_id = $1",
    [id],
  );
  await reload.query("commit");
  expect((await resumed).rows).toEqual([{ state: "retrying" }]);
});

test("a pause that commits while a poll asks ends the polling", async () => {
  await db.query("select * from ampsync_worker.begin_poll($1)", [id]);
  await db.query("select ampsync.pause_sync($1)", [dataset]);
  expect(await note(db, "1.1.0")).toBeNull();
  const { rows } = await db.query("select new_version from ampsync.status where dataset = $1", [dataset]);
  expect(rows).toEqual([{ new_version: null }]);
});
