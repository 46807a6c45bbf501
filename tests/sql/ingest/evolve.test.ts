import { describe, expect, test } from "vitest";

import { record, SqlSource } from "../../support/http/sql-source.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

function evolving(more: object = {}, valuePolicy: "fail" | "quarantine" = "fail"): Promise<SqlSource> {
  return SqlSource.prepare(db, {
    source: { schema: "evolve", columns: { id: "text" }, ...more },
    valuePolicy,
  });
}

async function types(): Promise<Record<string, string>> {
  const { rows } = await db.query(
    `select a.attname, format_type(a.atttypid, a.atttypmod) as type from pg_attribute a
      where a.attrelid = 'public.events'::regclass and a.attnum > 0 and a.attname not in ('id', 'ingested_at')`,
  );
  return Object.fromEntries(rows.map((row) => [row["attname"], row["type"]]));
}

describe("a field that is new", () => {
  test("becomes a column in the commit that brings it, by its JSON type", async () => {
    const source = await evolving();
    await source.page([
      record(1, { s: "a", n: 1.5, b: true, o: { x: 1 }, a: [1], mixed: 1, empty: null }),
      record(2, { mixed: "one" }),
    ]);
    expect(await types()).toEqual({
      s: "text",
      n: "numeric",
      b: "boolean",
      o: "jsonb",
      a: "jsonb",
      mixed: "jsonb",
    });
    expect(await source.rows("id, s, n, b, o, a, mixed")).toEqual([
      { id: "1", s: "a", n: "1.5", b: true, o: { x: 1 }, a: [1], mixed: 1 },
      { id: "2", s: null, n: null, b: null, o: null, a: null, mixed: "one" },
    ]);
    expect(await source.events("column_added")).toHaveLength(6);

    await source.page([record(3, { empty: "now", s: "c" })]);
    expect(await types()).toMatchObject({ empty: "text" });
  });

  test("keeps its type, and a value that does not fit later is bad", async () => {
    const source = await evolving({}, "quarantine");
    await source.page([record(1, { n: 1 })]);
    await source.page([record(2, { n: "two" }), record(3, { n: 3 })]);
    expect(await types()).toEqual({ n: "numeric" });
    expect(await source.rows("id")).toEqual([{ id: "1" }, { id: "3" }]);
  });

  test("stays after the next pass has begun, and when it disappears is NULL", async () => {
    const source = await evolving();
    await source.page([record(1, { s: "a" })]);
    await source.begin();
    await source.page([record(2, { s: "b" }), record(3)]);
    expect(await source.rows("id, s")).toEqual([
      { id: "1", s: "a" },
      { id: "2", s: "b" },
      { id: "3", s: null },
    ]);
    expect(await source.events("column_added")).toHaveLength(1);
  });

  test("that cannot be a column stays ignored, and is told", async () => {
    const source = await evolving();
    await db.query("alter table public.events add column mine text");
    const long = "x".repeat(64);
    await source.page([record(1, { xmin: 1, mine: "theirs", [long]: 1, "": 1, 'a "b", c': 2 })]);
    expect(await types()).toEqual({ mine: "text", 'a "b", c': "numeric" });
    expect(await source.rows("mine")).toEqual([{ mine: null }]);
    expect(await source.events("field_ignored")).toEqual([{ fields: ["", "mine", long, "xmin"].sort() }]);
  });

  test("is found beside records that are no JSON", async () => {
    const source = await evolving({}, "quarantine");
    await source.page([record(1, { s: "a" }), '{"id":', record(2, { t: "b" })]);
    expect(await types()).toEqual({ s: "text", t: "text" });
    expect(await source.counts()).toMatchObject({ rows: 2, rejected: 1 });
  });
});

/** So many fields with names of their own. */
function map(length: number, from = 0, before = "key_"): Record<string, number> {
  return Object.fromEntries(Array.from({ length }, (_, n) => [`${before}${from + n}`, 1]));
}

describe("records are inserted once, and not again for a field that cannot be a column:", () => {
  /** How many rows were inserted, also those that were undone. */
  async function counted(source: SqlSource, texts: readonly string[]): Promise<number> {
    await source.page(texts);
    const { rows } = await db.query(
      "select nextval('public.inserted') - 1 as n, setval('public.inserted', 1, false)",
    );
    return Number(rows[0]!["n"]);
  }

  test.each<[string, Record<string, number>]>([
    ["of more than 63 bytes", { ["x".repeat(64)]: 1 }],
    ["of more than 200 characters", { ["x".repeat(300)]: 1 }],
    ["of more than 200", map(210, 0, "x".repeat(64))],
    ["that is a column of the user", { mine: 1 }],
  ])("one %s", async (_, fields) => {
    const source = await evolving();
    await db.query(
      `create sequence public.inserted;
       create function public.count_one() returns trigger language plpgsql as
         $$ begin perform nextval('public.inserted'); return new; end $$;
       create trigger count_one before insert on public.events for each row execute function public.count_one();
       alter table public.events add column mine text`,
    );
    expect(await counted(source, [record(1, fields), record(2)])).toBe(2);
    expect(await counted(source, [record(3, fields), record(4)])).toBe(2);
    expect(await counted(source, [record(5, { ...fields, new: 1 })])).toBe(2); // It becomes a column.
    expect(await source.rows("id, new")).toHaveLength(5);
    expect(await source.events("field_ignored")).toHaveLength(1);
  });
});

test("more than 50 fields at once are an object used as a map", async () => {
  const source = await evolving();
  const error = await refusal(db, () => source.page([record(1, map(51))]));
  expect(error).toMatchObject({ code: "SY201", hint: expect.stringContaining("jsonb") });
  expect(await types()).toEqual({});
  await db.query(error.hint!.slice(error.hint!.indexOf("select ")));
  await source.begin();
  await source.page([record(1, map(51))]);
  expect(await source.rows("id")).toHaveLength(1);
});

test("50 fields at once become columns, up to the 1,590th of the table", async () => {
  const source = await evolving();
  await source.page([record(1, map(50))]);
  expect(Object.keys(await types())).toHaveLength(50);
  const { rows } = await db.query(
    "select max(attnum)::int as last from pg_attribute where attrelid = 'public.events'::regclass",
  );
  await db.query(
    `do $$ begin execute (select 'alter table public.events ' || string_agg('add column mine_' || n || ' int', ', ')
       from generate_series(${rows[0]!["last"] + 1}, 1589) n); end $$`,
  );
  expect(await refusal(db, () => source.page([record(2, map(2, 50))]))).toMatchObject({ code: "SY201" });
  await source.begin();
  await source.page([record(2, map(1, 50))]);
  expect(await types()).toMatchObject({ key_50: "numeric" });
});
