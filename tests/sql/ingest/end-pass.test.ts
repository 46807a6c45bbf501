import { describe, expect, test } from "vitest";
import { moveClock } from "../../support/postgres/clock.ts";
import { EVENTS, enqueueHttp, httpSource } from "../../support/postgres/http-source.ts";
import { journaledDetails } from "../../support/postgres/journal.ts";
import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { type SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const POLLED = { ...EVENTS, every: "1 h", on_conflict: "replace" };
const LIMITED = { code: "SY304", message: "the limit is used up", detail: "0 of 100 left", hint: "wait" };

/** With a lease, and a part that has read five records. */
async function source(definition: object = EVENTS, { done = true } = {}): Promise<SqlStream> {
  const stream = await httpSource(db, { source: definition });
  await stream.acquire();
  await db.query("update ampsync_private.stream set state = 'backfill' where stream_id = $1", [stream.id]);
  await db.query(
    "insert into ampsync_private.part (stream_id, part_no, pages, records, done) values ($1, 0, 1, 5, $2)",
    [stream.id, done],
  );
  await clearQueue(db);
  return stream;
}

async function end(
  stream: SqlStream,
  outcome: string,
  error: object | null = null,
  due: string | null = null,
) {
  await db.query("select ampsync_worker.end_pass($1, $2, $3, $4, ampsync_private.now() + $5::interval)", [
    stream.id,
    stream.epoch,
    outcome,
    error,
    due,
  ]);
  return await stored(stream);
}

async function stored({ id }: SqlStream) {
  const { rows } = await db.query(
    `select s.state, s.attempts, s.error ->> 'code' as code,
            round(extract(epoch from s.run_due - ampsync_private.now()))::int as run_due_s,
            round(extract(epoch from s.next_retry - ampsync_private.now()))::int as next_retry_s,
            l.holder
       from ampsync_private.stream s join ampsync_private.lease l using (stream_id) where s.stream_id = $1`,
    [id],
  );
  return rows[0];
}

const jobsOf = ({ id }: SqlStream) => waitingJobs(db, `ampsync_stream:${id}`);

describe("a pass that rests before the end of its run", () => {
  test("is followed by one when the limit allows it, and no attempt is counted", async () => {
    const stream = await source(EVENTS, { done: false });
    expect(await end(stream, "rested", LIMITED, "1 h")).toEqual({
      state: "backfill",
      attempts: 0,
      code: "SY304",
      run_due_s: null,
      next_retry_s: 3600,
      holder: null,
    });
    expect(await jobsOf(stream)).toMatchObject([{ due_in_s: expect.closeTo(3600, -1) }]);
  });

  test("for another reason says which, or none", async () => {
    const stream = await source(EVENTS, { done: false });
    expect(await end(stream, "rested", { ...LIMITED, code: "SY104" }, "5 min")).toMatchObject({
      code: "SY104",
    });
    await stream.acquire();
    expect(await end(stream, "rested", null, "5 min")).toMatchObject({ code: null, next_retry_s: 300 });
  });

  test.each([
    ["nothing any more", null, "backfill"],
    ["a limit", LIMITED, "retrying"],
  ])("after trouble that is over shows %s", async (_, error, state) => {
    const stream = await source(EVENTS, { done: false });
    await db.query("select ampsync_worker.mark_retrying($1, $2, $3)", [
      stream.id,
      stream.epoch,
      { code: "55P03", message: "canceling statement due to lock timeout" },
    ]);
    expect(await stored(stream)).toMatchObject({ state: "retrying", code: "55P03" });
    expect(await end(stream, "rested", error, "5 min")).toMatchObject({
      ...{ state, code: error?.code ?? null, next_retry_s: 300, attempts: 0 },
    });
  });

  test("is not its end, whatever the pass says", async () => {
    const stream = await source(EVENTS, { done: false });
    expect(await end(stream, "done")).toMatchObject({ state: "backfill", next_retry_s: null });
    expect(await jobsOf(stream)).toMatchObject([{ due_in_s: expect.closeTo(0, -1) }]);
  });
});

describe("the end of a run", () => {
  test("of a source that is read once is the end", async () => {
    const stream = await source();
    expect(await end(stream, "done")).toMatchObject({
      state: "complete",
      run_due_s: null,
      next_retry_s: null,
    });
    expect(await jobsOf(stream)).toEqual([]);
    expect(await journaledDetails(db, "run_finished")).toEqual([
      { run: 1, pages: 1, records: 5, next_run: null },
    ]);
    await clearQueue(db);
    await db.query("select ampsync_worker.supervise()");
    expect(await jobsOf(stream)).toEqual([]);
  });

  test("of a source that is polled makes the next one due", async () => {
    const stream = await source(POLLED);
    expect(await end(stream, "rested")).toMatchObject({ state: "live", run_due_s: 3600, next_retry_s: 3600 });
    expect(await jobsOf(stream)).toMatchObject([{ due_in_s: expect.closeTo(3600, -1) }]);
    expect(await journaledDetails(db, "run_finished")).toMatchObject([
      { run: 1, records: 5, next_run: expect.any(String) },
    ]);
  });

  test("is due when the pass says, if it knows better", async () => {
    expect(await end(await source(POLLED), "rested", null, "10 min")).toMatchObject({ run_due_s: 600 });
  });

  test("does not move by a pass that had nothing to do", async () => {
    const stream = await source(POLLED);
    await end(stream, "rested", null, "10 min");
    await stream.acquire();
    expect(await end(stream, "rested", null, "30 min")).toMatchObject({
      state: "live",
      run_due_s: 600,
      next_retry_s: 600,
    });
    expect(await journaledDetails(db, "run_finished")).toHaveLength(1);
  });

  test("is found by the next pass where the pass before died before it could say so", async () => {
    const stream = await source(POLLED);
    await db.query(
      "update ampsync_private.lease set lease_until = ampsync_private.now() where stream_id = $1",
      [stream.id],
    );
    await db.query("select ampsync_worker.supervise()");
    expect(await jobsOf(stream)).toHaveLength(1);
    await stream.acquire("worker-2");
    expect(await end(stream, "rested")).toMatchObject({ state: "live", run_due_s: 3600 });
  });

  test("clears what went wrong before", async () => {
    const stream = await source(POLLED);
    await stream.endPass("ended");
    await stream.acquire();
    expect(await stored(stream)).toMatchObject({ state: "retrying", attempts: 1 });
    expect(await end(stream, "rested")).toMatchObject({ state: "live", attempts: 0, code: null });
  });

  test("of a source that is polled no longer is the end", async () => {
    const stream = await source(POLLED);
    await end(stream, "rested");
    await enqueueHttp(db, { source: { every: null } });
    expect(await jobsOf(stream)).toMatchObject([{ due_in_s: expect.closeTo(0, -1) }]);
    await stream.acquire();
    expect(await end(stream, "rested")).toMatchObject({ state: "complete", run_due_s: null });
  });

  test("is followed at once by the run that somebody asked for meanwhile, and by no other", async () => {
    for (const definition of [EVENTS, POLLED]) {
      await db.query("savepoint before_source");
      const stream = await source(definition);
      await db.query("select ampsync.resume_sync('events')");
      expect(await stored(stream)).toMatchObject({ run_due_s: 0, holder: "worker-1" });
      await clearQueue(db);
      expect(await end(stream, "done")).toMatchObject({
        state: "backfill",
        run_due_s: 0,
        next_retry_s: null,
      });
      expect(await jobsOf(stream)).toMatchObject([{ due_in_s: expect.closeTo(0, -1) }]);
      await db.query("rollback to before_source");
    }
  });
});

describe("a source that rests for longer than a stream ever waits", () => {
  const DAILY = { ...POLLED, every: "1 day" };
  const about = (seconds: number) => expect.closeTo(seconds, -1);

  /** What supervise queues meanwhile, run by run. */
  async function queuedDuring(intervals: readonly string[]): Promise<number[]> {
    const queued: number[] = [];
    for (const interval of intervals) {
      await moveClock(db, interval);
      queued.push(await supervise(db));
    }
    return queued;
  }

  test("until its next run is left alone until then", async () => {
    const stream = await source(DAILY);
    await end(stream, "rested");
    expect(await queuedDuring(["5 s", "5 s", "1 h", "22 h"])).toEqual([0, 0, 0, 0]);
    expect(await stored(stream)).toMatchObject({ run_due_s: about(3590), next_retry_s: about(3590) });
    expect(await jobsOf(stream)).toHaveLength(1);
  });

  test.each(["rested", "ended"])("because the server says so, and %s, is left alone", async (outcome) => {
    const stream = await source(EVENTS, { done: false });
    await end(stream, outcome, LIMITED, "6 h");
    expect(await queuedDuring(["5 s", "5 s", "5 h"])).toEqual([0, 0, 0]);
    expect(await stored(stream)).toMatchObject({ next_retry_s: about(3590) });
  });

  test("goes on at once, and with its next run, when the clock is set back", async () => {
    const stream = await source(DAILY);
    await end(stream, "rested");
    expect(await queuedDuring(["1 h", "-30 days"])).toEqual([0, 1]);
    expect(await stored(stream)).toMatchObject({ run_due_s: about(0), next_retry_s: about(0) });
    await stream.acquire();
    expect(await end(stream, "rested")).toMatchObject({ run_due_s: about(0), next_retry_s: null });
  });

  test("lasts no longer when the clock is set back by less than it has lasted", async () => {
    const stream = await source(DAILY);
    await end(stream, "rested");
    expect(await queuedDuring(["1 h"])).toEqual([0]);
    await queuedDuring(["-30 min"]);
    expect(await stored(stream)).toMatchObject({ run_due_s: about(82_800), next_retry_s: about(82_800) });
    await queuedDuring(["5 s", "10 min"]);
    expect(await stored(stream)).toMatchObject({ run_due_s: about(82_195), next_retry_s: about(82_195) });
  });

  test("nor does one of minutes, because the server says so", async () => {
    const stream = await source(EVENTS, { done: false });
    await end(stream, "rested", LIMITED, "10 min");
    await queuedDuring(["9 min", "-5 min"]);
    expect(await stored(stream)).toMatchObject({ next_retry_s: about(60) });
  });

  test("rests again after that", async () => {
    const stream = await source(EVENTS, { done: false });
    await end(stream, "rested", LIMITED, "6 h");
    expect(await queuedDuring(["-30 days"])).toEqual([1]);
    await stream.acquire();
    await end(stream, "rested", LIMITED, "6 h");
    expect(await queuedDuring(["5 s", "5 s"])).toEqual([0, 0]);
    expect(await stored(stream)).toMatchObject({ next_retry_s: about(21590) });
  });
});

describe("a pass that failed", () => {
  test("under a definition that changed meanwhile says nothing about the next one", async () => {
    const stream = await source(EVENTS, { done: false });
    await db.query("create table public.events (id text primary key)");
    await db.query(
      "update ampsync_private.stream set target = 'public.events', columns = '[]', has_block_num = false",
    );
    await enqueueHttp(db, { source: { timeout: 20 } });
    await clearQueue(db);
    await stream.endPass("failed", "SY004");
    expect(await stored(stream)).toMatchObject({ state: "backfill", code: null });
    expect(await jobsOf(stream)).toHaveLength(1);
  });

  test("on a value is answered with the policy of enqueue_http", async () => {
    const stream = await source(EVENTS, { done: false });
    await stream.endPass("failed", "SY203");
    const { hint } = await stream.view();
    expect(hint).toBe(
      "select ampsync.enqueue_http('events', value_policy => 'quarantine'); select ampsync.resume_sync('events');",
    );
    await db.query(hint);
    expect(await stored(stream)).toMatchObject({ state: "retrying" });
  });

  test.each(["SY305", "SY306"])("with %s is tried again after about 60 s", async (code) => {
    const stream = await source(EVENTS, { done: false });
    await stream.endPass("ended", code);
    expect((await stored(stream))!["next_retry_s"]).toBeGreaterThan(45);
  });

  test("is tried again when the server says", async () => {
    expect(
      await end(await source(EVENTS, { done: false }), "ended", { code: "SY104" }, "10 min"),
    ).toMatchObject({
      state: "retrying",
      attempts: 1,
      next_retry_s: 600,
    });
  });
});

test("workers of the release before end their passes by the call that they know", async () => {
  const stream = await source(EVENTS, { done: false });
  await db.query("select ampsync_worker.end_pass($1, $2, 'ended', $3)", [
    stream.id,
    stream.epoch,
    { code: "SY104" },
  ]);
  expect(await stored(stream)).toMatchObject({ state: "retrying", holder: null });
  await stream.acquire();
  await db.query("select ampsync_worker.end_pass($1, $2, 'yielded')", [stream.id, stream.epoch]);
  expect(await stored(stream)).toMatchObject({ holder: null });
});
