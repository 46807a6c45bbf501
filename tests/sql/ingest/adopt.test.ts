import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { records, SqlSource } from "../../support/http/sql-source.ts";
import { EVENTS, enqueueHttp } from "../../support/postgres/http-source.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const SOURCE = {
  ...EVENTS,
  adopt: true,
  columns: { id: "text", at: "timestamptz", data: { from: "", type: "jsonb" } },
};
const TABLE =
  "id text primary key, at timestamptz, data jsonb, ingested_at timestamptz not null default now()";

const adopt = (source: object = SOURCE) => enqueueHttp(db, { source });

describe("a table that is there is taken where the definition says so:", () => {
  test.each([
    ["with a primary key", `create table events (${TABLE})`],
    ["with a unique constraint", "create table events (id text not null unique, at timestamptz, data jsonb)"],
    [
      "with a unique index, and columns of the user",
      `create table events (id text not null, at timestamptz, data jsonb, mine int, n int generated always as identity, m int not null default 5);
       create unique index on events (id) include (at)`,
    ],
    [
      "with its columns in another order",
      "create table events (data jsonb, x int, at timestamptz, id text primary key)",
    ],
    [
      "a partition",
      "create table all_events (id text primary key, at timestamptz, data jsonb) partition by list (id); create table events partition of all_events default",
    ],
  ])("%s", async (_, ddl) => {
    await db.query(ddl.replaceAll(/(?<=table |on |of )(all_)?events/g, "public.$&"));
    expect(await adopt()).toMatchObject({ state: "waiting" });
  });

  test("a key of two columns may be in any order", async () => {
    await db.query(
      "create table public.events (b int, a text, at timestamptz, data jsonb, primary key (b, a))",
    );
    const columns = { a: "text", b: "integer" };
    expect(await adopt({ ...SOURCE, key: ["a", "b"], columns })).toMatchObject({ state: "waiting" });
  });

  test("records that are their own key need a column for it", async () => {
    const source = { ...SOURCE, key: "content", columns: { at: "timestamptz" } };
    await db.query("create table public.events (at timestamptz)");
    const error = await refusal(db, () => adopt(source));
    expect(error.detail).toBe(
      "Nothing was changed: column _id of type bytea is missing; no unique constraint is on exactly (_id), neither " +
        "deferrable nor partial.",
    );
    await db.query(
      "drop table public.events; create table public.events (_id bytea primary key, at timestamptz)",
    );
    expect(await adopt(source)).toMatchObject({ state: "waiting" });
  });

  test("without a key it needs none", async () => {
    const { key: _, ...source } = SOURCE;
    await db.query("create table public.events (id text, at timestamptz, data jsonb)");
    expect(await adopt(source)).toMatchObject({ state: "waiting" });
  });

  test("and made where it is not there", async () => {
    expect(await adopt()).toMatchObject({ state: "waiting" });
  });
});

describe("a table that does not fit is refused with all that is missing, and a statement that mends it:", () => {
  test.each([
    [
      "lacks a column",
      "id text primary key, data jsonb",
      "column at of type timestamp with time zone is missing",
    ],
    [
      "has another type",
      TABLE.replace("at timestamptz", "at timestamp"),
      "column at is of type timestamp without time zone",
    ],
    [
      "has a type that cuts",
      TABLE.replace("at timestamptz", "at timestamptz(0)"),
      "column at is of type timestamp(0)",
    ],
    [
      "has a generated column",
      `${TABLE.replace("at timestamptz", "at timestamptz generated always as ('2024-01-01 00:00+00'::timestamptz) stored")}`,
      "column at is generated",
    ],
    [
      "has no unique constraint",
      "id text not null, at timestamptz, data jsonb",
      "no unique constraint is on exactly (id)",
    ],
    [
      "is unique on more",
      "id text not null, at timestamptz, data jsonb, unique (id, at)",
      "no unique constraint",
    ],
    [
      "has a deferrable one",
      "id text primary key deferrable, at timestamptz, data jsonb",
      "neither deferrable nor partial",
    ],
    ["has a nullable key", "id text unique, at timestamptz, data jsonb", "column id of the key may be NULL"],
    [
      "wants another value",
      `${TABLE}, mine int not null`,
      "column mine is NOT NULL, is not mapped, and has no default",
    ],
    [
      "wants several things",
      "id text, at timestamptz, mine int not null",
      "column data of type jsonb is missing; column id",
    ],
  ])("one that %s", async (_, columns, fault) => {
    await db.query(`create table public.events (${columns})`);
    const error = await refusal(db, () => adopt());
    expect(error).toMatchObject({
      code: "SY201",
      message: "table public.events cannot be the target of events",
    });
    expect(error.detail).toContain(`Nothing was changed: `);
    expect(error.detail).toContain(fault);
    expect((await db.query("select from ampsync_private.dataset")).rows).toEqual([]);
    await db.query(error.hint!);
    expect(await adopt()).toMatchObject({ state: "waiting" });
  });

  test("one with a partial index", async () => {
    await db.query(
      "create table public.events (id text not null, at timestamptz, data jsonb); create unique index on public.events (id) where at is null",
    );
    const error = await refusal(db, () => adopt());
    expect(error.detail).toContain("no unique constraint is on exactly (id), neither deferrable nor partial");
    await db.query(error.hint!);
  });

  test("one that a crash empties", async () => {
    await db.query(`create unlogged table public.events (${TABLE})`);
    const error = await refusal(db, () => adopt());
    expect(error).toMatchObject({
      code: "SY201",
      detail: "Nothing was changed: it is not kept through a crash.",
    });
    await db.query(error.hint!);
  });

  test.each([
    ["partitioned", `create table public.events (${TABLE}) partition by list (id)`, "it is partitioned"],
    [
      "a view",
      "create view public.events as select 'a' as id, now() as at, '{}'::jsonb as data",
      "it is not a table",
    ],
    [
      "a foreign table",
      "create foreign data wrapper w; create server s foreign data wrapper w; create foreign table public.events (id text, at timestamptz, data jsonb) server s",
      "it is a foreign table",
    ],
  ])("one that is %s, for which another target is named", async (_, ddl, fault) => {
    await db.query(ddl);
    const error = await refusal(db, () => adopt());
    expect(error).toMatchObject({ code: "SY201", detail: expect.stringContaining(fault) });
    await db.query(error.hint!);
    expect((await db.query("select target from ampsync.streams")).rows).toEqual([
      { target: "public.events_1" },
    ]);
  });
});

describe("a caller who is not the owner of ampsync", () => {
  beforeEach(() =>
    db.query(`create role loads; create role owns; grant usage on schema ampsync to loads;
              grant execute on all functions in schema ampsync to loads; create schema theirs authorization owns;
              set role owns; create table theirs.events (${TABLE}); reset role; grant usage on schema theirs to loads`),
  );
  afterEach(() => db.query("reset role"));
  const take = () => enqueueHttp(db, { source: SOURCE, more: "target => 'theirs.events'" });

  test("may not take a table of somebody else, even if he may make tables beside it", async () => {
    await db.query("grant create on schema theirs to loads; set role loads");
    const error = await refusal(db, take);
    expect(error).toMatchObject({
      code: "42501",
      message: "role loads may not give away table theirs.events",
    });
    await db.query("reset role");
    await db.query(error.hint!);
    await db.query("set role loads");
    expect(await take()).toMatchObject({ state: "waiting" });
  });

  test("may begin a source only where he may make tables", async () => {
    await db.query("set role loads");
    const make = () => enqueueHttp(db, { more: "target => 'theirs.more'" });
    const error = await refusal(db, make);
    expect(error).toMatchObject({
      code: "42501",
      message: "role loads may not create tables in schema theirs",
    });
    await db.query("reset role");
    await db.query(error.hint!);
    await db.query("set role loads");
    expect(await make()).toMatchObject({ state: "waiting" });
  });

  test("changes a source that is there without that right", async () => {
    await enqueueHttp(db, { more: "target => 'theirs.more'" });
    await db.query("set role loads");
    expect(await enqueueHttp(db, { source: { timeout: 20 } })).toMatchObject({ state: "waiting" });
  });
});

describe("the table that was taken", () => {
  const SQL = { ...SOURCE, url: "https://api.example.com/events" };
  const create = (name = "events") => db.query(`create table public.${name} (${TABLE})`);
  const taken = async () => {
    const { rows } = await db.query("select target::regclass::text as target from ampsync_private.stream");
    return rows[0]!["target"];
  };

  test("is known from the call on, so that another one that gets its name before the first pass is refused", async () => {
    await create();
    const source = await SqlSource.define(db, { source: SQL });
    await db.query("alter table public.events rename to mine");
    await create();
    const error = await refusal(db, () => source.acquire());
    expect(error).toMatchObject({
      code: "SY201",
      message: "public.events is another table now; the synced one is public.mine",
    });
    await db.query(error.hint!);
    await source.acquire();
    await source.begin();
    expect(await taken()).toBe("events");
    expect((await db.query("select from pg_tables where schemaname = 'public'")).rowCount).toBe(2);
  });

  test("is refused where it was dropped and made again, until somebody says so", async () => {
    await create();
    const source = await SqlSource.define(db, { source: SQL });
    await db.query("drop table public.events");
    await create();
    expect(await refusal(db, () => source.acquire())).toMatchObject({
      code: "SY201",
      message: "table public.events is gone",
    });
    await db.query("select ampsync.enqueue_http('events', restart => true)");
    await source.acquire();
    await source.begin();
    await source.page(records(1, 2));
    expect(await source.rows("id")).toHaveLength(2);
  });

  test("is followed where it was renamed", async () => {
    await create();
    const source = await SqlSource.define(db, { source: SQL });
    await db.query("alter table public.events rename to mine");
    await source.acquire();
    await source.begin();
    expect(await taken()).toBe("mine");
  });

  test("is none that comes after the call, but by another one, with the rights of its owner", async () => {
    const source = await SqlSource.define(db, { source: SQL });
    await create();
    await source.acquire();
    const error = await refusal(db, () => source.begin());
    expect(error).toMatchObject({
      code: "SY003",
      message: "table public.events has come after events was enqueued",
    });
    await source.fail(error);
    await db.query("alter table public.events drop column at");
    expect(await refusal(db, error.hint!)).toMatchObject({ code: "SY201" });
    await db.query("alter table public.events add column at timestamptz");
    await db.query(error.hint!);
    expect(await taken()).toBe("events");
    expect(await source.stream()).toMatchObject({ state: "retrying" }); // And not failed.
    await source.acquire();
    await source.begin();
    expect(await source.events("source_changed")).toEqual([]);
    await source.page(records(1, 2));
    expect(await source.rows("id")).toHaveLength(2);
  });

  test("keeps its key and its columns also before the first pass", async () => {
    await create();
    await adopt();
    expect(await refusal(db, () => adopt({ key: ["at"] }))).toMatchObject({ code: "SY004" });
  });
});
