import { beforeEach, describe, expect, test } from "vitest";

import { letTimePass, moveClock } from "../../support/postgres/clock.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";
import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../../support/postgres/rivals.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

/** What ampsync.streams shows in which situation: the table in docs/spec.md has a row for each test. */
const db = sharedDatabase();
let stream: SqlStream;
let datasets = 0;

beforeEach(async () => {
  await db.query("select ampsync.pause_sync(s.dataset) from ampsync.status s");
  await db.query("delete from ampsync_private.worker");
  await clearQueue(db);
  stream = await SqlStream.prepare(db, { dataset: `chain_${++datasets}` });
  await stream.commit(0, 9);
  await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
  await clearQueue(db);
});

interface Beat {
  readonly head?: string | null;
  readonly writer_waits_s?: number;
  readonly waits?: string;
  readonly waits_s?: number;
}

async function beat(
  told: Beat = { head: "9" },
  through: Pick<TestDatabase, "query"> = db,
  worker = "worker-1",
): Promise<void> {
  const { id, epoch } = stream;
  await through.query("select ampsync_worker.renew_leases($2, $1)", [
    JSON.stringify([{ stream_id: id, epoch, ...told }]),
    worker,
  ]);
}

describe("a stream that stands at the head", () => {
  test("is live, 0 blocks behind, with nothing that keeps it", async () => {
    await beat();
    expect(await stream.view()).toMatchObject({ state: "live", head: "9", behind: "0", reason: null });
  });

  test("and was sent nothing for 30 s waits for the next block", async () => {
    await beat({ head: "9" });
    await beat({ head: "9", waits: "server", waits_s: 29 });
    expect(await stream.view()).toMatchObject({ state: "live", reason: null });
    await beat({ head: "9", waits: "server", waits_s: 31 });
    expect(await stream.view()).toMatchObject({
      state: "live",
      reason: "waits for the next block; the Amp server has sent nothing for 31 s",
    });
  });
});

test("a silent server that holds more, perhaps behind a proxy that buffers, is shown with what it holds", async () => {
  await beat({ head: "400" });
  await beat({ head: "400", waits: "server", waits_s: 42 });
  expect(await stream.view()).toMatchObject({
    behind: "391",
    reason: "the Amp server has sent nothing for 42 s, though it holds block 400",
    hint: expect.stringContaining("proxy"),
  });
});

test("a server that does not plan the query is shown", async () => {
  await beat({ waits: "plan", waits_s: 31 });
  expect(await stream.view()).toMatchObject({ reason: "the Amp server has not answered for 31 s" });
});

test("a pass that waits for a writing transaction of its worker is shown", async () => {
  await beat({ waits: "permit", waits_s: 6 });
  expect(await stream.view()).toMatchObject({
    reason: expect.stringContaining("one of its worker's writing transactions"),
  });
});

test("a pass that waits for its turn to catch up is shown", async () => {
  await beat({ waits: "turn", waits_s: 6 });
  expect(await stream.view()).toMatchObject({
    reason: "has waited 6 s for its turn: other tables of its worker catch up",
    hint: expect.stringContaining("ampsync.progress"),
  });
});

test("nothing is known of a head that nobody told in the last 12 s", async () => {
  await beat();
  await letTimePass(db, "13 s");
  expect(await stream.view()).toMatchObject({ head: null, behind: null });
});

test("a head below the block is shown, and nothing is said to be behind it", async () => {
  await beat({ head: "4" });
  expect(await stream.view()).toMatchObject({ block: "9", head: "4", behind: null });
});

test("what was not loaded at all is not 0 blocks behind", async () => {
  const empty = await SqlStream.prepare(db, { dataset: `chain_${++datasets}` });
  await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [
    JSON.stringify([{ stream_id: empty.id, epoch: empty.epoch, head: "500", network: "mainnet" }]),
  ]);
  expect(await empty.view()).toMatchObject({ block: null, head: "500", behind: null });
});

describe("a writer that waits for somebody's lock", () => {
  test("is shown with who holds it, and not any more when it goes on", async () => {
    const [writer, blocker] = [await db.client(), await db.client()];
    const [pid, blockerPid] = [await backendOf(writer), await backendOf(blocker)];
    await blocker.query(`begin; lock table ${stream.target} in access exclusive mode`);
    await writer.query("begin");
    const begun = stream.through(writer).beginApply();
    await untilBlocked(db, pid);

    await beat({ head: "9", writer_waits_s: 3 });
    const { reason, hint } = await stream.view();
    expect(reason).toMatch(
      new RegExp(`^has waited 3 s for a lock on .* that backend ${blockerPid} holds \\(.+\\)$`),
    );
    expect(reason).not.toContain("lock table"); // What others run is not for all who read views.
    expect(hint).toContain(`select pg_terminate_backend(${blockerPid});`);
    await blocker.query("rollback");
    await begun;
    await writer.query("rollback");
    await beat();
    expect(await stream.view()).toMatchObject({ reason: null });
  });
});

describe("a stream whose worker is gone", () => {
  test("says so at once, while its lease lasts, and is not live", async () => {
    const heart = await db.client();
    const pid = await backendOf(heart);
    await stream.endPass("yielded");
    await stream.acquire("worker-of-its-own");
    await beat({ head: "9" }, heart, "worker-of-its-own");
    expect(await stream.view()).toMatchObject({ state: "live", reason: null });
    heart.on("error", () => {});
    await db.query("select pg_terminate_backend($1, 5000)", [pid]);
    expect(await stream.view()).toMatchObject({
      worker: "worker-of-its-own",
      reason: expect.stringMatching(
        /^its worker worker-of-its-own is gone; another one takes over within \d+ s$/,
      ),
    });
    await db.query("update ampsync_private.head set reported_at = reported_at - interval '20 s'");
    expect(await stream.view()).toMatchObject({ state: "backfill", behind: null });
  });

  test("says so where it is connected and was not heard of for 12 s", async () => {
    await beat();
    await moveClock(db, "14 s");
    expect(await stream.view()).toMatchObject({
      state: "backfill",
      behind: null,
      reason: expect.stringMatching(/^its worker worker-1 has sent no heartbeat for 14 s$/),
    });
  });

  test("says that no worker holds it once the lease ran out, and to start one where there is none", async () => {
    await beat();
    await moveClock(db, "31 s");
    expect(await stream.view()).toMatchObject({
      state: "backfill",
      reason: "no worker holds this stream",
      hint: expect.stringContaining("Start a worker"),
    });
  });
});

test("a stream that waits for a slot says so, and behind how many jobs", async () => {
  await registerDataset(db, `chain_${++datasets}`, ["a", "b", "c"]);
  await db.query("select ampsync_worker.renew_leases('worker-2', '[]')");
  const { rows } = await db.query(
    "select reason, hint from ampsync.streams where dataset = $1 order by table_name",
    [`chain_${datasets}`],
  );
  expect(rows.map(({ reason }) => reason)).toEqual(
    [1, 2, 3].map((jobs) => `waits for a slot, behind ${jobs} other jobs`), // The first is the dataset's own.
  );
});

test("a live stream that waits for its turn is live while it is close to the head, and not further away", async () => {
  await beat();
  const other = await SqlStream.register(db, { dataset: `chain_${++datasets}` });
  expect(other.id).not.toBe(stream.id);
  await stream.through(db).endPass("yielded");
  await beat({ head: "19" });
  await db.query("update ampsync_private.head set block = 19, reported_at = ampsync_private.now()");
  expect(await stream.view()).toMatchObject({ state: "live", behind: "10" });
  await db.query("update ampsync_private.head set block = 20");
  expect(await stream.view()).toMatchObject({ state: "backfill", behind: "11" });
});

describe("the clock of the database is set back", () => {
  test("a lease lasts no longer than it may, counted from now, and is not taken over on sight", async () => {
    await beat();
    await moveClock(db, "-1 hour");
    await supervise(db);
    const { rows } = await db.query(
      `select extract(epoch from l.lease_until - ampsync_private.now())::float8 as lease,
              extract(epoch from w.heartbeat_at - ampsync_private.now())::float8 as heartbeat
         from ampsync_private.lease l join ampsync_private.worker w on w.worker_id = l.holder
        where l.stream_id = $1`,
      [stream.id],
    );
    expect(rows[0]!["lease"]).toBeGreaterThan(25);
    expect(rows[0]!["lease"]).toBeLessThanOrEqual(30);
    expect(rows[0]!["heartbeat"]).toBeLessThanOrEqual(0);
    expect(await stream.acquire("worker-2")).toBeUndefined();
    await moveClock(db, "31 s");
    expect(await stream.acquire("worker-2")).toBeDefined();
    await moveClock(db, "1 hour");
  });

  test("a stream that backs off is due now, and has a job again", async () => {
    await stream.endPass("ended");
    await moveClock(db, "-1 hour");
    await supervise(db);
    const { rows } = await db.query(
      "select s.next_retry <= ampsync_private.now() as due from ampsync_private.stream s where s.stream_id = $1",
      [stream.id],
    );
    expect(rows[0]!["due"]).toBe(true);
    await moveClock(db, "1 hour");
  });

  test("so are a dataset that waits and a repair that is put off; an old head is unknown", async () => {
    await beat();
    const dataset = `chain_${datasets}`;
    await db.query("select ampsync.repair($1, 'blocks', 3, 4)", [dataset]);
    await db.query("select ampsync.enqueue_sync($1)", [`later_${datasets}`]);
    await db.query(
      `select ampsync_worker.defer_resolve(d.dataset_id, 'waiting', '{"code": "SY103", "message": "not yet"}')
         from ampsync_private.dataset d where d.name = $1`,
      [`later_${datasets}`],
    );
    await moveClock(db, "-1 hour");
    await supervise(db);
    const { rows } = await db.query(
      `select (select t.next_retry <= ampsync_private.now() from ampsync.status t where t.dataset = $1) as dataset,
              (select r.state from ampsync.repairs r where r.dataset = $2) as repair`,
      [`later_${datasets}`, dataset],
    );
    expect(rows).toEqual([{ dataset: true, repair: "waiting" }]);
    expect(await stream.view()).toMatchObject({ head: null });
    await moveClock(db, "1 hour");
  });

  test("a heartbeat makes sure that a supervisor waits, whose next run would be in an hour", async () => {
    await db.query(
      "select graphile_worker.add_job('ampsync_supervise', job_key => 'ampsync_supervise', run_at => now() + interval '1 hour')",
    );
    await beat();
    const { rows } = await db.query(
      "select j.run_at < ampsync_private.now() + interval '10 s' as soon from graphile_worker.jobs j where j.key = 'ampsync_supervise'",
    );
    expect(rows[0]!["soon"]).toBe(true);
  });
});

test("a merge that fails is shown with its reason, is tried later and later, and journaled once in five times", async () => {
  const dataset = `chain_${datasets}`;
  await db.query("select ampsync.resync($1, 'blocks')", [dataset]);
  const { rows } = await db.query("select s.stream_id from ampsync_private.stream s where s.shadow_of = $1", [
    stream.id,
  ]);
  const shadow = rows[0]!["stream_id"];
  const error = { code: "53100", message: "disk full", detail: "no space", hint: "make room" };
  for (let failure = 1; failure <= 4; failure++) {
    await db.query("select ampsync_worker.defer_swap($1, $2)", [shadow, error]);
  }
  expect(await stream.view()).toMatchObject({
    state: "resyncing",
    error_code: "53100",
    reason: "resync: the rows cannot be merged yet: disk full",
    detail: "no space",
    hint: "make room",
    attempts: 4,
    next_retry: expect.any(Date),
  });
  await db.query("select ampsync_private.schedule_swap($1)", [shadow]); // As each commit of the shadow does.
  const jobs = await db.query(
    `select extract(epoch from j.run_at - ampsync_private.now())::float8 as due_in_s
       from graphile_worker.jobs j where j.key = 'ampsync_swap:' || $1`,
    [shadow],
  );
  expect(jobs.rows.map((row) => row["due_in_s"] > 4)).toEqual([true]);
  const events = await db.query(
    "select from ampsync_private.event where event = 'swap_deferred' and stream_id = $1",
    [shadow],
  );
  expect(events.rowCount).toBe(1);
});
