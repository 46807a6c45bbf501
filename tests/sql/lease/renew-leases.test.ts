import { expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

interface Beat {
  readonly worker?: string;
  readonly head?: string | null;
}

async function beat(
  streams: readonly SqlStream[],
  { worker = "worker-1", head = null }: Beat = {},
): Promise<string[]> {
  const leases = streams.map(({ id, epoch }) => ({ stream_id: id, epoch, head, network: "mainnet" }));
  const { rows } = await db.query("select * from ampsync_worker.renew_leases($1, $2)", [
    worker,
    JSON.stringify(leases),
  ]);
  return streams.map(({ id }) => rows.find((row) => row["stream_id"] === id)?.["verdict"]);
}

/** Streams that worker-1 holds, each acquired a second after the one before; no job waits. */
async function held(count: number): Promise<SqlStream[]> {
  await registerDataset(
    db,
    "chain",
    Array.from({ length: count }, (_, i) => `t${i}`),
  );
  const { rows } = await db.query("select stream_id, target from ampsync.streams order by table_name");
  const streams = rows.map((row) => new SqlStream(db, row["stream_id"], row["target"], true, "0"));
  for (const stream of streams) {
    await stream.acquire();
    await moveClock(db, "1 s");
  }
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  return streams;
}

async function addJobs(count: number, due = "0 s", task = "ampsync_stream"): Promise<void> {
  await db.query(
    `select graphile_worker.add_job($3, run_at => ampsync_private.now() + $2::interval)
       from generate_series(1, $1)`,
    [count, due, task],
  );
}

test("a heartbeat keeps a lease for another 30 s", async () => {
  const [stream] = await held(1);
  await moveClock(db, "25 s");
  expect(await beat([stream!])).toEqual(["keep"]);
  await moveClock(db, "25 s");
  expect(await stream!.acquire("worker-2")).toBeUndefined();
});

test("a lease that ran out but was not taken is kept", async () => {
  const [stream] = await held(1);
  await moveClock(db, "1 min");
  expect(await beat([stream!])).toEqual(["keep"]);
  expect(await stream!.acquire("worker-2")).toBeUndefined();
});

test("a lease of another epoch, of another worker, released or gone is lost, the others are kept", async () => {
  const [kept, taken, released, foreign] = (await held(4)) as [SqlStream, SqlStream, SqlStream, SqlStream];
  const old = taken.through(db);
  await moveClock(db, "31 s");
  await beat([kept, released, foreign]);
  await taken.acquire("worker-2");
  await released.endPass("yielded");
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  await db.query("update ampsync_private.lease set holder = 'worker-3' where stream_id = $1", [foreign.id]);
  const gone = new SqlStream(db, "4711", "chain.gone", true, "1");
  expect(await beat([kept, old, released, foreign, gone])).toEqual(["keep", "lost", "lost", "lost", "lost"]);
});

test("an older pass of the same worker has lost its lease, too", async () => {
  const [stream] = await held(1);
  const old = stream!.through(db);
  await moveClock(db, "31 s");
  await stream!.acquire("worker-1");
  expect(await beat([old])).toEqual(["lost"]);
  expect(await beat([stream!])).toEqual(["keep"]);
});

test("a lost lease is not renewed", async () => {
  const [stream] = await held(1);
  const old = stream!.through(db);
  await moveClock(db, "31 s");
  await stream!.acquire("worker-2");
  const { lease_until } = await stream!.view();
  await moveClock(db, "1 s");
  await beat([old]);
  expect((await stream!.view()).lease_until).toEqual(lease_until);
});

test("as many passes yield as jobs wait, those that run longest first", async () => {
  const streams = await held(3);
  expect(await beat(streams)).toEqual(["keep", "keep", "keep"]);
  await addJobs(1);
  expect(await beat(streams)).toEqual(["yield", "keep", "keep"]);
  await addJobs(1);
  expect(await beat(streams.toReversed())).toEqual(["keep", "yield", "yield"]);
  await addJobs(5);
  expect(await beat(streams)).toEqual(["yield", "yield", "yield"]);
});

test("a pass that waits asks nobody to yield while the worker has a free slot for it", async () => {
  const streams = await held(2);
  await db.query("select ampsync_worker.register_worker('worker-1', 'machine', 1, '1.0.0', 4)");
  await addJobs(2);
  expect(await beat(streams)).toEqual(["keep", "keep"]);
  await addJobs(1);
  expect(await beat(streams)).toEqual(["yield", "keep"]);
});

test.each([
  ["0.1.0", "keep"],
  ["0.2.0", "yield"],
])("a pass of an HTTP source that waits asks a worker of %s to %s", async (version, verdict) => {
  const streams = await held(1);
  await db.query("select ampsync_worker.register_worker('worker-1', 'machine', 1, $1, 1)", [version]);
  await addJobs(1, "0 s", "ampsync_ingest");
  expect(await beat(streams)).toEqual([verdict]);
});

test.each(["ampsync_resolve", "ampsync_swap", "ampsync_supervise", "ampsync_poll"])(
  "%s, which has slots of its own, asks for one of a pass once it is late",
  async (task) => {
    const streams = await held(2);
    await addJobs(1, "0 s", task);
    expect(await beat(streams)).toEqual(["keep", "keep"]);
    await moveClock(db, "2 s");
    expect(await beat(streams)).toEqual(["yield", "keep"]);
  },
);

test("jobs that are not due, that run, or whose attempts are used up ask nobody to yield", async () => {
  const streams = await held(2);
  await addJobs(1, "10 s");
  await addJobs(2);
  await db.query(
    `update graphile_worker._private_jobs j set locked_at = now(), locked_by = 'worker-1'
      where j.id = (select max(id) from graphile_worker._private_jobs)`,
  );
  await db.query(
    `update graphile_worker._private_jobs j set attempts = max_attempts
      where j.id = (select max(id) - 1 from graphile_worker._private_jobs)`,
  );
  await db.query("select graphile_worker.add_job('of_the_application')");
  expect(await beat(streams)).toEqual(["keep", "keep"]);
});

test("a worker without leases is kept in the list of workers", async () => {
  expect(await beat([])).toEqual([]);
  await moveClock(db, "10 s");
  await beat([]);
  const { rows } = await db.query(
    "select worker_id, extract(epoch from heartbeat_at - started_at)::int as s from ampsync_private.worker",
  );
  expect(rows).toEqual([{ worker_id: "worker-1", s: 10 }]);
});

test("the head that a pass saw is shown, and stays when the next beat does not know it", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await beat([stream], { head: "1000" });
  await beat([stream]);
  expect(await stream.view()).toMatchObject({ block: "9", head: "1000", behind: "991" });
});

test("the speed is counted between two heartbeats", async () => {
  const stream = await SqlStream.prepare(db);
  await beat([stream]);
  await stream.apply(0, 99);
  await moveClock(db, "5 s");
  await beat([stream]);
  const { rows_per_s } = await stream.view();
  expect(rows_per_s).toBeGreaterThan(15);
  expect(rows_per_s).toBeLessThanOrEqual(20);
});

test("what was committed since the head was told is newer", async () => {
  const stream = await SqlStream.prepare(db);
  await beat([stream], { head: "5" });
  await stream.apply(0, 9);
  expect(await stream.view()).toMatchObject({ head: "9", behind: "0" });
});

/** What a heartbeat says `by` later to a pass whose stream became another one; its lease was renewed meanwhile. */
async function verdictAfter(stream: SqlStream, by: string): Promise<string> {
  await moveClock(db, by);
  return (await beat([stream]))[0]!;
}

test.each([
  [
    "reads another version",
    "update ampsync_private.stream set version = '1.1.0', version_since = ampsync_private.now()",
  ],
  [
    "reads another manifest",
    "update ampsync_private.stream set manifest_hash = 'cd', version_since = ampsync_private.now()",
  ],
  [
    "has no table any more",
    "update ampsync_private.stream set state = 'orphaned', since = ampsync_private.now()",
  ],
  [
    "rests, so that its table can be altered",
    "update ampsync_private.dataset set quiesce_until = ampsync_private.now() + interval '60 s'",
  ],
])(
  "a pass whose stream %s yields at a watermark, and is ended where none comes for 25 s",
  async (_, change) => {
    const [stream] = await held(1);
    await db.query(change);
    expect(await verdictAfter(stream!, "5 s")).toBe("yield");
    expect(await verdictAfter(stream!, "15 s")).toBe("yield");
    expect(await verdictAfter(stream!, "5 s")).toBe("end");
  },
);

test("the next pass reads the new version, and is kept", async () => {
  const [stream] = await held(1);
  await db.query(
    "update ampsync_private.stream set version = '1.1.0', version_since = ampsync_private.now()",
  );
  await stream!.endPass("yielded");
  await stream!.acquire();
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
  expect(await verdictAfter(stream!, "30 s")).toBe("keep");
});
