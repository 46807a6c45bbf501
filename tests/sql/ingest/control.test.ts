import { describe, expect, test } from "vitest";

import { records, SqlSource } from "../../support/http/sql-source.ts";
import { EVENTS, enqueueHttp, httpSource } from "../../support/postgres/http-source.ts";
import { journaledEvents } from "../../support/postgres/journal.ts";
import { clearQueue } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { type SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const POLLED = { ...EVENTS, every: "1 h", on_conflict: "replace" };

/** With a table, and a part that has read five records. */
async function source(definition: object = EVENTS, { done = true } = {}): Promise<SqlStream> {
  const stream = await httpSource(db, { source: definition });
  await db.query("create table public.events (id text primary key, data jsonb)");
  await db.query(
    "update ampsync_private.stream set state = 'backfill', target = 'public.events', columns = '[]', has_block_num = false",
  );
  await db.query(
    `insert into ampsync_private.part (stream_id, part_no, pages, records, done, position)
     values ($1, 0, 1, 5, $2, '{"token": "a"}')`,
    [stream.id, done],
  );
  await clearQueue(db);
  return stream;
}

/** At the end of its run. */
async function atEnd(definition: object = EVENTS): Promise<SqlStream> {
  const stream = await source(definition);
  await stream.acquire();
  await stream.endPass("done");
  await clearQueue(db);
  return stream;
}

async function call(statement: string) {
  const { rows } = await db.query(`select * from ampsync.${statement}`);
  return rows;
}

async function stored() {
  const { rows } = await db.query(
    `select s.state, s.next_retry, round(extract(epoch from s.run_due - ampsync_private.now()))::int as run_due_s,
            (select count(*) from ampsync_private.part p where p.stream_id = s.stream_id)::int as parts
       from ampsync_private.stream s`,
  );
  return rows[0];
}

const jobsOf = ({ id }: SqlStream) => waitingJobs(db, `ampsync_stream:${id}`);

describe("pause_sync and resume_sync", () => {
  test("of a source in its run keep its position", async () => {
    const stream = await source(EVENTS, { done: false });
    expect(await call("pause_sync('events')")).toMatchObject([{ state: "paused" }]);
    expect(await refusal(db, () => stream.acquire())).toMatchObject({ code: "SY002" });
    expect(await call("resume_sync('events')")).toMatchObject([{ state: "retrying" }]);
    expect(await stored()).toMatchObject({ parts: 1, run_due_s: null });
    expect(await jobsOf(stream)).toHaveLength(1);
  });

  test("of a source that is complete begin its next run", async () => {
    const stream = await atEnd();
    expect(await stored()).toMatchObject({ state: "complete" });
    expect(await call("pause_sync('events')")).toMatchObject([{ state: "paused" }]);
    expect(await call("resume_sync('events')")).toMatchObject([{ state: "retrying" }]);
    expect(await stored()).toMatchObject({ run_due_s: 0, parts: 1 });
    expect(await jobsOf(stream)).toHaveLength(1);
  });

  test("resume_sync of a source that is complete begins its next run", async () => {
    const stream = await atEnd();
    expect(await call("resume_sync('events')")).toMatchObject([{ state: "retrying" }]);
    expect(await stored()).toMatchObject({ run_due_s: 0 });
    expect(await jobsOf(stream)).toHaveLength(1);
  });

  test("resume_sync of a source that rests until its next run begins that at once", async () => {
    const stream = await atEnd(POLLED);
    expect(await stored()).toMatchObject({ state: "live", run_due_s: 3600 });
    expect(await call("resume_sync('events')")).toMatchObject([{ state: "live" }]);
    expect(await stored()).toMatchObject({ state: "live", run_due_s: 0, next_retry: null });
    expect(await jobsOf(stream)).toMatchObject([{ due_in_s: expect.closeTo(0, 0) }]);
  });

  test("resume_sync of a source that waits for a rate limit tries at once", async () => {
    const stream = await source(EVENTS, { done: false });
    await stream.acquire();
    await db.query(
      "select ampsync_worker.end_pass($1, $2, 'rested', '{\"code\": \"SY304\"}', ampsync_private.now() + interval '1 h')",
      [stream.id, stream.epoch],
    );
    await call("resume_sync('events')");
    expect(await stored()).toMatchObject({ state: "backfill", next_retry: null });
    expect(await jobsOf(stream)).toMatchObject([{ due_in_s: expect.closeTo(0, 0) }]);
  });

  test("resume_sync leaves a source alone whose run is under way", async () => {
    const stream = await source(EVENTS, { done: false });
    await stream.acquire();
    await call("resume_sync('events')");
    expect(await stored()).toMatchObject({ state: "backfill", run_due_s: null });
    expect(await jobsOf(stream)).toEqual([]);
  });

  test("resume_sync after a failure with every part done begins the next run", async () => {
    const stream = await source();
    await stream.acquire();
    await stream.endPass("failed", "SY201");
    await call("resume_sync('events')");
    expect(await stored()).toMatchObject({ state: "retrying", run_due_s: 0 });
  });

  test("resume_sync of a source that stopped behind empty pages counts them from 0 again", async () => {
    const source = await SqlSource.prepare(db);
    await source.apply(Array.from({ length: 10_000 }, () => ({ records: [] })));
    const stopped = { code: "SY301", message: "empty pages", detail: "10,000 in a row", hint: "select 1;" };
    await db.query("select ampsync_worker.end_pass($1, $2, 'failed', $3)", [
      source.id,
      source.epoch,
      stopped,
    ]);
    await call("resume_sync('events')");
    await source.acquire();
    expect((await source.begin()).parts).toMatchObject([
      { empty_pages: 0, pages: "10000", position: { token: "p0-10000" } },
    ]);
    await source.page([]);
    expect(await source.parts()).toMatchObject([{ empty_pages: 1 }]);
  });

  test("resume_sync of a source that stopped because its cursor expires in vain lets it try as often again", async () => {
    const source = await SqlSource.prepare(db);
    const restart = () =>
      db.query('select ampsync_worker.restart_run($1, $2, 0, \'{"code": "SY302"}\')', [
        source.id,
        source.epoch,
      ]);
    const expire = async (times: number) => {
      for (let time = 0; time < times; time++) {
        await source.begin();
        await source.page(records(1, 2));
        await restart();
      }
    };
    await expire(2);
    await source.begin();
    await source.page(records(1, 2));
    const { code, message, detail, hint } = await refusal(db, restart);
    expect(code).toBe("SY302");
    await db.query("select ampsync_worker.end_pass($1, $2, 'failed', $3)", [
      source.id,
      source.epoch,
      { code, message, detail, hint },
    ]);
    await call("resume_sync('events')");
    await source.acquire();
    await source.begin();
    expect(await source.parts()).toMatchObject([{ expiries: 0, pages: "1" }]);
    await restart(); // Before any page.
    await expire(1);
    await source.begin();
    await source.page(records(1, 2));
    expect(await refusal(db, restart)).toMatchObject({ code: "SY302" });
  });

  test("resume_sync of a paused source counts its empty pages from 0 again too", async () => {
    const source = await SqlSource.prepare(db);
    await source.apply([{ records: records(1, 2) }, { records: [] }, { records: [] }]);
    await call("pause_sync('events')");
    await call("resume_sync('events')");
    expect(await source.parts()).toMatchObject([{ empty_pages: 0, pages: "3", records: "2" }]);
  });
});

describe("resync", () => {
  test.each([
    ["that is complete", () => atEnd()],
    ["that rests", () => atEnd(POLLED)],
    ["in its run", () => source(EVENTS, { done: false })],
  ])("of a source %s forgets its position, and reads it again into the same table", async (_, make) => {
    const stream = await make();
    expect(await call("resync('events')")).toMatchObject([{ dataset: "events", state: "retrying" }]);
    expect(await stored()).toMatchObject({ parts: 0, run_due_s: null });
    expect(await jobsOf(stream)).toHaveLength(1);
    expect(await journaledEvents(db)).toContain("resync_started");
  });

  test("of a paused source leaves it paused", async () => {
    await source(EVENTS, { done: false });
    await call("pause_sync('events')");
    expect(await call("resync('events')")).toMatchObject([{ state: "paused" }]);
    expect(await stored()).toMatchObject({ parts: 0 });
  });

  test("ends the pass under way, so that no page from before is committed", async () => {
    const stream = await source(EVENTS, { done: false });
    await stream.acquire();
    await call("resync('events', 'events')");
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY001" });
  });

  test("with on_conflict ignore says that it adds what is missing, and how all is had anew", async () => {
    await source();
    const [{ hint }] = (await call("resync('events')")) as [{ hint: string }];
    expect(hint).toMatch(/only those that are missing are added/);
    await db.query(hint.slice(hint.indexOf("select ")));
    expect((await call("resync('events')"))[0]!["hint"]).toBe("select * from ampsync.streams;");
  });

  test("of a source without a key is refused, unless its table is gone", async () => {
    const { key: _, ...keyless } = EVENTS;
    await source(keyless);
    expect(await refusal(db, "select ampsync.resync('events')")).toMatchObject({
      code: "SY004",
      message: "events has no key, so it cannot be read again from the beginning",
    });
    await db.query("drop table public.events");
    expect(await call("resync('events')")).toMatchObject([{ state: "retrying" }]);
    expect((await db.query("select target from ampsync_private.stream")).rows).toEqual([{ target: null }]);
  });

  test("takes no block and no other table", async () => {
    await source();
    const error = await refusal(db, "select ampsync.resync('events', from_block => 5)");
    expect(error).toMatchObject({ code: "SY004" });
    await db.query(error.hint!);
    expect(await refusal(db, "select ampsync.resync('events', 'other')")).toMatchObject({ code: "SY003" });
  });
});

describe("drop_sync", () => {
  test("keeps the table, and its hint begins the source again once the table is made room for", async () => {
    const stream = await source({ ...EVENTS, query: { limit: 5 } });
    await db.query("comment on table public.events is 'Kept in sync by ampsync; see ampsync.streams.'");
    expect(await call("drop_sync('events')")).toEqual([
      { dataset: "events", table_name: "events", state: "kept", hint: "drop table public.events;" },
    ]);
    for (const table of ["dataset", "stream", "part", "lease"]) {
      expect((await db.query(`select from ampsync_private.${table}`)).rows).toEqual([]);
    }
    expect(await jobsOf(stream)).toEqual([]);
    const { rows } = await db.query(
      "select obj_description('public.events'::regclass, 'pg_class') as comment",
    );
    expect(rows).toEqual([{ comment: "Was kept in sync by ampsync, from the HTTP source events." }]);
    const error = await refusal(db, () => enqueueHttp(db));
    expect(error).toMatchObject({
      code: "SY003",
      message: "Target table public.events exists since an earlier sync that was dropped",
    });
    expect(await enqueueHttp(db, { source: { ...EVENTS, adopt: true } })).toMatchObject({ state: "waiting" });
  });

  test("drops the table if asked, and its hint begins the source again", async () => {
    await source({ ...EVENTS, query: { limit: 5 } });
    const [{ state, hint }] = (await call("drop_sync('events', drop_tables => true)")) as [
      { state: string; hint: string },
    ];
    expect(state).toBe("dropped");
    expect((await db.query("select to_regclass('public.events') as t")).rows).toEqual([{ t: null }]);
    await db.query(hint);
    expect((await db.query("select definition from ampsync_private.dataset")).rows).toEqual([
      { definition: { ...EVENTS, query: { limit: 5 } } },
    ]);
  });

  test("keeps a table that was adopted, and prints nothing that would drop it", async () => {
    await db.query("create table public.clicks (id text primary key, data jsonb)");
    await enqueueHttp(db, { dataset: "clicks", source: { ...EVENTS, adopt: true } });
    expect(await call("drop_sync('clicks')")).toEqual([
      { dataset: "clicks", table_name: "clicks", state: "kept", hint: null },
    ]);
  });

  test.each(["false", "true"])(
    "with drop_tables %s leaves the definition in the journal",
    async (dropTables) => {
      const definition = { ...POLLED, body: { q: null } };
      await source(definition);
      await call(`drop_sync('events', drop_tables => ${dropTables})`);
      const { rows } = await db.query("select details from ampsync.events where event = 'sync_dropped'");
      expect(rows).toEqual([{ details: { tables: dropTables === "true" ? "dropped" : "kept", definition } }]);
    },
  );

  test("drops what its pages were staged in, also while records wait there", async () => {
    const staged = await SqlSource.prepare(db);
    await staged.page(records(1, 5));
    await staged.beginApply();
    await call("drop_sync('events')");
    const { rows } = await db.query(
      "select from pg_class where relnamespace = 'ampsync_private'::regnamespace and relname like 'page\\_%'",
    );
    expect(rows).toEqual([]);
  });
});

describe("what is for Amp datasets alone refuses a source, with a statement that works:", () => {
  test.each([
    ["cut('events')"],
    ["wait_for_block('events', 5)"],
    ["verify('events')"],
    ["repair('events')"],
    ["repair('events', 'events', 0, 5)"],
    ["cancel_repair('events')"],
    ["cancel_resync('events')"],
    ["alter_sync('events', block_index => 'none')"],
    ["set_source('events', flight_addr => 'https://amp.example:1602')"],
    ["adopt('events')"],
    ["rollback_version('events')"],
    ["explain_sync('events')"],
  ])("%s", async (statement) => {
    await source();
    const error = await refusal(db, `select * from ampsync.${statement}`);
    expect(error).toMatchObject({
      code: "SY004",
      message: `ampsync.${statement.split("(")[0]} is for Amp datasets, and events is an HTTP source`,
    });
    expect(error.detail).toMatch(/./);
    await db.query(error.hint!);
  });

  test.each(["events", "events@1.0.0", "events@dev"])("enqueue_sync('%s')", async (reference) => {
    await source();
    const error = await refusal(db, `select ampsync.enqueue_sync('${reference}')`);
    expect(error).toMatchObject({ code: "SY003", message: "events is synced as an HTTP source" });
    expect((await db.query(error.hint!)).rows).toHaveLength(1);
  });
});
