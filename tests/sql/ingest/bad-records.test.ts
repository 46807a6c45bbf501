// Takes 26 s.
import { describe, expect, test } from "vitest";

import { record, records, type SourceOptions, SqlSource } from "../../support/http/sql-source.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const COLUMNS = { id: "text", n: "integer", at: "timestamptz" };

async function sourceWith(valuePolicy: SourceOptions["valuePolicy"], more: object = {}): Promise<SqlSource> {
  return SqlSource.prepare(db, { source: { columns: COLUMNS, ...more }, valuePolicy: valuePolicy ?? "fail" });
}

/** What was set aside, oldest first. */
async function rejects() {
  const { rows } = await db.query(
    "select block::int as page, row_number::int as row, column_name, sqlstate, reason, row_values from ampsync.rejects order by reject_id",
  );
  return rows;
}

/** Numbers of records, `k` of them bad, spread over the commit. */
function withBad(n: number, k: number): string[] {
  const step = Math.floor(n / k);
  return records(0, n - 1).map((text, index) =>
    index % step === 0 && index / step < k ? record(index, { n: `bad ${index}` }) : text,
  );
}

describe("records that refer to each other", () => {
  /** A tree in one table: a record may name another as its parent. */
  async function tree(valuePolicy: SourceOptions["valuePolicy"], more: object = {}): Promise<SqlSource> {
    const source = await SqlSource.prepare(db, {
      source: { columns: { id: "text", parent: "text", n: "integer" }, ...more },
      valuePolicy: valuePolicy ?? "fail",
    });
    await db.query("alter table public.events add foreign key (parent) references public.events (id)");
    return source;
  }

  test("are stored beside a bad one, also those that refer to later ones of the same page", async () => {
    const source = await tree("quarantine");
    await source.page([
      record(1, { parent: "4" }),
      record(2, { n: "bad" }),
      record(3, { parent: "1" }),
      record(4),
      record(5, { parent: "nobody" }),
      record(6, { parent: "5" }),
    ]);
    expect((await source.rows("id")).map(({ id }) => id)).toEqual(["1", "3", "4"]);
    expect((await rejects()).map(({ row, sqlstate }) => [row, sqlstate]).sort()).toEqual([
      [1, "22P02"],
      [4, "23503"],
      [5, "23503"],
    ]);
    expect(await source.counts()).toEqual({ records: 6, rows: 3, duplicates: 0, rejected: 3 });
  });

  test("are stored in chains of any order", async () => {
    const source = await tree("quarantine");
    const chain = [5, 2, 7, 1, 6, 3, 8, 4]; // Each refers to the one behind it.
    await source.page([
      record("bad", { n: "bad" }),
      ...records(1, 8).map((_, n) =>
        record(n + 1, { parent: String(chain[chain.indexOf(n + 1) + 1] ?? n + 1) }),
      ),
    ]);
    expect(await source.rows("id")).toHaveLength(8);
  });

  /** 1 to `length`, each but the last with the next one of a shuffled order as its parent. */
  function chain(length: number, step: number): string[] {
    const order = Array.from({ length }, (_, n) => ((n * step) % length) + 1);
    return records(1, length).map((_, n) =>
      record(n + 1, { parent: String(order[order.indexOf(n + 1) + 1] ?? n + 1) }),
    );
  }

  test("are stored in a long chain of any order by few attempts more than it takes to find a bad one", async () => {
    const source = await tree("quarantine");
    await db.query(
      `create sequence public.attempts;
       create function public.attempt() returns trigger language plpgsql as
         $$ begin perform nextval('public.attempts'); return null; end $$;
       create trigger attempt before insert on public.events execute function public.attempt()`,
    );
    await source.page([record("bad", { n: "bad" }), ...chain(301, 115)]);
    expect(await source.counts()).toEqual({ records: 302, rows: 301, duplicates: 0, rejected: 1 });
    const { rows } = await db.query("select last_value::int as attempts from public.attempts");
    expect(rows[0]!["attempts"]).toBeLessThan(700); // Twice as many as records, to have each alone, and some.
  });

  test("are stored in a chain of any order beside one that refers to nothing", async () => {
    const source = await tree("quarantine");
    await source.page([record("orphan", { parent: "nobody" }), ...chain(41, 17)]);
    expect(await source.counts()).toEqual({ records: 42, rows: 41, duplicates: 0, rejected: 1 });
    expect(await rejects()).toMatchObject([{ row: 0, sqlstate: "23503" }]);
  });

  test.each([
    ["one with a bad value", record("bad", { n: "bad" })],
    ["one that refers to nothing", record("bad", { parent: "nobody" })],
  ])("are stored where two refer to each other, beside %s", async (_, bad) => {
    const source = await tree("quarantine");
    await source.page([record(1, { parent: "2" }), record(2, { parent: "1" }), bad]);
    expect(await source.rows("id")).toEqual([{ id: "1" }, { id: "2" }]);
    expect(await source.counts()).toEqual({ records: 3, rows: 2, duplicates: 0, rejected: 1 });
  });

  describe("of which one comes before what it refers to, and again after that", () => {
    const bad = record("bad", { n: "bad" });
    const both = (n: number | null, later: number | null): string[] => [
      record("k", { parent: "p", n }),
      record("k", { n: later }),
      record("p"),
    ];

    test.each<[string, object, string[], object]>([
      ["the later one, with replace", { on_conflict: "replace" }, both(1, 2), { parent: null, n: 2 }],
      ["the later one of equal ones", { on_conflict: { newest: "n" } }, both(5, 5), { parent: null, n: 5 }],
      [
        "the later one of two without a time",
        { on_conflict: { newest: "n" } },
        both(null, null),
        { parent: null },
      ],
      ["the newest", { on_conflict: { newest: "n" } }, both(9, 5), { parent: "p", n: 9 }],
      ["the first, with ignore", {}, both(1, 2), { parent: "p", n: 1 }],
    ])("stays %s, as it would without a bad one beside them", async (_, more, texts, kept) => {
      const source = await tree("quarantine", more);
      await source.page([bad, ...texts]);
      expect((await source.rows("id, parent, n"))[0]).toMatchObject({ id: "k", ...kept });
      expect(await source.counts()).toEqual({ records: 4, rows: 2, duplicates: 1, rejected: 1 });
    });

    test("stays the later one where values of theirs become NULL", async () => {
      const source = await tree("null", { on_conflict: "replace" });
      await source.page([
        record("k", { parent: "p", n: "bad" }),
        record("k", { n: 7 }),
        record("p"),
        record("q", { n: "bad", parent: "q" }),
      ]);
      expect(await source.rows("id, parent, n")).toEqual([
        { id: "k", parent: null, n: 7 },
        { id: "p", parent: null, n: null },
        { id: "q", parent: "q", n: null },
      ]);
      expect((await source.stream())["nulled_counts"]).toEqual({ n: 2 });
      expect(await source.counts()).toMatchObject({ records: 4, rows: 3, duplicates: 1 });
    });

    test("is set aside rather than to replace the later one, where all together are refused", async () => {
      const source = await tree("quarantine", { on_conflict: "replace" });
      await db.query("alter table public.events add unique (n)");
      const numbers = (n: Record<string, number>) =>
        Object.entries(n).map(([id, value]) => record(id, { n: value }));
      await source.page(numbers({ a: 1, b: 2, c: 4, d: 6 }));
      const [first, ...later] = both(10, 11);
      // In no order of keys are they taken at once.
      await source.page([
        bad,
        ...numbers({ b: 3, a: 2, c: 5, d: 4 }),
        first!,
        record("bad2", { n: "bad" }),
        ...later,
      ]);
      expect(Object.fromEntries((await source.rows("id, n")).map(({ id, n }) => [id, n]))).toEqual({
        ...{ a: 2, b: 3, c: 5, d: 4 },
        ...{ k: 11, p: null },
      });
      expect(await rejects()).toMatchObject([{ row: 0 }, { row: 5, sqlstate: "23503" }, { row: 6 }]);
      expect(await source.counts()).toEqual({ records: 13, rows: 6, duplicates: 4, rejected: 3 });
    });
  });

  test("are refused under the policy fail only where none of the commit helps", async () => {
    const source = await tree("fail");
    await source.page([record(1, { parent: "2" }), record(2)]);
    const error = await refusal(db, () =>
      source.page([record(3, { parent: "5" }), record(4, { parent: "9" }), record(5)]),
    );
    expect(error).toMatchObject({ code: "SY203", message: expect.stringContaining("page 2, record 1") });
  });

  test("are shown once, each with its own fault, when a value of theirs becomes NULL as well", async () => {
    const source = await tree("null");
    await source.page([record(1, { parent: "2", n: "bad" }), record(2)]);
    expect(await source.rows("id, parent, n")).toEqual([
      { id: "1", parent: "2", n: null },
      { id: "2", parent: null, n: null },
    ]);
    expect((await source.stream())["nulled_counts"]).toEqual({ n: 1 });
  });
});

describe("under the policy fail", () => {
  test("the first bad record is named with page, place, column and value, and nothing is stored", async () => {
    const source = await sourceWith("fail");
    await source.page(records(1, 3));
    const error = await refusal(db, () =>
      source.apply([
        { records: records(4, 8) },
        { records: [...records(9, 10), record(11, { n: "a lot" }), record(12, { n: "more" })] },
      ]),
    );
    expect(error).toMatchObject({
      code: "SY203",
      message: 'Table public.events, page 3, record 2, column n: "a lot" is no number',
      detail: expect.stringContaining(
        'PostgreSQL said 22P02; nothing of this commit was stored. The value: "a lot"',
      ),
      hint: "select ampsync.enqueue_http('events', value_policy => 'quarantine'); select ampsync.resume_sync('events');",
    });
    expect(await source.rows("id")).toHaveLength(3);
    expect(await rejects()).toEqual([]);
  });

  test("a reason is cut after 500 characters", async () => {
    const source = await sourceWith("quarantine");
    await db.query(
      `create function public.talks() returns trigger language plpgsql as $$ begin raise exception '%', repeat('x', 600); end $$;
       create trigger talks before insert on public.events for each row execute function public.talks()`,
    );
    await source.page([record(1)]);
    expect(await rejects()).toMatchObject([{ sqlstate: "P0001", reason: "x".repeat(500) }]);
  });

  test("a record that only a constraint refuses is shown whole", async () => {
    const source = await sourceWith("fail");
    await db.query("alter table public.events add constraint small check (n < 10)");
    const error = await refusal(db, () => source.page([record(1, { n: 9 }), record(2, { n: 10 })]));
    expect(error.message).toMatch(
      /^Table public.events, page 1, record 1: new row .* violates check constraint "small"$/,
    );
    expect(error.detail).toContain(
      'PostgreSQL said 23514; nothing of this commit was stored. The record: {"n": 10, "id": "2"}',
    );
  });
});

describe("under the policy quarantine", () => {
  test("bad records are set aside with their place, column and reason, in the same transaction", async () => {
    const source = await sourceWith("quarantine");
    await source.apply([
      { records: [record(1), record(2, { n: "x" }), record(3, { n: 1.5 })] },
      { records: [] },
      { records: [record(4), record(5, { at: 20240115 }), record(6, { n: 1, at: "soon" })] },
    ]);
    expect(await source.rows("id")).toEqual([{ id: "1" }, { id: "4" }]);
    expect(await rejects()).toMatchObject([
      {
        page: 1,
        row: 1,
        column_name: "n",
        sqlstate: "22P02",
        reason: '"x" is no number',
        row_values: { id: "2", n: "x" },
      },
      { page: 1, row: 2, column_name: "n", sqlstate: "22P02", row_values: { id: "3", n: 1.5 } },
      { page: 3, row: 1, column_name: "at", sqlstate: "22007", reason: "20240115 is no time" },
      { page: 3, row: 2, column_name: "at", sqlstate: "22007", row_values: { id: "6", n: 1, at: "soon" } },
    ]);
    expect(await source.counts()).toEqual({ records: 6, rows: 2, duplicates: 0, rejected: 4 });
    expect(await source.events("row_quarantined")).toMatchObject([
      { rows: 4, block: 1, row: 1, column: "n" },
    ]);
  });

  test.each([
    [100, 1],
    [100, 7],
    [1000, 100],
    [257, 257],
  ])("of %i records %i bad ones are found, and only they", async (n, k) => {
    const source = await sourceWith("quarantine");
    await source.page(withBad(n, k));
    expect(await source.counts()).toEqual({ records: n, rows: n - k, duplicates: 0, rejected: k });
    const { rows } = await db.query(
      "select count(*)::int as wrong from ampsync.rejects r where r.row_values ->> 'n' not like 'bad%'",
    );
    expect(rows).toEqual([{ wrong: 0 }]);
  });

  test("5,000 of 5,000 take seconds, and the first 100 have their column named", async () => {
    const source = await sourceWith("quarantine");
    const from = performance.now();
    await source.page(withBad(5_000, 5_000));
    expect(performance.now() - from).toBeLessThan(30_000);
    expect(await source.counts()).toMatchObject({ rows: 0, rejected: 5_000 });
    const { rows } = await db.query(
      "select count(*) filter (where column_name = 'n')::int as named, count(*) filter (where reason = '\"bad ' || row_number || '\" is no number')::int as explained from ampsync.rejects",
    );
    expect(rows).toEqual([{ named: 100, explained: 5_000 }]);
  });

  test("more than 10,000 in one commit stop the source", async () => {
    const source = await sourceWith("quarantine");
    const error = await refusal(db, () => source.page(withBad(10_001, 10_001)));
    expect(error).toMatchObject({
      code: "SY203",
      message: expect.stringContaining("record 10000, column n"),
    });
    expect(error.detail).toContain("after 10000 others");
  });

  test("a bad record that comes again with the same text is a duplicate, whoever wrote it", async () => {
    const source = await sourceWith("quarantine");
    await source.page([record(1, { n: "x" }), record(1, { n: "x" }), record(2)]);
    expect(await source.counts()).toEqual({ records: 3, rows: 1, duplicates: 1, rejected: 1 });
    await source.page(['{"n":  "x","id":"1"}', record(1, { n: "y" })]);
    expect(await source.counts()).toEqual({ records: 5, rows: 1, duplicates: 2, rejected: 2 });
  });

  test("a record without its key, with a NULL key, or that is no object, is bad", async () => {
    const source = await sourceWith("quarantine");
    await source.page(['{"n":1}', '{"id":null}', "5", '"text"', "[]", "null", record(1)]);
    expect(await source.rows("id")).toEqual([{ id: "1" }]);
    expect(await rejects()).toMatchObject([
      { column_name: "id", sqlstate: "23502", row_values: { n: 1 } },
      { column_name: "id", sqlstate: "23502", row_values: { id: null } },
      { row_values: 5 },
      { row_values: "text" },
      { row_values: [] },
      { row_values: "null" },
    ]);
    await source.page(["null", '{"n":1}']);
    expect(await source.counts()).toMatchObject({ records: 9, duplicates: 2, rejected: 6 });
  });

  test("a record that is no JSON, or that jsonb cannot hold, is kept as its text", async () => {
    const source = await sourceWith("quarantine");
    const bad = [
      '{"id":"1","n":NaN}',
      '{"id":"2" "n":1}',
      '{"id":"3","n":1e999999}',
      '{"id":"4","n":"\\u0000"}',
    ];
    await source.page([...bad, record(5)]);
    expect(await source.rows("id")).toEqual([{ id: "5" }]);
    expect((await rejects()).map((row) => [row["column_name"], row["row_values"]])).toEqual(
      bad.map((text) => [null, text]),
    );
  });

  test("the greatest value of the range is that of the others", async () => {
    const source = await sourceWith("quarantine", {
      range: { field: "/at", since: "since", format: "iso" },
    });
    await source.page([
      record(1, { at: "2024-01-01T00:00:00Z" }),
      record(2, { at: "2024-01-05T00:00:00Z", n: "x" }),
      record(3, { at: "2024-01-02T00:00:00Z" }),
    ]);
    expect(await source.parts()).toMatchObject([{ high: "1704153600000000" }]);
  });
});

describe("what the user's own table refuses is a bad record:", () => {
  const refusals: readonly [string, string, string, RegExp][] = [
    ["a check", "alter table public.events add check (n <> 3)", "23514", /check/],
    [
      "a trigger",
      `create function public.no_three() returns trigger language plpgsql as
         $$ begin if new.n = 3 then raise exception 'three is out'; end if; return new; end $$;
       create trigger no_three before insert on public.events for each row execute function public.no_three()`,
      "P0001",
      /three is out/,
    ],
    [
      "a foreign key",
      `create table public.known (n integer primary key); insert into public.known values (1), (2), (4), (5);
       alter table public.events add foreign key (n) references public.known`,
      "23503",
      /foreign key/,
    ],
    [
      "a deferred foreign key",
      `create table public.known (n integer primary key); insert into public.known values (1), (2), (4), (5);
       alter table public.events add foreign key (n) references public.known deferrable initially deferred`,
      "23503",
      /foreign key/,
    ],
    [
      "another unique column",
      "insert into public.events (id, n) values ('there', 3); create unique index on public.events (n)",
      "23505",
      /unique/,
    ],
    [
      "a deferred unique constraint",
      "insert into public.events (id, n) values ('there', 3); alter table public.events add unique (n) deferrable initially deferred",
      "23505",
      /unique/,
    ],
    [
      "an exclusion",
      "insert into public.events (id, n) values ('there', 3); alter table public.events add exclude using btree (n with =)",
      "23P01",
      /exclusion/,
    ],
    [
      "NOT NULL",
      "alter table public.events add column must integer not null default 0; alter table public.events alter column must drop default",
      "23502",
      /not-null|null value/,
    ],
  ];

  test.each(refusals.slice(0, -1))("%s", async (_, ddl, sqlstate, reason) => {
    const source = await sourceWith("quarantine");
    await db.query(ddl);
    const before = (await source.rows("id")).length;
    await source.page([1, 2, 3, 4, 5].map((n) => record(n, { n })));
    expect((await source.rows("id")).length - before).toBe(4);
    expect(await rejects()).toMatchObject([
      { row: 2, sqlstate, reason: expect.stringMatching(reason), row_values: { id: "3", n: 3 } },
    ]);
  });

  test("NOT NULL of a column that no record fills", async () => {
    const [, ddl] = refusals.at(-1)!;
    const source = await sourceWith("quarantine");
    await db.query(ddl!);
    await source.page([record(1)]);
    expect(await rejects()).toMatchObject([{ column_name: "must", sqlstate: "23502" }]);
  });

  test("two of one commit that exclude each other: the second", async () => {
    const source = await sourceWith("quarantine");
    await db.query("alter table public.events add unique (n)");
    await source.page([record(1, { n: 7 }), record(2, { n: 8 }), record(3, { n: 7 })]);
    expect(await source.rows("id")).toEqual([{ id: "1" }, { id: "2" }]);
    expect(await rejects()).toMatchObject([{ row: 2, sqlstate: "23505" }]);
  });

  test("of rows that are replaced as well", async () => {
    const source = await sourceWith("quarantine", { on_conflict: "replace" });
    await db.query("alter table public.events add check (n <> 3)");
    await source.page([1, 2, 3].map((n) => record(n, { n })));
    await source.page([record(1, { n: 3 }), record(2, { n: 4 })]);
    expect(await source.rows("id, n")).toEqual([
      { id: "1", n: 1 },
      { id: "2", n: 4 },
    ]);
  });

  test("but not an error that has nothing to do with values", async () => {
    const source = await sourceWith("quarantine");
    await db.query(
      `create function public.broken() returns trigger language plpgsql as $$ begin perform nonsense(); return new; end $$;
       create trigger broken before insert on public.events for each row execute function public.broken()`,
    );
    expect(await refusal(db, () => source.page([record(1)]))).toMatchObject({ code: "42883" });
  });
});

describe("under the policy null", () => {
  test("bad values become NULL and are counted, by column", async () => {
    const source = await sourceWith("null");
    await source.apply([
      {
        records: [
          record(1, { n: 1 }),
          record(2, { n: "x", at: "2024-01-01" }),
          record(3, { n: "y", at: "z" }),
        ],
      },
    ]);
    expect(await source.rows("id, n, at")).toEqual([
      { id: "1", n: 1, at: null },
      { id: "2", n: null, at: new Date("2024-01-01") },
      { id: "3", n: null, at: null },
    ]);
    expect(await source.stream()).toMatchObject({ nulled_counts: { n: 2, at: 1 } });
    expect(await source.counts()).toEqual({ records: 3, rows: 3, duplicates: 0, rejected: 0 });
    expect(await source.events("value_error")).toMatchObject([
      { column: "at", count: 1, block: 1, row: 2, reason: '"z" is no time' },
      { column: "n", count: 2, block: 1, row: 1, reason: '"x" is no number' },
    ]);
  });

  test.each([
    ["without its key", '{"n":1}', "23502"],
    ["that is no JSON", '{"id":', "22P02"],
    ["that a constraint forbids", record(1, { n: -1 }), "23514"],
  ])("a record %s stops the source", async (_, text, code) => {
    const source = await sourceWith("null");
    await db.query("alter table public.events add check (n >= 0)");
    const error = await refusal(db, () => source.page([record(5), text]));
    expect(error).toMatchObject({ code: "SY203", message: expect.stringContaining("page 1, record 1") });
    expect(error.detail).toContain(`PostgreSQL said ${code}`);
  });

  test("a bad value of the key, or of a column that is NOT NULL, stops the source", async () => {
    const columns = { id: "integer", must: { type: "integer", not_null: true }, n: "integer" };
    const source = await sourceWith("null", { columns });
    const bad = (text: string) => refusal(db, () => source.page([text]));
    expect(await bad('{"id":"x","must":1}')).toMatchObject({
      code: "SY203",
      message: expect.stringContaining("column id"),
    });
    expect(await bad('{"id":1,"must":"x"}')).toMatchObject({
      message: expect.stringContaining("column must"),
    });
  });

  test("1,000 of 1,000 are stored", async () => {
    const source = await sourceWith("null");
    const from = performance.now();
    await source.page(withBad(1_000, 1_000));
    expect(performance.now() - from).toBeLessThan(20_000);
    expect(await source.counts()).toMatchObject({ rows: 1_000, rejected: 0 });
    expect(await source.stream()).toMatchObject({ nulled_counts: { n: 1_000 } });
  });
});
