import { describe, expect, test } from "vitest";

import { EVENTS, enqueueHttp, httpSource } from "../../support/postgres/http-source.ts";
import { journaled } from "../../support/postgres/journal.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, waitingJobs } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function stored() {
  const { rows } = await db.query(
    `select d.label, d.kind, d.definition, d.state as dataset_state, d.value_policy, d.nul_policy, d.changed_at,
            s.table_name, format('%I.%I', s.target_schema, s.target_table) as target, s.state, s.run_due, s.next_retry
       from ampsync_private.dataset d join ampsync_private.stream s using (dataset_id) order by d.dataset_id`,
  );
  return rows;
}

/** As if a first page had been committed. */
async function readOnePage(id: string, { done = false, position = '{"token": "a"}' } = {}): Promise<void> {
  await db.query(
    "insert into ampsync_private.part (stream_id, part_no, position, pages, records, done) values ($1, 0, $2, 1, 5, $3)",
    [id, position, done],
  );
}

/** As a first pass makes it. */
async function makeTable(id: string, ddl = "create table public.events (id text primary key, data jsonb)") {
  await db.query(ddl);
  await db.query(
    "update ampsync_private.stream set target = 'public.events', columns = '[]', has_block_num = false where stream_id = $1",
    [id],
  );
}

async function clearJobs(): Promise<void> {
  await db.query("select graphile_worker.remove_job(key) from graphile_worker.jobs where key is not null");
}

const jobsOf = (id: string) => waitingJobs(db, `ampsync_stream:${id}`);

describe("a new source", () => {
  test("is stored as it was given, with one stream that waits, and a job of its task", async () => {
    const { id } = await httpSource(db);
    expect(await stored()).toMatchObject([
      {
        label: "events",
        kind: "http",
        definition: EVENTS,
        dataset_state: "active",
        value_policy: "fail",
        nul_policy: "replace",
        changed_at: null,
        table_name: "events",
        target: "public.events",
        state: "waiting",
      },
    ]);
    expect(await jobsOf(id)).toHaveLength(1);
    const { rows } = await db.query(
      "select task, dataset, table_name from ampsync.jobs where dataset is not null",
    );
    expect(rows).toEqual([{ task: "ampsync_ingest", dataset: "events", table_name: "events" }]);
    expect(await waitingJobs(db, "ampsync_supervise")).toHaveLength(1);
  });

  test("answers with its table, state and what shows it", async () => {
    expect(await enqueueHttp(db)).toEqual({
      dataset: "events",
      table_name: "events",
      state: "waiting",
      hint: "select * from ampsync.streams;",
    });
  });

  test.each([
    ["events", undefined, "public.events"],
    ["shop/orders", undefined, "shop.orders"],
    ["events", "target => 'public.ingested_events'", "public.ingested_events"],
    ["events", `target => '"My Schema"."Order"'`, '"My Schema"."Order"'],
    ["events", "target => 'Sales.Orders'", "sales.orders"],
  ])("%s with %s has the table %s", async (dataset, more, target) => {
    await enqueueHttp(db, more === undefined ? { dataset } : { dataset, more });
    expect(await stored()).toMatchObject([{ label: dataset, target }]);
  });

  test("keeps its policies", async () => {
    await enqueueHttp(db, { more: "value_policy => 'quarantine', nul_policy => 'strip'" });
    expect(await stored()).toMatchObject([{ value_policy: "quarantine", nul_policy: "strip" }]);
  });

  test("is polled, resolved, reloaded and upgraded by no job", async () => {
    await httpSource(db);
    await db.query("select ampsync.resume_sync('events')");
    await clearJobs();
    await db.query("select ampsync_worker.supervise()");
    const { rows } = await db.query("select distinct task from ampsync.jobs where dataset is not null");
    expect(rows).toEqual([{ task: "ampsync_ingest" }]);
  });
});

describe("refused, with a statement that works, and nothing stored:", () => {
  const source = `source => '${JSON.stringify(EVENTS)}'`;
  test.each([
    ["no definition", "'events'", "SY004", "source of events: /url is missing"],
    ["a definition that is none", "'events', source => '[1]'", "SY004", "it is not a JSON object"],
    [
      "a wrong key",
      `'events', source => '{"url": "https://a.b", "pages": {"type": "none"}, "timeout": 0}'`,
      "SY004",
      "/timeout",
    ],
    ["no name", `'My Events', ${source}`, "SY004", "is not a dataset reference"],
    ["a version", `'events@1.0.0', ${source}`, "SY004", "names a version"],
    [
      "a policy",
      `'events', ${source}, value_policy => 'drop'`,
      "SY004",
      "value_policy => 'drop' is not a policy",
    ],
    [
      "a policy of NUL",
      `'events', ${source}, nul_policy => 'keep'`,
      "SY004",
      "nul_policy => 'keep' is not a policy",
    ],
    [
      "a target without a schema",
      `'events', ${source}, target => 'events'`,
      "SY004",
      "'events' cannot be the target",
    ],
    [
      "a target of three names",
      `'events', ${source}, target => 'a.b.c'`,
      "SY004",
      "'a.b.c' cannot be the target",
    ],
    [
      "a target that is no name",
      `'events', ${source}, target => 'a.b c'`,
      "SY004",
      "'a.b c' cannot be the target",
    ],
    [
      "a target with a long name",
      `'events', ${source}, target => 'a.${"n".repeat(64)}'`,
      "SY004",
      "cannot be the target",
    ],
    [
      "the view of checkpoints",
      `'events', ${source}, target => 'a._ampsync_checkpoints'`,
      "SY004",
      "cannot be the target",
    ],
    [
      "a schema of PostgreSQL",
      `'events', ${source}, target => 'pg_catalog.events'`,
      "SY004",
      "cannot be the target",
    ],
    [
      "a schema of ours",
      `'events', ${source}, target => 'ampsync_private.events'`,
      "SY004",
      "cannot be the target",
    ],
    [
      "the queue's schema",
      `'events', ${source}, target => 'graphile_worker.events'`,
      "SY004",
      "cannot be the target",
    ],
    [
      "a namespace that is a schema of ours",
      `'ampsync/events', ${source}`,
      "SY004",
      "'ampsync.events' cannot be the target",
    ],
  ])("%s", async (_, args, code, message) => {
    const error = await refusal(db, `select ampsync.enqueue_http(${args})`);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(error.detail).toMatch(/./);
    expect(await stored()).toEqual([]);
    await db.query(error.hint!);
  });

  test.each(["events", "events@1.0.0"])("the name of the Amp dataset %s", async (dataset) => {
    await db.query("select ampsync.enqueue_sync($1)", [dataset]);
    const error = await refusal(db, () => enqueueHttp(db));
    expect(error).toMatchObject({ code: "SY003", message: `${dataset} is synced as an Amp dataset` });
    await db.query(error.hint!);
    expect(await stored()).toMatchObject([{ label: "events_http" }]);
  });

  test("a table that is there, which is made room for", async () => {
    await db.query("create table public.events (id text primary key, data jsonb)");
    const error = await refusal(db, () => enqueueHttp(db));
    expect(error).toMatchObject({
      code: "SY003",
      message: "Target table public.events exists and was not created by ampsync",
    });
    await db.query(error.hint!);
    expect(await enqueueHttp(db)).toMatchObject({ state: "waiting" });
  });

  test("the table of another source, or of an Amp dataset", async () => {
    await enqueueHttp(db);
    const error = await refusal(db, () =>
      enqueueHttp(db, { dataset: "more", more: "target => 'public.events'" }),
    );
    expect(error).toMatchObject({
      code: "SY003",
      message: "Target table public.events is already fed by events.events",
    });
    await db.query(error.hint!);
    expect(await stored()).toMatchObject([{}, { label: "more", target: "public.events_1" }]);

    await registerDataset(db, "chain", ["blocks"]);
    expect(
      await refusal(db, () => enqueueHttp(db, { dataset: "third", more: "target => 'chain.blocks'" })),
    ).toMatchObject({ code: "SY003", message: "Target table chain.blocks is already fed by chain.blocks" });
  });

  test("other numbers for a bucket than another source has", async () => {
    const limited = (requests: number) => ({ ...EVENTS, rate_limit: { requests, per: "1 minute" } });
    await enqueueHttp(db, { source: limited(100) });
    await enqueueHttp(db, { dataset: "same", source: limited(100) });
    const error = await refusal(db, () => enqueueHttp(db, { dataset: "more", source: limited(50) }));
    expect(error).toMatchObject({
      code: "SY004",
      message: "source of more: /rate_limit has other numbers for bucket api.example.com than events",
    });
    await db.query(error.hint!);
    expect(await stored()).toMatchObject([
      {},
      {},
      { definition: { rate_limit: { bucket: "api.example.com" } } },
    ]);
    await enqueueHttp(db, {
      dataset: "apart",
      source: { ...limited(50), rate_limit: { ...limited(50).rate_limit, bucket: "apart" } },
    });
  });
});

test("a call that is rolled back leaves nothing behind", async () => {
  await db.query("savepoint before_call");
  const { id } = await httpSource(db);
  await db.query("rollback to before_call");
  expect(await stored()).toEqual([]);
  expect(await jobsOf(id)).toEqual([]);
});

test("the same call again changes nothing, and journals nothing", async () => {
  const { id } = await httpSource(db);
  const before = await stored();
  await clearJobs();
  const answer = await enqueueHttp(db, { more: "target => 'public.events', value_policy => 'fail'" });
  expect(answer).toMatchObject({ dataset: "events", state: "waiting" });
  await enqueueHttp(db, { source: {} });
  await db.query("select ampsync.enqueue_http('events')");
  expect(await stored()).toEqual(before);
  expect(await jobsOf(id)).toEqual([]);
  expect(await journaled(db, "source_changed")).toEqual([]);
});

describe("another definition", () => {
  test("is merged key by key, and null removes a key", async () => {
    const { id } = await httpSource(db, {
      source: { ...EVENTS, query: { limit: 5, sort: "id" }, timeout: 20 },
    });
    await readOnePage(id);
    await clearJobs();
    await enqueueHttp(db, { source: { query: { limit: 10 }, timeout: null, total: "/total" } });
    expect(await stored()).toMatchObject([
      { definition: { ...EVENTS, query: { limit: 10 }, total: "/total" }, changed_at: expect.any(Date) },
    ]);
    expect((await stored())[0]!["definition"]).not.toHaveProperty("timeout");
    expect(await jobsOf(id)).toHaveLength(1);
    expect(await journaled(db, "source_changed")).toMatchObject([
      {
        details: {
          changed: ["query", "timeout", "total"],
          from: { query: '{"sort": "id", "limit": 5}', timeout: "20" },
          to: { query: '{"limit": 10}', total: '"/total"' },
        },
      },
    ]);
    const { rows } = await db.query(
      "select count(*)::int as n from ampsync_private.part where stream_id = $1",
      [id],
    );
    expect(rows).toEqual([{ n: 1 }]);
  });

  test("that is wrong as a whole is refused, and the old one stays", async () => {
    await httpSource(db, { source: { ...EVENTS, columns: { id: "text", at: "timestamptz" } } });
    const error = await refusal(db, () => enqueueHttp(db, { source: { every: "5 s" } }));
    expect(error).toMatchObject({ code: "SY004", message: "source of events: /on_conflict is missing" });
    expect((await stored())[0]!["definition"]).not.toHaveProperty("every");
    await db.query(error.hint!);
    expect(await stored()).toMatchObject([{ definition: { every: "5 s", on_conflict: "replace" } }]);
  });

  test("of a policy alone is one as well", async () => {
    await httpSource(db);
    await db.query("select ampsync.enqueue_http('events', value_policy => 'null')");
    expect(await stored()).toMatchObject([
      { value_policy: "null", nul_policy: "replace", changed_at: expect.any(Date) },
    ]);
    expect(await journaled(db, "source_changed")).toMatchObject([
      {
        details: {
          changed: ["value_policy"],
          from: { value_policy: '"fail"' },
          to: { value_policy: '"null"' },
        },
      },
    ]);
  });

  test("ends the pass under way with the next heartbeat", async () => {
    const stream = await httpSource(db);
    await makeTable(stream.id);
    await stream.acquire();
    const beat = async () => {
      const { rows } = await db.query("select verdict from ampsync_worker.renew_leases('worker-1', $1)", [
        JSON.stringify([{ stream_id: stream.id, epoch: stream.epoch }]),
      ]);
      return rows[0]!["verdict"];
    };
    await clearJobs();
    expect(await beat()).toBe("keep");
    await enqueueHttp(db, { source: { timeout: 20 } });
    await clearJobs();
    expect(await beat()).toBe("yield");
    await stream.endPass("yielded");
    await stream.acquire();
    await clearJobs();
    expect(await beat()).toBe("keep");
  });

  test("tries at once what waits to be tried again", async () => {
    const stream = await httpSource(db);
    await stream.acquire();
    await stream.endPass("ended", "SY303");
    expect(await stored()).toMatchObject([{ state: "retrying", next_retry: expect.any(Date) }]);
    await enqueueHttp(db, { source: { error: "/failure" } });
    expect(await stored()).toMatchObject([{ state: "retrying", next_retry: null }]);
  });

  test("of a failed source waits for resume_sync, as the hint says", async () => {
    const stream = await httpSource(db);
    await readOnePage(stream.id);
    await stream.acquire();
    await stream.endPass("failed", "SY004");
    const { hint, state } = await enqueueHttp(db, { source: { timeout: 20 } });
    expect(state).toBe("failed");
    expect(hint).toBe("select * from ampsync.resume_sync('events');");
    await db.query(hint);
    expect(await stored()).toMatchObject([{ state: "retrying" }]);
  });
});

describe("what makes the stored position meaningless", () => {
  const range = { field: "/at", since: "since", format: "iso", lookback: "1 h" };
  const read = { ...EVENTS, range };
  const changes: [string, object][] = [
    ["url", { url: "https://api.example.com/v2/events" }],
    ["pages", { pages: { ...EVENTS.pages, param: "after" } }],
    ["records", { records: "/items" }],
    ["range", { range: { ...range, since: "from" } }],
    ["range", { range: null }],
  ];

  test.each(changes)("%s is refused once a page is read, and taken with restart", async (key, change) => {
    const { id } = await httpSource(db, { source: read });
    await readOnePage(id);
    const before = await stored();
    const error = await refusal(db, () => enqueueHttp(db, { source: change }));
    expect(error).toMatchObject({
      code: "SY004",
      message: `source of events: /${key} is changed, and the stored position means nothing with it`,
    });
    expect(await stored()).toEqual(before);
    await db.query(error.hint!);
    const { rows } = await db.query("select from ampsync_private.part");
    expect(rows).toEqual([]);
    expect(await journaled(db, "source_changed")).toMatchObject([
      { details: { changed: [key], restarted: true } },
    ]);
    expect(await jobsOf(id)).toHaveLength(1);
  });

  test.each(changes)("%s can be changed as long as nothing is read", async (_, change) => {
    const { id } = await httpSource(db, { source: read });
    await db.query("insert into ampsync_private.part (stream_id, part_no) values ($1, 0)", [id]);
    await enqueueHttp(db, { source: change });
    const { rows } = await db.query("select from ampsync_private.part");
    expect(rows).toEqual([]);
  });

  test.each<[string, object]>([
    ["lookback", { range: { ...range, lookback: "2 h" } }],
    ["lag", { range: { ...range, lag: "1 min" } }],
    ["a default that is written out", { pages: { ...EVENTS.pages, in: "query" } }],
    ["query", { query: { limit: 5 } }],
    ["auth", { auth: { header: "X-API-Key", secret: "API_KEY" } }],
  ])("is not: %s", async (_, change) => {
    const { id } = await httpSource(db, { source: read });
    await readOnePage(id);
    await enqueueHttp(db, { source: change });
    const { rows } = await db.query("select position from ampsync_private.part");
    expect(rows).toEqual([{ position: { token: "a" } }]);
  });

  test("takes the lease from the pass under way, so that no page from before is committed", async () => {
    const stream = await httpSource(db);
    await stream.acquire();
    await readOnePage(stream.id);
    await enqueueHttp(db, { source: { records: "/items" }, more: "restart => true" });
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY001" });
    expect(await stored()).toMatchObject([{ state: "waiting" }]);
  });

  test("sends a source that failed on its first page on at once", async () => {
    const stream = await httpSource(db);
    await stream.acquire();
    await stream.endPass("failed", "SY004");
    await enqueueHttp(db, { source: { url: "https://api.example.com/v2/events" } });
    expect(await stored()).toMatchObject([{ state: "retrying" }]);
  });
});

describe("restart", () => {
  test("of a source without a key is refused, since its records would be stored twice", async () => {
    const { key: _, ...keyless } = EVENTS;
    const { id } = await httpSource(db, { source: keyless });
    await enqueueHttp(db, { source: {}, more: "restart => true" });
    await makeTable(
      id,
      "create table public.events (_row bigint generated always as identity primary key, data jsonb)",
    );
    await readOnePage(id);
    const error = await refusal(db, () => enqueueHttp(db, { source: {}, more: "restart => true" }));
    expect(error).toMatchObject({
      code: "SY004",
      message: "events has no key, so it cannot be read again from the beginning",
    });
    const changed = await refusal(db, () => enqueueHttp(db, { source: { records: "/items" } }));
    expect(changed).toMatchObject({ code: "SY004", message: expect.stringContaining("/records is changed") });
    expect(changed.hint).toBe(error.hint!.replace('"/data"', '"/items"'));
  });

  test("of a source that is complete queues a run from the beginning", async () => {
    const { id } = await httpSource(db);
    await readOnePage(id, { done: true });
    await db.query("update ampsync_private.stream set state = 'complete' where stream_id = $1", [id]);
    await clearJobs();
    expect(await enqueueHttp(db, { more: "restart => true" })).toMatchObject({ state: "retrying" });
    expect(await jobsOf(id)).toHaveLength(1);
    expect(await stored()).toMatchObject([{ run_due: null }]);
  });

  test("of a paused source leaves it paused, and the hint says how it goes on", async () => {
    const { id } = await httpSource(db);
    await readOnePage(id);
    await db.query("select ampsync.pause_sync('events')");
    await clearJobs();
    expect(await enqueueHttp(db, { more: "restart => true" })).toMatchObject({
      state: "paused",
      hint: "select * from ampsync.resume_sync('events');",
    });
    expect(await jobsOf(id)).toEqual([]);
  });
});

describe("of a source that is complete", () => {
  async function complete() {
    const stream = await httpSource(db);
    await readOnePage(stream.id, { done: true });
    await db.query("update ampsync_private.stream set state = 'complete' where stream_id = $1", [stream.id]);
    await clearJobs();
    return stream;
  }

  test("a new every queues a run", async () => {
    const { id } = await complete();
    const answer = await enqueueHttp(db, { source: { every: "1 h", on_conflict: "replace" } });
    expect(answer).toMatchObject({ state: "retrying" });
    expect(await stored()).toMatchObject([{ run_due: expect.any(Date) }]);
    expect(await jobsOf(id)).toHaveLength(1);
  });

  test("any other change waits for resume_sync, as the hint says", async () => {
    const { id } = await complete();
    const { state, hint } = await enqueueHttp(db, { source: { timeout: 20 } });
    expect({ state, hint }).toEqual({
      state: "complete",
      hint: "select * from ampsync.resume_sync('events'); -- it is complete: that takes effect with its next run",
    });
    expect(await jobsOf(id)).toEqual([]);
    await db.query(hint);
    expect(await stored()).toMatchObject([{ state: "retrying", run_due: expect.any(Date) }]);
    expect(await jobsOf(id)).toHaveLength(1);
  });
});

describe("once the table is created", () => {
  const columns = { id: "text", at: { type: "timestamptz", unit: "ms" }, note: "text" };
  const source = { ...EVENTS, columns };

  async function created() {
    const stream = await httpSource(db, { source });
    await makeTable(stream.id, "create table public.events (id text primary key, at timestamptz, note text)");
    return stream;
  }

  test.each<[string, object, string]>([
    ["the key", { key: ["id", "note"] }, "/key is fixed once the table is created"],
    ["no key", { key: null }, "/key is fixed once the table is created"],
    [
      "the type of a column",
      { columns: { ...columns, note: "jsonb" } },
      "/columns/note is of type text in the table",
    ],
    [
      "a column that is left out",
      { columns: { id: "text", at: "timestamptz" } },
      "/columns/note is left out",
    ],
    ["columns that are left out", { columns: null }, "/columns/at is left out"],
    [
      "a column that may be NULL",
      { columns: { ...columns, note: { not_null: true } } },
      "/columns/note may be NULL",
    ],
  ])("%s cannot be changed", async (_, change, message) => {
    await created();
    const before = await stored();
    const error = await refusal(db, () => enqueueHttp(db, { source: change }));
    expect(error).toMatchObject({ code: "SY004", message: expect.stringContaining(message) });
    expect(await stored()).toEqual(before);
    await db.query(error.hint!);
  });

  test("columns can be added, and others can be read from elsewhere", async () => {
    await created();
    const changed = { ...columns, at: { type: "timestamptz", from: "/time" }, extra: "bigint" };
    await enqueueHttp(db, { source: { columns: changed } });
    expect(await stored()).toMatchObject([{ definition: { columns: changed } }]);
  });

  test("a type follows what was altered by hand, and a column that was dropped can be left out", async () => {
    await created();
    await db.query("alter table public.events alter note type jsonb using to_jsonb(note), drop column at");
    await enqueueHttp(db, { source: { columns: { id: "text", note: "jsonb" } } });
    expect(await stored()).toMatchObject([{ definition: { columns: { id: "text", note: "jsonb" } } }]);
  });

  test("the target cannot be another one", async () => {
    await created();
    const error = await refusal(db, () => enqueueHttp(db, { more: "target => 'public.more'" }));
    expect(error).toMatchObject({
      code: "SY004",
      message: "events is read into public.events; its target cannot be changed",
    });
    await db.query(error.hint!);
  });
});

test("before the table is created key and types can be changed, and a pass that would make it otherwise is ended", async () => {
  const stream = await httpSource(db);
  await stream.acquire();
  await enqueueHttp(db, { source: { key: ["a", "b"], columns: { a: "bigint", b: "uuid" } } });
  expect(await stored()).toMatchObject([{ definition: { key: ["a", "b"] } }]);
  expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY001" });
});
