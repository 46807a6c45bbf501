import type pg from "pg";
import { beforeEach, expect, test } from "vitest";

import { supervise } from "../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { shadowOf, startResync, swap } from "../support/postgres/shadow.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";
import { waitFor } from "../support/wait-for.ts";

const OLD = "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9";
const NEW = "b0 b1 b2 b3 b4 b5 b6 b7 b8 b9";

const db = sharedDatabase();
let stream: SqlStream;
/** Resynced up to the old checkpoint: its swap is due, and worker-2 still holds its lease. */
let shadow: SqlStream;
let datasets = 0;

beforeEach(async () => {
  const dataset = `chain_${++datasets}`;
  stream = await SqlStream.prepare(db, { dataset });
  await stream.commit(0, 9);
  shadow = await startResync(db, stream, { dataset });
  await db.query("begin");
  await shadow.apply(0, 9, { fork: "b", expected: null });
  await db.query("commit");
});

/** A swap that stands in its merge, because somebody holds a row of the target. */
async function stuckSwap(): Promise<{ pid: number; swapped: Promise<boolean | Error>; user: pg.Client }> {
  const user = await db.client();
  await user.query(`begin; select from ${stream.target} for update`);
  const client = await db.client();
  const pid = await backendOf(client);
  const swapped = swap(client, shadow).catch((error: Error) => error);
  await untilBlocked(db, pid);
  return { pid, swapped, user };
}

async function terminate(pid: number): Promise<void> {
  await db.query("select pg_terminate_backend($1)", [pid]);
  await waitFor(`backend ${pid} to end`, async () => {
    return (await db.query("select from pg_stat_activity where pid = $1", [pid])).rowCount === 0;
  });
}

test("a schema that is renamed while it merges makes it begin again, under the new name", async () => {
  const { swapped, user } = await stuckSwap();
  const schema = stream.target.split(".")[0]!;
  await db.query(`alter schema ${schema} rename to ${schema}_new`); // Waits for nobody.
  await user.query("rollback");
  expect(await swapped).toMatchObject({ code: "SY205" });
  expect(await stream.view()).toMatchObject({ state: "resyncing" });
  expect(await swap(db, shadow)).toBe(true);
  const renamed = new SqlStream(db, stream.id, `${schema}_new.blocks`, stream.hasBlockNum, stream.epoch);
  expect(await renamed.rows()).toBe(NEW);
});

test("readers see the old rows until it commits, and never wait", async () => {
  const { swapped, user } = await stuckSwap();
  expect(await stream.rows()).toBe(OLD);
  await user.query("rollback");
  expect(await swapped).toBe(true);
  expect(await stream.rows()).toBe(NEW);
});

test("a snapshot from before it goes on reading the old rows", async () => {
  const reader = await db.client();
  const seen = stream.through(reader);
  await reader.query("begin isolation level repeatable read");
  expect(await seen.rows()).toBe(OLD);
  expect(await swap(db, shadow)).toBe(true);
  expect(await seen.rows()).toBe(OLD);
  await reader.query("commit");
  expect(await seen.rows()).toBe(NEW);
});

test("the heartbeat of the loading worker does not wait for it, and its writers are refused", async () => {
  const { swapped, user } = await stuckSwap();
  const { rows } = await db.query("select verdict from ampsync_worker.renew_leases('worker-2', $1)", [
    JSON.stringify([{ stream_id: shadow.id, epoch: shadow.epoch }]),
  ]);
  expect(rows).toEqual([{ verdict: "yield" }]); // Renewed; passes wait that nobody here runs.
  await expect(shadow.beginApply()).rejects.toMatchObject({ code: "SY001" });
  await user.query("rollback");
  expect(await swapped).toBe(true);
});

test.each(["pause_sync", "cancel_resync", "drop_sync"])(
  "%s meanwhile ends it, and takes effect at once",
  async (name) => {
    const { dataset } = await stream.view();
    const { swapped, user } = await stuckSwap();
    await db.query(`select ampsync.${name}($1)`, [dataset]);
    expect(await swapped).toBeInstanceOf(Error);
    await user.query("rollback");
    expect(await stream.rows()).toBe(OLD);
    if (name === "drop_sync") return;

    expect(await stream.view()).toMatchObject({
      state: name === "pause_sync" ? "paused" : "retrying",
      block: "9",
    });
    expect(await swap(db, shadow)).toBe(false);
    if (name === "pause_sync") {
      await db.query("select ampsync.resume_sync($1)", [dataset]);
      expect(await swap(db, shadow)).toBe(true);
      expect(await stream.rows()).toBe(NEW);
    }
  },
);

test("other calls for the dataset do not wait for it", async () => {
  const { dataset } = await stream.view();
  const { swapped, user } = await stuckSwap();
  await db.query("set lock_timeout = '1s'");
  await db.query("select ampsync.resume_sync($1)", [dataset]);
  await db.query("select ampsync.alter_sync($1, retention_blocks => 100)", [dataset]);
  await db.query("reset lock_timeout");
  await user.query("rollback");
  expect(await swapped).toBe(true);
});

test("none begins while a pause is being decided, and that waits for nobody", async () => {
  const { dataset } = await stream.view();
  const rival = await db.client();
  await rival.query("begin");
  await rival.query("select ampsync.pause_sync($1)", [dataset]);
  expect(await swap(db, shadow)).toBe(false);
  await rival.query("rollback");
  expect(await swap(db, shadow)).toBe(true);
});

test("a writer of the new load is ended by it", async () => {
  const writer = await db.client();
  await writer.query("begin");
  await shadow.through(writer).beginApply();
  await shadow.through(writer).insert(10, 19, "b");
  expect(await swap(db, shadow)).toBe(true);
  await expect(writer.query("select 1")).rejects.toThrow();
  expect(await stream.rows()).toBe(NEW);
});

test("broken off anywhere nothing has happened, and it can be done again", async () => {
  const { pid, swapped, user } = await stuckSwap();
  await terminate(pid);
  expect(await swapped).toBeInstanceOf(Error);
  await user.query("rollback");
  expect(await stream.rows()).toBe(OLD);
  expect(await stream.history()).toEqual(["0-9"]);
  expect(await stream.view()).toMatchObject({ state: "resyncing", block: "9", rewrites: "0" });
  expect((await shadowOf(db, stream))?.id).toBe(shadow.id);
  expect(await swap(db, shadow)).toBe(true);
  expect(await stream.rows()).toBe(NEW);
});

test("a second swap of one resync waits for the first one, finds it gone and changes nothing", async () => {
  const { swapped, user } = await stuckSwap();
  const rival = await db.client();
  const pid = await backendOf(rival);
  const second = swap(rival, shadow);
  await untilBlocked(db, pid);
  await user.query("rollback");
  expect(await swapped).toBe(true);
  expect(await second).toBe(false);
  expect(await stream.rows()).toBe(NEW);
});

test("a second resync waits for the first one and changes nothing", async () => {
  const { dataset } = await stream.view();
  await db.query("select ampsync.cancel_resync($1)", [dataset]);
  const [one, two] = [await db.client(), await db.client()];
  await one.query("begin");
  await one.query("select ampsync.resync($1)", [dataset]);
  const pid = await backendOf(two);
  const second = two.query("select ampsync.resync($1)", [dataset]);
  await untilBlocked(db, pid);
  const first = (await shadowOf(one, stream))?.id;
  await one.query("commit");
  await second;
  expect((await shadowOf(db, stream))?.id).toBe(first);
});

test("the supervisor leaves a swap alone while it works, and queues one that nobody works on", async () => {
  const key = `ampsync_swap:${shadow.id}`;
  const jobs = async () =>
    (await db.query("select locked_by from graphile_worker.jobs where key = $1", [key])).rows;
  await db.query("select ampsync_worker.renew_leases('worker-9', '[]')"); // It lives, whatever it knows of its job.
  await db.query(
    "update graphile_worker._private_jobs set locked_at = now() - interval '31 s', locked_by = 'worker-9' where key = $1",
    [key],
  );
  const { pid, swapped } = await stuckSwap();
  await supervise(db);
  expect(await jobs()).toEqual([{ locked_by: "worker-9" }]);

  await terminate(pid);
  await swapped;
  await supervise(db);
  expect(await jobs()).toEqual([{ locked_by: null }]);
});
