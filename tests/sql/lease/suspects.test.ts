import { expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

let workers = 0;

/** A worker takes the stream, says what it holds, and dies; its lease runs out. Undefined where it did not get it. */
async function dies(stream: SqlStream, holds: boolean, worker = `dead-${workers++}`) {
  const lease = await stream.acquire(worker);
  if (lease !== undefined) {
    await beats(worker, stream, holds);
    await moveClock(db, "31 s");
  }
  return lease;
}

async function beats(worker: string, stream: SqlStream, holds: boolean): Promise<void> {
  const leases = [{ stream_id: stream.id, epoch: stream.epoch, holds }];
  await db.query("select * from ampsync_worker.renew_leases($1, $2)", [worker, JSON.stringify(leases)]);
}

async function shown(stream: SqlStream) {
  const { rows } = await db.query(
    `select state, error_code as code, reason, detail, extract(epoch from next_retry - ampsync_private.now())::float8 as wait
       from ampsync.streams where stream_id = $1`,
    [stream.id],
  );
  return rows[0]!;
}

test("the pass after one that was left behind is watched", async () => {
  const stream = await SqlStream.register(db);
  expect(await dies(stream, false)).toMatchObject({ watched: false });
  expect(await stream.acquire()).toMatchObject({ watched: true });
});

test("three workers that died with data of one stream make it wait, longer each time, and never fail", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await db.query("select ampsync_worker.end_pass($1, $2, 'yielded')", [stream.id, stream.epoch]);
  for (let deaths = 1; deaths <= 3; deaths++) {
    expect(await dies(stream, true)).toBeDefined();
  }
  const waits: number[] = [];
  for (let deaths = 3; deaths <= 9; deaths++) {
    expect(await stream.acquire()).toBeUndefined(); // Whoever takes it over takes note.
    const seen = await shown(stream);
    expect(seen).toMatchObject({
      state: "retrying",
      code: "SY108",
      reason: `${deaths} workers in a row died while they held data of this stream`,
      detail: expect.stringMatching(/^The last one was dead-\d+\./),
    });
    waits.push(seen["wait"]);
    await moveClock(db, "15 min");
    expect(await dies(stream, true)).toMatchObject({ watched: true });
  }
  expect(waits[0]).toBeGreaterThan(20);
  expect(waits[0]).toBeLessThan(40);
  expect(waits[3]).toBeGreaterThan(180);
  for (const wait of waits) expect(wait).toBeLessThanOrEqual(900);
  const { rows } = await db.query(
    "select count(*)::int from ampsync.events where event = 'stream_suspected'",
  );
  expect(rows).toEqual([{ count: 7 }]);
});

test("deaths count only in a row, with data, and of workers that died", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await moveClock(db, "31 s");
  for (let i = 0; i < 5; i++) await dies(stream, false); // They held nothing.

  for (let i = 0; i < 5; i++) {
    await dies(stream, true);
    await dies(stream, true);
    await stream.acquire(`alive-${i}`);
    await stream.apply(10 * (i + 1), 10 * (i + 1) + 9); // A commit in between.
    await moveClock(db, "31 s");
  }

  for (let i = 0; i < 5; i++) {
    expect(await dies(stream, true, `slow-${i}`)).toBeDefined();
    await db.query("select * from ampsync_worker.renew_leases($1, '[]')", [`slow-${i}`]); // It lives: it was only late.
    expect(await stream.acquire(`next-${i}`)).toBeDefined();
    await moveClock(db, "31 s");
  }
  const { rows } = await db.query("select deaths from ampsync_private.stream where stream_id = $1", [
    stream.id,
  ]);
  expect(rows).toEqual([{ deaths: 0 }]);
});

test("a pass that ends in between without a commit does not clear a stream", async () => {
  const stream = await SqlStream.register(db);
  await dies(stream, true);
  await dies(stream, true);
  await stream.acquire("alive");
  await stream.endPass("ended");
  await moveClock(db, "1 min");
  await dies(stream, true);
  expect(await stream.acquire()).toBeUndefined();
});

test("one suspect at a time in a worker; one that holds nothing for 10 s keeps nobody waiting", async () => {
  await registerDataset(db, "chain", ["a", "b"]);
  const { rows } = await db.query("select stream_id, target from ampsync.streams order by table_name");
  const [one, other] = rows.map((row) => new SqlStream(db, row["stream_id"], row["target"], true, "0"));
  for (const stream of [one!, other!]) {
    for (let i = 0; i < 3; i++) await dies(stream, true);
    expect(await stream.acquire()).toBeUndefined();
  }
  await moveClock(db, "1 min");
  expect(await one!.acquire("w")).toBeDefined();
  expect(await other!.acquire("w")).toBeUndefined();
  expect(await other!.acquire("another")).toBeDefined();
  await db.query("select ampsync_worker.end_pass($1, $2, 'yielded')", [other!.id, other!.epoch]);

  await moveClock(db, "11 s");
  expect(await other!.acquire("w")).toBeDefined();
  await db.query("select ampsync_worker.end_pass($1, $2, 'yielded')", [other!.id, other!.epoch]);
  await db.query("select ampsync_worker.note_holding($1, $2, true)", [one!.id, one!.epoch]);
  expect(await other!.acquire("w")).toBeUndefined();
});

test("resumed by hand it is no suspect any more", async () => {
  const stream = await SqlStream.register(db, { dataset: "eth/chain" });
  for (let i = 0; i < 3; i++) await dies(stream, true);
  expect(await stream.acquire()).toBeUndefined();
  await db.query("select * from ampsync.resume_sync('eth/chain')");
  expect(await stream.acquire()).toMatchObject({ watched: false });
});
