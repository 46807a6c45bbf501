import { describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { journaled } from "../../support/postgres/journal.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function markLive({ id, epoch }: SqlStream): Promise<void> {
  await db.query("select ampsync_worker.mark_live($1, $2)", [id, epoch]);
}

async function markReorgPending({ id, epoch }: SqlStream): Promise<void> {
  await db.query("select ampsync_worker.mark_reorg_pending($1, $2, 8)", [id, epoch]);
}

describe("mark_live", () => {
  test("marks a stream that has a checkpoint, once", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await markLive(stream);
    const { state, since } = await stream.view();
    expect(state).toBe("live");
    await moveClock(db, "1 s");
    await markLive(stream);
    expect((await stream.view()).since).toEqual(since);
    expect(await journaled(db, "live")).toEqual([
      { dataset: "chain", table_name: "blocks", details: { block: 9 } },
    ]);
  });

  test("ends a series of failed tries: the server answered and has nothing newer", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.endPass("ended");
    await stream.acquire();
    await markLive(stream);
    expect(await stream.view()).toMatchObject({
      state: "live",
      attempts: 0,
      error_code: null,
      next_retry: null,
    });
  });

  test("leaves a stream alone that holds nothing yet", async () => {
    const stream = await SqlStream.prepare(db);
    await markLive(stream);
    expect(await stream.view()).toMatchObject({ state: "waiting" });
  });

  test("has no effect with the epoch of an old lease", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    const old = stream.through(db);
    await moveClock(db, "31 s");
    await stream.acquire("worker-2");
    await markLive(old);
    expect(await stream.view()).toMatchObject({ state: "backfill" });
  });

  test("leaves a pending reorg pending", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await markReorgPending(stream);
    await markLive(stream);
    expect(await stream.view()).toMatchObject({ state: "reorg_pending" });
  });
});

describe("mark_reorg_pending", () => {
  test("shows that a replacement is awaited, once, and leaves the rows as they were", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await markLive(stream);
    await markReorgPending(stream);
    await markReorgPending(stream);
    expect(await stream.view()).toMatchObject({ state: "reorg_pending", block: "9", rows: "10" });
    expect(await journaled(db, "reorg_pending")).toEqual([
      { dataset: "chain", table_name: "blocks", details: { from_block: 8, tip: 9 } },
    ]);
  });

  test("is over with the commit of the replacement", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await markReorgPending(stream);
    await stream.replace(8, 10, { fork: "b" });
    expect(await stream.view()).toMatchObject({ state: "backfill" });
  });

  test("has no effect with the epoch of an old lease", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    const old = stream.through(db);
    await moveClock(db, "31 s");
    await stream.acquire("worker-2");
    await markReorgPending(old);
    expect(await stream.view()).toMatchObject({ state: "backfill" });
  });
});

describe("mark_retrying", () => {
  const error = { code: "SY101", message: "a gap", detail: "block 10 is next", hint: "wait" };

  async function markRetrying({ id, epoch }: SqlStream): Promise<void> {
    await db.query("select ampsync_worker.mark_retrying($1, $2, $3)", [id, epoch, error]);
  }

  test("shows why a pass connects again, once, until the next commit", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await markLive(stream);
    await markRetrying(stream);
    await markRetrying(stream);
    expect(await stream.view()).toMatchObject({
      state: "retrying",
      error_code: "SY101",
      reason: "a gap",
      detail: "block 10 is next",
      hint: "wait",
      block: "9",
    });
    expect(await journaled(db, "protocol_error")).toEqual([
      { dataset: "chain", table_name: "blocks", details: error },
    ]);
    await stream.apply(10, 12);
    expect(await stream.view()).toMatchObject({ state: "backfill", error_code: null });
  });

  test("leaves a pending reorg pending", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await markReorgPending(stream);
    await markRetrying(stream);
    expect(await stream.view()).toMatchObject({ state: "reorg_pending", error_code: null });
  });

  test("has no effect with the epoch of an old lease", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    const old = stream.through(db);
    await moveClock(db, "31 s");
    await stream.acquire("worker-2");
    await markRetrying(old);
    expect(await stream.view()).toMatchObject({ state: "backfill" });
  });
});
