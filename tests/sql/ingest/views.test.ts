import { describe, expect, test } from "vitest";

import { letTimePassWithin, moveClock } from "../../support/postgres/clock.ts";
import { EVENTS, httpSource } from "../../support/postgres/http-source.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const POLLED = { ...EVENTS, every: "1 h", on_conflict: "replace" };
const DAILY = {
  ...EVENTS,
  range: {
    field: "/at",
    since: "since",
    until: "until",
    format: "iso",
    from: "2024-01-01",
    step: "1 day",
    lag: "1 h",
  },
};

interface Part {
  readonly since?: string;
  readonly until?: string;
  readonly position?: object;
  readonly run?: number;
  readonly pages?: number;
  readonly records?: number;
  readonly total?: number;
  readonly emptyPages?: number;
  readonly done?: boolean;
  /** How long ago its run began. */
  readonly age?: string;
}

async function addParts(stream: SqlStream, ...parts: readonly Part[]): Promise<void> {
  for (const [n, part] of parts.entries()) {
    await db.query(
      `insert into ampsync_private.part (stream_id, part_no, since, until, position, run, pages, records, total, empty_pages, done, begun_at)
       values ($1, $2, extract(epoch from $3::timestamptz) * 1000000, extract(epoch from $4::timestamptz) * 1000000, $5,
               $6, $7, $8, $9, $10, $11, ampsync_private.now() - $12::interval)`,
      [
        stream.id,
        n,
        part.since ?? null,
        part.until ?? null,
        part.position ?? null,
        part.run ?? 1,
        part.pages ?? 0,
        part.records ?? 0,
        part.total ?? null,
        part.emptyPages ?? 0,
        part.done ?? false,
        part.age ?? "0",
      ],
    );
  }
}

/** With a lease, loading. */
async function loading(definition: object = EVENTS): Promise<SqlStream> {
  const stream = await httpSource(db, { source: definition });
  await stream.acquire();
  await db.query("update ampsync_private.stream set state = 'backfill'");
  return stream;
}

async function rest(stream: SqlStream, error: object | null, due: string | null): Promise<void> {
  await db.query(
    "select ampsync_worker.end_pass($1, $2, 'rested', $3, ampsync_private.now() + $4::interval)",
    [stream.id, stream.epoch, error, due],
  );
}

async function viewed(view: string) {
  const { rows } = await db.query(`select * from ampsync.${view}`);
  return rows[0]!;
}

async function heartbeat(): Promise<void> {
  await db.query("select ampsync_worker.renew_leases('worker-1', '[]')");
}

describe("streams", () => {
  test.each<[string, Part[]]>([
    ["the beginning", []],
    ["the beginning", [{}]],
    ["token abc", [{ position: { token: "abc" } }]],
    ['token {"z": 1e2}', [{ position: { token: { json: '{"z": 1e2}' } } }]],
    ["page 7, behind an empty page", [{ position: { page: 7 }, emptyPages: 1 }]],
    ["offset 5000, behind 120 empty pages", [{ position: { offset: 5000 }, emptyPages: 120 }]],
    ["after 9007199254740993", [{ position: { after: { json: "9007199254740993" }, longest: 5 } }]],
    [`url ${"u".repeat(79)}…`, [{ position: { url: "u".repeat(200) } }]],
    [
      "the end of run 3",
      [
        { done: true, run: 2 },
        { done: true, run: 3 },
      ],
    ],
    ["token b", [{ done: true }, { position: { token: "b" } }]],
    [
      "2 parts under way, the first at token b",
      [{ done: true }, { position: { token: "b" } }, { position: { token: "c" } }],
    ],
  ])("say the position: %s", async (position, parts) => {
    const stream = await loading();
    await addParts(stream, ...parts);
    expect(await stream.view()).toMatchObject({ position, state: "backfill" });
  });

  test("count records and duplicates, and have the age of the newest value as lag", async () => {
    const stream = await loading();
    await db.query(
      "update ampsync_private.stream set records = 12, duplicates = 2, row_total = 10, block_time = ampsync_private.now() - interval '90 s'",
    );
    expect(await stream.view()).toMatchObject({
      records: "12",
      duplicates: "2",
      rows: "10",
      lag: expect.objectContaining({ minutes: 1 }),
      block: null,
      behind: null,
    });
  });

  test("show a source that rests until its next run as it is, whether or not a worker is there", async () => {
    const stream = await loading(POLLED);
    await addParts(stream, { done: true });
    await rest(stream, null, null);
    expect(await stream.view()).toMatchObject({
      state: "live",
      reason: null,
      hint: null,
      next_retry: expect.any(Date),
    });
    await moveClock(db, "61 min");
    expect(await stream.view()).toMatchObject({ state: "backfill", reason: "no worker holds this stream" });
  });

  test("show a used-up limit with the time when it goes on", async () => {
    const stream = await loading();
    await addParts(stream, { position: { token: "a" } });
    await rest(stream, { code: "SY304", message: "the limit is used up", hint: "Nothing to do." }, "1 h");
    expect(await stream.view()).toMatchObject({
      state: "backfill",
      error_code: "SY304",
      reason: "the limit is used up",
      hint: "Nothing to do.",
      next_retry: expect.any(Date),
      attempts: 0,
    });
  });

  test.each([
    ["limit", 6, "has waited 6 s for the rate limit of its API"],
    ["server", 40, "its API has not answered for 40 s"],
    ["server", 6, null],
  ])("say that its pass waits for %s", async (waits, waits_s, reason) => {
    const stream = await loading();
    await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [
      JSON.stringify([{ stream_id: stream.id, epoch: stream.epoch, waits, waits_s }]),
    ]);
    expect(await stream.view()).toMatchObject({ reason });
  });
});

describe("status", () => {
  test("shows a source with its state and what it waits for", async () => {
    const stream = await loading(POLLED);
    await addParts(stream, { done: true });
    await rest(stream, null, null);
    expect(await viewed("status")).toMatchObject({
      dataset: "events",
      state: "live",
      waiting_on: null,
      tables: "1",
    });
  });

  test("shows one that is complete as unattended by nobody", async () => {
    const stream = await loading();
    await addParts(stream, { done: true });
    await rest(stream, null, null);
    expect(await viewed("status")).toMatchObject({ state: "complete", unattended: false });
    expect((await db.query("select * from ampsync.doctor() where severity <> 'info'")).rows).toEqual([]);
  });
});

describe("progress", () => {
  /** Records are counted from those at the beginning of the load. */
  const loaded = (records: number, ago: string) =>
    db.query(
      "update ampsync_private.stream set records = $1, load_from = 0, load_started = ampsync_private.now() - $2::interval",
      [records, ago],
    );
  const etaS = async () => {
    const { rows } = await db.query(
      "select round(extract(epoch from eta - ampsync_private.now()))::int as s from ampsync.progress",
    );
    return rows[0]!["s"];
  };

  test("counts records where the API tells how many there are", async () => {
    const stream = await loading({ ...EVENTS, total: "/total" });
    await addParts(stream, { records: 250, pages: 3, total: 1000 });
    await loaded(250, "10 s");
    expect(await viewed("progress")).toMatchObject({
      unit: "records",
      done: "250",
      total: "1000",
      phase: "backfill",
    });
    expect(await etaS()).toBeCloseTo(30, -1);
  });

  test("invents no number that the API has not told, and no time", async () => {
    const stream = await loading({ ...EVENTS, total: "/total" });
    await addParts(stream, { records: 250, pages: 3 });
    await loaded(250, "10 s");
    expect(await viewed("progress")).toMatchObject({ unit: "records", done: "250", total: null, eta: null });
  });

  test("counts pages where nobody knows the end", async () => {
    const stream = await loading();
    await addParts(stream, { records: 250, pages: 3 });
    await loaded(250, "10 s");
    expect(await viewed("progress")).toMatchObject({ unit: "pages", done: "3", total: null, eta: null });
  });

  test("counts the windows of a range", async () => {
    await moveClock(db, "0 s");
    await db.query("update test_clock.moved set by = timestamptz '2024-01-11 01:00+00' - clock_timestamp()");
    const stream = await loading(DAILY);
    await addParts(
      stream,
      { since: "2024-01-01Z", until: "2024-01-05Z", done: true, age: "8 min" },
      { since: "2024-01-05Z", until: "2024-01-06Z", age: "8 min" },
    );
    await db.query("update ampsync_private.part set begun_at = '2024-01-11 01:00+00'");
    await moveClock(db, "8 min");
    expect(await viewed("progress")).toMatchObject({ unit: "windows", done: "4", total: "10" });
    expect(await etaS()).toBeCloseTo(720, -1);
  });

  test("counts blocks of an Amp dataset as before", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    await db.query(
      "select ampsync_worker.register_streams(dataset_id, '1.0.0', null, '{blocks}') from ampsync_private.dataset",
    );
    expect(await viewed("progress")).toMatchObject({ unit: "blocks", done: null, total: null });
  });
});

describe("readiness", () => {
  async function ready() {
    const { ready, reason } = await viewed("readiness");
    return [ready, reason];
  }

  test("is given while a source rests, however long", async () => {
    const stream = await loading({ ...POLLED, every: "1 day" });
    await addParts(stream, { done: true });
    await rest(stream, null, null);
    await heartbeat();
    await letTimePassWithin(db, "23 h");
    expect(await ready()).toEqual([true, null]);
    await letTimePassWithin(db, "2 h");
    expect(await ready()).toEqual([false, expect.stringContaining("no worker has held it")]);
  });

  test("is given while the limit of its API is used up, also of one that was retried", async () => {
    const stream = await loading();
    await addParts(stream, {});
    await db.query("update ampsync_private.stream set state = 'retrying'");
    await rest(stream, { code: "SY304", message: "the limit is used up" }, "2 h");
    await heartbeat();
    await letTimePassWithin(db, "1 h");
    expect(await ready()).toEqual([true, null]);
  });

  test("is given to one that is complete, and taken from one that fails on and on", async () => {
    const stream = await loading();
    await addParts(stream, { done: true });
    await rest(stream, null, null);
    await heartbeat();
    await letTimePassWithin(db, "1 day");
    expect(await ready()).toEqual([true, null]);

    await db.query("select ampsync.resume_sync('events')");
    await stream.acquire();
    await stream.endPass("ended", "SY303");
    await letTimePassWithin(db, "301 s");
    expect(await ready()).toEqual([false, "it has been retried for more than 300 s"]);
  });
});

test("metrics count records and duplicates, and sources that are complete", async () => {
  const stream = await loading();
  await addParts(stream, { done: true });
  await db.query("update ampsync_private.stream set records = 12, duplicates = 2");
  await rest(stream, null, null);
  const { rows } = await db.query(
    `select metric, labels, value from ampsync.metrics
      where metric in ('ampsync_records_total', 'ampsync_duplicates_total') or labels ->> 'state' = 'complete' order by 1`,
  );
  expect(rows).toEqual([
    { metric: "ampsync_duplicates_total", labels: { dataset: "events", table: "events" }, value: 2 },
    { metric: "ampsync_records_total", labels: { dataset: "events", table: "events" }, value: 12 },
    { metric: "ampsync_streams", labels: { state: "complete" }, value: 1 },
  ]);
});

test("sources that rest do not count as tables that share the slots of workers", async () => {
  const stream = await loading(POLLED);
  await addParts(stream, { done: true });
  await rest(stream, null, null);
  await heartbeat();
  await db.query("update ampsync_private.worker set slots = 0");
  const { rows } = await db.query("select finding from ampsync.doctor() where subject = 'workers'");
  expect(rows).toEqual([]);
});

test("rejects of a source are told by the pages of its run", async () => {
  const stream = await loading();
  await db.query(
    `insert into ampsync_private.reject (stream_id, block, row_number, sqlstate, reason, rejected_at)
     values ($1, 41, 3, '22P02', 'no number', ampsync_private.now())`,
    [stream.id],
  );
  expect(await viewed("rejects")).toMatchObject({ dataset: "events", block: "41", row_number: "3" });
  const { rows } = await db.query(
    "select finding, fix from ampsync.doctor() where subject = 'events.events'",
  );
  expect(rows).toMatchObject([
    { finding: "1 rows are in ampsync.rejects instead of the table: pages 41 to 41" },
  ]);
  await db.query(rows[0]!["fix"]);
});
