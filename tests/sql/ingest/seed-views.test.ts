import { describe, expect, test } from "vitest";

import { planUninstall } from "../../../src/install/uninstall-plan.ts";
import { record, records, SqlSource } from "../../support/http/sql-source.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

/** The source of `ampsync ingest`. */
const SEED = {
  columns: {
    id: "text",
    event_type: { from: "/type" },
    timestamp: "timestamptz",
    data: { from: "", type: "jsonb", not_null: true },
  },
};

async function seeded(): Promise<SqlSource> {
  const source = await SqlSource.prepare(db, { source: SEED });
  await db.query("select ampsync.create_seed_views('events')");
  return source;
}

async function columnsOf(view: string): Promise<string[]> {
  const { rows } = await db.query(
    `select a.attname || ' ' || format_type(a.atttypid, a.atttypmod) as text
       from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 order by a.attnum`,
    [view],
  );
  return rows.map((row) => row["text"]);
}

describe("the views beside the table", () => {
  test("have the columns that programs know", async () => {
    await seeded();
    expect(await columnsOf("public.cursor_state")).toEqual([
      "id integer",
      "cursor_value text",
      "events_ingested bigint",
      "updated_at timestamp with time zone",
    ]);
    expect(await columnsOf("public.staging_events")).toEqual([
      "id text",
      "event_type text",
      "timestamp timestamp with time zone",
      "data jsonb",
    ]);
  });

  test("show the position of each part, and never a null one", async () => {
    const source = await seeded();
    const shown = async () =>
      (await db.query("select id, cursor_value, events_ingested::int as n from public.cursor_state")).rows;
    expect(await shown()).toEqual([{ id: 1, cursor_value: "", n: 0 }]);
    await source.page(records(1, 3), { next: { token: "abc" } });
    expect(await shown()).toEqual([{ id: 1, cursor_value: "abc", n: 3 }]);
    await source.page(records(4, 4), { next: { offset: 4 } });
    expect(await shown()).toEqual([{ id: 1, cursor_value: '{"offset": 4}', n: 4 }]);
  });

  test("show what is staged, and read a fresh staging table too", async () => {
    const source = await seeded();
    await source.stage([record("a", { type: "click", timestamp: 1705314600123 })]);
    const staged = async () =>
      (await db.query("select id, event_type, timestamp from public.staging_events")).rows;
    expect(await staged()).toEqual([{ id: "a", event_type: "click", timestamp: new Date(1705314600123) }]);
    await db.query("select ampsync_private.create_staging($1)", [source.id]);
    expect(await staged()).toEqual([]);
    await source.begin();
    await source.stage([record("b")]);
    expect(await staged()).toMatchObject([{ id: "b" }]);
  });

  test("are read by who may read our views, and by nobody else what lies behind them", async () => {
    const source = await seeded();
    await source.stage([record("a", { type: "click", timestamp: 1705314600123 })]);
    await db.query("set local role ampsync_reader");
    expect((await db.query("select * from public.staging_events")).rows).toEqual([
      {
        id: "a",
        event_type: "click",
        timestamp: new Date(1705314600123),
        data: { id: "a", type: "click", timestamp: 1705314600123 },
      },
    ]);
    expect((await db.query("select * from public.cursor_state")).rowCount).toBe(1);
    expect(await refusal(db, `select * from ${source.staging}`)).toMatchObject({ code: "42501" });
    await db.query("reset role");
  });

  test("have every value as the table will have it", async () => {
    const columns = {
      id: "text",
      n: "bigint",
      x: "numeric",
      f: "double precision",
      b: { type: "bytea", unit: "hex" },
      u: "uuid",
      d: "date",
      ok: "boolean",
      missing: "jsonb",
    };
    const source = await SqlSource.prepare(db, { source: { columns } });
    await db.query("select ampsync.create_seed_views('events')");
    const text = `{"id":"a","n":9007199254740993,"x":1.10,"f":0.1,"b":"00ff","u":"7d444840-9dc0-11d1-b245-5ffdce74fad2","d":"2024-01-02T03:04:05Z","ok":true}`;
    const names = Object.keys(columns).join(", ");
    await source.stage([text]);
    const staged = await db.query(`select ${names} from public.staging_events`);
    await db.query(`delete from ${source.staging}`);
    await source.page([text]);
    expect(await source.rows(names)).toEqual(staged.rows);
  });

  test("are made again by another call, and never in the place of something else", async () => {
    await seeded();
    const { rows } = await db.query("select ampsync.create_seed_views('events') as view");
    expect(rows).toEqual([{ view: "public.cursor_state" }, { view: "public.staging_events" }]);
    await db.query("drop view public.cursor_state; create table public.cursor_state (id integer)");
    expect(await refusal(db, "select ampsync.create_seed_views('events')")).toMatchObject({
      code: "SY003",
      hint: "alter table public.cursor_state rename to cursor_state_1;",
    });
  });

  test("are never made in the place of those of another source, which can be renamed", async () => {
    await seeded();
    await SqlSource.prepare(db, { name: "clicks", source: SEED });
    const error = await refusal(db, "select ampsync.create_seed_views('clicks')");
    expect(error).toMatchObject({
      code: "SY003",
      message: "public.cursor_state exists and was not made for clicks",
      detail: "Nothing was changed. Its comment: Made by ampsync.create_seed_views for events.",
    });
    expect((await db.query("select from public.staging_events")).rowCount).toBe(0);
    await db.query(error.hint!);
    const { rows } = await db.query("select ampsync.create_seed_views('clicks') as view");
    expect(rows).toEqual([{ view: "public.cursor_state" }, { view: "public.staging_clicks" }]);
    expect((await db.query("select from public.cursor_state_1")).rowCount).toBe(1);
  });

  test("are not made in the place of a view without a comment", async () => {
    await SqlSource.prepare(db, { source: SEED });
    await db.query("create view public.staging_events as select 1 as id");
    expect(await refusal(db, "select ampsync.create_seed_views('events')")).toMatchObject({
      code: "SY003",
      detail: "Nothing was changed.",
      hint: "alter table public.staging_events rename to staging_events_1;",
    });
  });

  test("are those of an HTTP source alone", async () => {
    expect(await refusal(db, "select ampsync.create_seed_views('nothing')")).toMatchObject({ code: "SY003" });
  });

  test("go when ampsync is uninstalled", async () => {
    await using own = await createDatabase();
    await SqlSource.prepare(own, { source: SEED });
    await own.query("select ampsync.create_seed_views('events')");
    const plan = await planUninstall(await own.client());
    expect(plan?.views).toEqual(expect.arrayContaining(["cursor_state", "staging_events"]));
  });
});
