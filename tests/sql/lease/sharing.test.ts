// Takes 15 s.
import { describe, expect, test } from "vitest";

import { letTimePassWithin, moveClock } from "../../support/postgres/clock.ts";
import { clearQueue } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function start(worker: string, slots = 200): Promise<void> {
  await db.query("select ampsync_worker.register_worker($1, 'machine', 1, '1.0.0', $2)", [worker, slots]);
  await db.query("select ampsync_worker.renew_leases($1, '[]')", [worker]);
}

/** Streams without a job, all held by `holder` if it is named. */
async function streams(count: number, holder?: string): Promise<SqlStream[]> {
  await registerDataset(
    db,
    "chain@1.0.0",
    Array.from({ length: count }, (_, i) => `t${i}`),
  );
  const { rows } = await db.query("select stream_id, target from ampsync.streams order by stream_id");
  const all = rows.map((row) => new SqlStream(db, row["stream_id"], row["target"], true, "0"));
  if (holder !== undefined) {
    for (const stream of all) await stream.acquire(holder);
  }
  await clearQueue(db);
  return all;
}

async function holders(): Promise<Map<string, string>> {
  const { rows } = await db.query("select stream_id, worker from ampsync.streams where worker is not null");
  return new Map(rows.map((row) => [row["stream_id"], row["worker"]]));
}

async function held(worker: string): Promise<number> {
  return [...(await holders()).values()].filter((holder) => holder === worker).length;
}

/** One heartbeat of a worker; resolves to the streams whose passes are to yield. */
async function beat(worker: string, all: readonly SqlStream[]): Promise<SqlStream[]> {
  const now = await holders();
  const leases = all
    .filter(({ id }) => now.get(id) === worker)
    .map(({ id, epoch }) => ({ stream_id: id, epoch }));
  const { rows } = await db.query("select * from ampsync_worker.renew_leases($1, $2)", [
    worker,
    JSON.stringify(leases),
  ]);
  const asked = new Set(rows.filter((row) => row["verdict"] === "yield").map((row) => row["stream_id"]));
  return all.filter(({ id }) => asked.has(id));
}

/** Five seconds in the life of workers: each beats, ends the passes that are to yield, and takes what is queued by turns. */
async function live(workers: readonly string[], all: readonly SqlStream[]): Promise<void> {
  for (const worker of workers) {
    for (const stream of await beat(worker, all)) await stream.endPass("yielded");
  }
  for (let second = 0; second < 5; second++) {
    const now = await holders();
    let turn = second;
    for (const stream of all.filter(({ id }) => !now.has(id))) {
      await stream.acquire(workers[turn++ % workers.length]);
    }
    await moveClock(db, "1 s");
  }
  await clearQueue(db);
}

test("within 60 s after a second worker started each has 40 to 60 %; then no stream moves for ten minutes", async () => {
  await start("first");
  const all = await streams(30, "first");
  await start("second");
  for (let beats = 0; beats < 12; beats++) await live(["first", "second"], all);
  expect(await held("first")).toBeGreaterThanOrEqual(12);
  expect(await held("first")).toBeLessThanOrEqual(18);
  const shared = await holders();
  expect(shared.size).toBe(30);
  for (let beats = 0; beats < 60; beats++) {
    expect(await beat("first", all)).toEqual([]);
    expect(await beat("second", all)).toEqual([]);
    await clearQueue(db); // The supervisor's next run.
    await moveClock(db, "10 s");
  }
  expect(await holders()).toEqual(shared);
});

test("a heartbeat asks for a tenth of what the worker holds at most, and for no more than is above its share", async () => {
  await start("first");
  const all = await streams(20, "first");
  expect(await beat("first", all)).toEqual([]);
  await start("second");
  expect(await beat("first", all)).toHaveLength(2);
  for (const stream of all.slice(0, 8)) {
    await stream.endPass("yielded");
    await stream.acquire("second");
  }
  await clearQueue(db);
  expect(await beat("first", all)).toHaveLength(2); // It holds 12, and 10 is its share.
  for (const stream of all.slice(8, 9)) {
    await stream.endPass("yielded");
    await stream.acquire("second");
  }
  await clearQueue(db);
  expect(await beat("first", all)).toEqual([]); // 11 is its share and a tenth.
});

test("three streams and two workers: two and one", async () => {
  await start("first");
  const all = await streams(3, "first");
  await start("second");
  for (let beats = 0; beats < 4; beats++) await live(["first", "second"], all);
  expect(await held("first")).toBe(2);
  expect(await held("second")).toBe(1);
});

test.each([
  [2, ["first", "second", "third"], [1, 1, 0]],
  [5, ["first", "second", "third"], [2, 2, 1]],
  [4, ["first", "second", "third", "fourth", "fifth"], [1, 1, 1, 1, 0]],
])("%i streams, workers %o: none that was handed over comes back", async (count, workers, wanted) => {
  await start("first");
  const all = await streams(count, "first");
  for (const worker of workers.slice(1)) await start(worker);
  for (let beats = 0; beats < 5; beats++) await live(["first", ...workers.slice(1)], all);
  const counts = await Promise.all(workers.map(held));
  expect(counts.sort((a, b) => b - a)).toEqual(wanted);
});

test("four workers, each within a tenth above its share, hand over what the fifth one lacks", async () => {
  const workers = ["a", "b", "c", "d", "e"];
  for (const worker of workers.slice(0, 4)) await start(worker);
  const all = await streams(50);
  for (const [i, stream] of all.entries()) {
    if (i < 44) await stream.acquire(workers[i % 4]);
  }
  await start("e");
  for (const stream of all.slice(44)) await stream.acquire("e");
  await clearQueue(db);
  for (let beats = 0; beats < 3; beats++) await live(workers, all);
  expect(await Promise.all(workers.map(held))).toEqual([10, 10, 10, 10, 10]);
});

test("a worker of few slots gets what it can take, though the other one holds hardly more than its share", async () => {
  await start("large");
  const all = await streams(30, "large");
  await start("small", 2);
  for (let beats = 0; beats < 3; beats++) await live(["large", "small"], all);
  expect(await held("small")).toBe(2);
});

describe("a worker that holds its share", () => {
  test("leaves a stream to one that holds less: its job is queued again for a second later", async () => {
    await start("first");
    await start("second");
    const [a, b, c, d] = (await streams(4)) as [SqlStream, SqlStream, SqlStream, SqlStream];
    expect(await a.acquire("first")).toMatchObject({ epoch: "1" });
    expect(await b.acquire("first")).toMatchObject({ epoch: "1" });
    expect(await c.acquire("first")).toBeUndefined();
    const [job] = await waitingJobs(db, `ampsync_stream:${c.id}`);
    expect(job.due_in_s).toBeGreaterThan(0.5);
    expect(job.due_in_s).toBeLessThanOrEqual(1);
    expect(await c.acquire("second")).toMatchObject({ epoch: "1" });
    expect(await d.acquire("second")).toMatchObject({ epoch: "1" });
  });

  test("takes it where the other does not within ten seconds, and then keeps all it has", async () => {
    await start("first");
    await start("second");
    const all = await streams(10);
    for (const stream of all.slice(0, 5)) await stream.acquire("first");
    for (let second = 0; second < 10; second++) {
      for (const stream of all.slice(5)) expect(await stream.acquire("first")).toBeUndefined();
      await moveClock(db, "1 s");
      if (second % 5 === 0) await beat("second", all);
    }
    for (const stream of all.slice(5)) expect(await stream.acquire("first")).toBeDefined();
    await clearQueue(db);
    await beat("second", all);
    expect(await beat("first", all)).toEqual([]);
    await db.query("savepoint without_third");
    await start("third");
    expect(await beat("first", all)).toHaveLength(1); // This one may be able to.
    await db.query("rollback to without_third");
    await letTimePassWithin(db, "5 min");
    await clearQueue(db);
    expect(await beat("first", all)).toHaveLength(1);
  });

  test("counts those ten seconds by a clock that was set back, too", async () => {
    await start("first");
    await start("second");
    const [a, b] = (await streams(2)) as [SqlStream, SqlStream];
    await a.acquire("first");
    await db.query(
      "update ampsync_private.lease set declined_since = ampsync_private.now() + interval '1 h'",
    );
    expect(await b.acquire("first")).toBeUndefined();
    await letTimePassWithin(db, "10 s");
    expect(await b.acquire("first")).toBeDefined();
  });

  test("leaves a stream again that was not its only one to take", async () => {
    await start("first");
    await start("second");
    const all = await streams(4);
    const [a, b, c] = all as [SqlStream, SqlStream, SqlStream];
    await a.acquire("first");
    await b.acquire("first");
    expect(await c.acquire("first")).toBeUndefined();
    expect(await c.acquire("second")).toBeDefined(); // It was left to this one, which took it.
    await letTimePassWithin(db, "15 s");
    await c.endPass("yielded");
    expect(await c.acquire("first")).toBeUndefined();
  });

  test("leaves none to a worker that stops: it takes no more", async () => {
    await start("first");
    await start("second");
    const all = await streams(4);
    await all[0]!.acquire("first");
    await all[1]!.acquire("first");
    expect(await all[2]!.acquire("first")).toBeUndefined();
    await db.query("select ampsync_worker.register_worker('second', 'machine', 1, '1.0.0', 0)");
    for (const stream of all.slice(2)) expect(await stream.acquire("first")).toBeDefined();
  });

  test("takes it where all others are alive no more, or unknown", async () => {
    await start("first");
    await start("second");
    await db.query("select ampsync_worker.renew_leases('unknown', '[]')");
    const all = await streams(4);
    await moveClock(db, "13 s");
    await beat("first", all);
    for (const stream of all) expect(await stream.acquire("first")).toBeDefined();
  });
});

describe("the share of a worker", () => {
  async function shares(): Promise<Record<string, number>> {
    const { rows } = await db.query("select worker_id, share::float8 from ampsync_private.sharing()");
    return Object.fromEntries(rows.map((row) => [row["worker_id"], row["share"]]));
  }

  test("is no larger than its slots; the others have what it cannot take", async () => {
    await streams(30);
    await start("small", 4);
    await start("large");
    expect(await shares()).toEqual({ small: 4, large: 26 });
    await start("third", 200);
    expect(await shares()).toEqual({ small: 4, large: 13, third: 13 });
  });

  test("is all its slots where there are too few for all streams", async () => {
    await streams(30);
    await start("small", 4);
    await start("large", 10);
    expect(await shares()).toEqual({ small: 4, large: 10 });
  });

  test("does not count streams that have no passes, or wait for a later retry", async () => {
    const all = await streams(6);
    await start("first");
    await start("second");
    await db.query("update ampsync_private.stream set state = 'paused' where stream_id = $1", [all[0]!.id]);
    await db.query(
      "update ampsync_private.stream set state = 'retrying', next_retry = ampsync_private.now() + interval '1 min' where stream_id = $1",
      [all[1]!.id],
    );
    expect(await shares()).toEqual({ first: 2, second: 2 });
    await moveClock(db, "10 s");
    await db.query("update ampsync_private.stream set next_retry = null");
    expect(await shares()).toEqual({ first: 2.5, second: 2.5 });
  });

  test("does not count a worker that was found dead", async () => {
    await streams(6);
    await start("first");
    await start("second");
    await db.query(
      "update ampsync_private.worker set lost_at = ampsync_private.now() where worker_id = 'second'",
    );
    expect(await shares()).toEqual({});
  });
});
