import { describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaled } from "../../support/postgres/journal.ts";
import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, shadowOf, startResync, swap } from "../../support/postgres/shadow.ts";
import { registerDataset, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const loaded = () => loadedStream(db);

async function call(name: "resync" | "cancel_resync" | "pause_sync" | "resume_sync", args = "'chain'") {
  const { rows } = await db.query(`select * from ampsync.${name}(${args})`);
  return rows;
}

const swapJobs = () => waitingJobs(db, "ampsync_swap:%");

describe("resync", () => {
  test("loads beside the table: the old rows stay, the views show one stream, and why it does not move", async () => {
    const stream = await loaded();
    const rows = await stream.rows();
    expect(await call("resync")).toMatchObject([
      { dataset: "chain", table_name: "blocks", state: "resyncing" },
    ]);
    expect(await stream.view()).toMatchObject({
      state: "resyncing",
      block: "9",
      rows: "10",
      reason: "resync: nothing loaded yet, no worker holds this stream",
      worker: null,
    });
    expect(await stream.rows()).toBe(rows);
    const shadow = await shadowOf(db, stream);
    expect(shadow?.target).toBe(`ampsync_private.shadow_${stream.id}`);
    expect(await waitingJobs(db, `ampsync_stream:${shadow?.id}`)).toHaveLength(1);
    expect((await db.query("select from ampsync.streams")).rowCount).toBe(1);
    expect((await db.query("select tables::int from ampsync.status")).rows).toEqual([{ tables: 1 }]);
    expect(await journaled(db, "resync_started")).toEqual([
      { dataset: "chain", table_name: "blocks", details: {} },
    ]);
  });

  test("ends the stream's holder: nothing of it can be committed, and nobody gets its lease", async () => {
    const stream = await loaded();
    await call("resync");
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY001" });
    expect(await refusal(db, () => stream.acquire())).toMatchObject({ code: "SY002" });
    await stream.endPass("ended");
    expect(await stream.view()).toMatchObject({ state: "resyncing", error_code: null });
  });

  test("twice is once", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 4, { expected: null });
    await call("resync");
    expect((await shadowOf(db, stream))?.id).toBe(shadow.id);
    await shadow.apply(5, 5, { expected: 4 });
    expect(await journaled(db, "resync_started")).toHaveLength(1);
  });

  test("of one table leaves the others alone", async () => {
    const stream = await loaded();
    await registerDataset(db, "chain", ["blocks", "logs"]);
    expect(await call("resync", "'chain', 'logs'")).toMatchObject([
      { table_name: "logs", state: "waiting" }, // Nothing was loaded yet.
    ]);
    expect(await stream.view()).toMatchObject({ state: "backfill" });
    expect(await call("resync", "'chain', 'blocks'")).toMatchObject([{ table_name: "blocks" }]);
    expect(await stream.view()).toMatchObject({ state: "resyncing" });
  });

  test("of a table that failed before it was made begins it again", async () => {
    await loaded();
    await registerDataset(db, "chain", ["blocks", "logs"]);
    const { rows } = await db.query("select stream_id from ampsync.streams where table_name = 'logs'");
    const logs = rows[0]!["stream_id"];
    await db.query("select ampsync_worker.end_pass($1, null, 'failed', $2)", [
      logs,
      {
        code: "SY202",
        message: "a type without a counterpart",
        hint: "select ampsync.resync('chain', 'logs');",
      },
    ]);
    expect(await call("resync", "'chain', 'logs'")).toMatchObject([{ table_name: "logs", state: "waiting" }]);
    expect(await waitingJobs(db, `ampsync_stream:${logs}`)).toHaveLength(1);
  });

  test.each(["resync", "cancel_resync"] as const)("%s refuses a table that is not synced", async (name) => {
    await loaded();
    const error = await refusal(db, () => call(name, "'chain', 'logs'"));
    expect(error).toMatchObject({ code: "SY003", message: "table logs is not synced" });
    expect(error.detail).toBe("Synced tables of this dataset: blocks.");
    expect((await db.query(error.hint!)).rows).toEqual([{ dataset: "chain", table_name: "blocks" }]);
  });

  test("makes no view, and no table that people would see, in any schema of theirs", async () => {
    const stream = await loaded();
    await startResync(db, stream);
    const { rows } = await db.query(
      "select relname from pg_class where relnamespace = 'ampsync_private'::regnamespace and relkind = 'v'",
    );
    expect(rows).toEqual([]);
    expect((await db.query("select from chain._ampsync_checkpoints")).rowCount).toBe(1);
  });

  test("leaves cut and checkpoints at the old picture", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 4, { fork: "b", expected: null });
    const { rows } = await db.query(
      "select ampsync.cut('chain')::int as cut, watermark_block_num::int as block from ampsync.checkpoints",
    );
    expect(rows).toEqual([{ cut: 9, block: 9 }]);
    expect(await stream.view()).toMatchObject({
      reason: "resync: block 4 of 9 loaded",
      worker: "worker-2",
    });
  });
});

describe("what keeps the new load from moving is shown at the stream", () => {
  test("while it is retried", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.endPass("ended");
    expect(await stream.view()).toMatchObject({
      state: "resyncing",
      block: "9",
      error_code: "SY104",
      reason: "resync: it broke",
      detail: "while testing",
      hint: "select 1;",
      attempts: 1,
      next_retry: expect.any(Date),
    });
  });

  test("when it failed, with the two ways out", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.endPass("failed", "22003");
    const view = await stream.view();
    expect(view).toMatchObject({
      state: "resyncing",
      error_code: "22003",
      reason: "resync: it broke",
      detail: "while testing Hint: select 1;",
    });
    expect(view.hint).toBe(
      "select ampsync.resume_sync('chain'); -- or give up: select ampsync.cancel_resync('chain', 'blocks');",
    );
    expect(await journaled(db, "stream_failed")).toMatchObject([
      { table_name: "blocks", details: { shadow: true } },
    ]);

    await clearQueue(db);
    await db.query(view.hint);
    expect(await waitingJobs(db, "ampsync_stream:%")).toMatchObject([{ key: `ampsync_stream:${shadow.id}` }]);
    await shadow.acquire("worker-3");
    await shadow.apply(0, 4, { expected: null });
    expect(await stream.view()).toMatchObject({
      error_code: null,
      reason: "resync: block 4 of 9 loaded",
    });
  });
});

describe("cancel_resync", () => {
  test("drops what was loaded, and the stream goes on from its checkpoint", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 4, { fork: "b", expected: null });
    await clearQueue(db);
    expect(await call("cancel_resync", "'chain', 'blocks'")).toMatchObject([
      { table_name: "blocks", state: "retrying" },
    ]);
    expect(await shadowOf(db, stream)).toBeNull();
    expect((await db.query("select to_regclass($1) as found", [shadow.target])).rows).toEqual([
      { found: null },
    ]);
    expect(await waitingJobs(db, "ampsync_stream:%")).toMatchObject([{ key: `ampsync_stream:${stream.id}` }]);
    expect(await refusal(db, () => shadow.beginApply())).toMatchObject({ code: "SY001" });
    await stream.acquire("worker-3");
    await stream.apply(10, 10);
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 a10");
    expect(await journaled(db, "resync_cancelled")).toHaveLength(1);
  });

  test("where none is under way changes nothing", async () => {
    const stream = await loaded();
    await call("cancel_resync");
    expect(await stream.view()).toMatchObject({ state: "backfill", worker: "worker-1" });
    expect(await journaled(db, "resync_cancelled")).toEqual([]);
  });

  test("in a pause leaves the stream paused", async () => {
    const stream = await loaded();
    await call("resync");
    await call("pause_sync");
    await call("cancel_resync");
    expect(await stream.view()).toMatchObject({ state: "paused", reason: null });
  });
});

describe("a pause", () => {
  test("stops the new load too, and resume_sync goes on with that", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 4, { expected: null });
    expect(await call("pause_sync")).toMatchObject([{ table_name: "blocks", state: "paused" }]);
    expect(await refusal(db, () => shadow.beginApply())).toMatchObject({ code: "SY001" });
    expect(await refusal(db, () => shadow.acquire())).toMatchObject({ code: "SY002" });
    expect(await supervise(db)).toBe(0);
    await clearQueue(db);

    expect(await call("resume_sync")).toMatchObject([{ table_name: "blocks", state: "resyncing" }]);
    expect(await waitingJobs(db, "ampsync_stream:%")).toMatchObject([{ key: `ampsync_stream:${shadow.id}` }]);
    await shadow.acquire("worker-3");
    await shadow.apply(5, 9, { expected: 4 });
    expect(await swap(db, shadow)).toBe(true);
  });

  test("comes before a resync: that begins with resume_sync", async () => {
    const stream = await loaded();
    await call("pause_sync");
    expect(await call("resync")).toMatchObject([{ state: "paused" }]);
    const shadow = await shadowOf(db, stream);
    expect(await refusal(db, () => shadow!.acquire())).toMatchObject({ code: "SY002" });
    expect(await call("resume_sync")).toMatchObject([{ state: "resyncing" }]);
    expect(await shadow!.acquire()).toMatchObject({ history: [], columns: null });
  });
});

describe("the supervisor", () => {
  test("gives the new load a job, and none to the stream that waits for it", async () => {
    const stream = await loaded();
    await call("resync");
    await clearQueue(db);
    expect(await supervise(db)).toBe(2); // And a poll for new versions.
    const shadow = await shadowOf(db, stream);
    expect(await waitingJobs(db, "ampsync_stream:%")).toMatchObject([
      { key: `ampsync_stream:${shadow?.id}` },
    ]);
  });

  test("queues a swap whose job is lost", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { expected: null });
    await clearQueue(db);
    expect(await supervise(db)).toBe(2); // And a poll for new versions.
    expect(await swapJobs()).toMatchObject([{ key: `ampsync_swap:${shadow.id}` }]);
    expect(await supervise(db)).toBe(0);
    await moveClock(db, "31 s"); // The load needs no pass while its swap waits.
    expect(await supervise(db)).toBe(0);
    const { rows } = await db.query(
      "select dataset, table_name, state from ampsync.jobs where task = 'ampsync_swap'",
    );
    expect(rows).toEqual([{ dataset: "chain", table_name: "blocks", state: "ready" }]);
  });

  test("a swap that waits for a slot asks a pass to yield", async () => {
    const stream = await loaded();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { expected: null });
    await db.query("delete from graphile_worker._private_jobs where key not like 'ampsync_swap:%'");
    await moveClock(db, "2 s");
    const { rows } = await db.query("select verdict from ampsync_worker.renew_leases('worker-2', $1)", [
      JSON.stringify([{ stream_id: shadow.id, epoch: shadow.epoch }]),
    ]);
    expect(rows).toEqual([{ verdict: "yield" }]);
  });
});
