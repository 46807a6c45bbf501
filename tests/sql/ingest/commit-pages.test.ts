import { describe, expect, test } from "vitest";

import { record, records, SqlSource } from "../../support/http/sql-source.ts";
import { moveClock } from "../../support/postgres/clock.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const BY_TIME = {
  range: { field: "/at", since: "since", format: "iso_ms" },
  every: "1 second",
  on_conflict: { newest: "at" },
};

describe("a commit", () => {
  test("stores records and moves the position of its part", async () => {
    const source = await SqlSource.prepare(db);
    await source.page([record("a", { type: "click", at: "2024-01-15T10:30:00Z", more: 1 }), record("b")]);
    expect(await source.rows("id, type, at, data")).toEqual([
      {
        id: "a",
        type: "click",
        at: new Date("2024-01-15T10:30:00Z"),
        data: { id: "a", type: "click", at: "2024-01-15T10:30:00Z", more: 1 },
      },
      { id: "b", type: null, at: null, data: { id: "b" } },
    ]);
    expect(await source.parts()).toMatchObject([
      { position: { token: "p0-1" }, previous: null, pages: "1", records: "2", done: false },
    ]);
    expect(await source.stream()).toMatchObject({ state: "backfill", attempts: 0, error: null });
    expect(await source.counts()).toEqual({ records: 2, rows: 2, duplicates: 0, rejected: 0 });
  });

  test("holds pages of several parts, each with its own position and counts", async () => {
    const source = await SqlSource.prepare(db);
    await db.query("insert into ampsync_private.part (stream_id, part_no) values ($1, 1)", [source.id]);
    await source.apply([
      { records: records(1, 3), part: 0 },
      { records: records(4, 5), part: 1 },
      { records: [], part: 1, done: true },
      { records: records(6, 6), part: 0 },
    ]);
    expect(await source.parts()).toMatchObject([
      { position: { token: "p0-2" }, previous: { token: "p0-1" }, pages: "2", records: "4", done: false },
      { position: null, previous: null, pages: "2", records: "2", done: true, empty_pages: 1 },
    ]);
    expect(await source.rows("id")).toHaveLength(6);
  });

  test("remembers what the last page with records was asked with", async () => {
    const source = await SqlSource.prepare(db);
    await source.page(records(1, 2));
    expect(await source.parts()).toMatchObject([{ previous: null }]);
    await source.apply([{ records: records(3, 4) }, { records: [] }, { records: [] }]);
    expect(await source.parts()).toMatchObject([
      { previous: { token: "p0-1" }, position: { token: "p0-4" } },
    ]);
    await source.page([]);
    expect(await source.parts()).toMatchObject([
      { previous: { token: "p0-1" }, position: { token: "p0-5" } },
    ]);
  });

  test("of empty pages moves the position and leaves staging alone", async () => {
    const source = await SqlSource.prepare(db);
    const file = () => db.query("select pg_relation_filenode($1) as file", [source.staging]);
    const { rows: before } = await file();
    await source.page([]);
    expect((await file()).rows).toEqual(before);
    expect(await source.parts()).toMatchObject([{ position: { token: "p0-1" }, pages: "1", empty_pages: 1 }]);
    await source.page(records(1, 1));
    expect((await file()).rows).not.toEqual(before);
  });

  test("leaves staging empty", async () => {
    const source = await SqlSource.prepare(db);
    await source.page(records(1, 20));
    const { rows } = await db.query(`select pg_relation_size('${source.staging}')::int as bytes`);
    expect(rows).toEqual([{ bytes: 0 }]);
  });

  test("counts empty pages in a row, and tells of 100 and 1,000", async () => {
    const source = await SqlSource.prepare(db);
    const empty = (n: number) => Array.from({ length: n }, () => ({ records: [] }));
    await source.apply(empty(99));
    expect(await source.events("empty_pages")).toEqual([]);
    await source.apply(empty(1));
    expect(await source.events("empty_pages")).toEqual([{ part: 0, in_a_row: 100 }]);
    await source.apply([...empty(5), { records: records(1, 1) }, ...empty(3)]);
    expect(await source.parts()).toMatchObject([{ empty_pages: 3 }]);
    await source.apply(empty(1200));
    expect((await source.events("empty_pages")).slice(1)).toEqual([
      { part: 0, in_a_row: 1203 },
      { part: 0, in_a_row: 1203 },
    ]);
  });

  test("counts what is there already as duplicates, also within itself", async () => {
    const source = await SqlSource.prepare(db);
    await source.page([...records(1, 3), ...records(2, 4)]);
    await source.page(records(1, 5));
    expect(await source.counts()).toEqual({ records: 11, rows: 5, duplicates: 6, rejected: 0 });
  });

  test("forgives the expiries of a run that gets a tenth further than ever before", async () => {
    const source = await SqlSource.prepare(db);
    await db.query("update ampsync_private.part set expiries = 2, expired_page = 10");
    await source.apply(Array.from({ length: 11 }, (_, n) => ({ records: records(n, n) })));
    expect(await source.parts()).toMatchObject([{ expiries: 2 }]);
    await source.page([]);
    expect(await source.parts()).toMatchObject([{ expiries: 0, expired_page: "10" }]);
  });

  test("ends what kept the source from moving", async () => {
    const source = await SqlSource.prepare(db);
    await db.query(
      `update ampsync_private.stream set state = 'retrying', attempts = 3, deaths = 1, next_retry = now(), error = '{"code": "SY104"}'`,
    );
    await source.page(records(1, 1));
    expect(await source.stream()).toMatchObject({
      state: "backfill",
      attempts: 0,
      deaths: 0,
      next_retry: null,
      error: null,
    });
    await db.query("update ampsync_private.stream set state = 'live'");
    await source.page(records(2, 2));
    expect(await source.stream()).toMatchObject({ state: "live" });
  });

  test("keeps the number of records that the API tells", async () => {
    const source = await SqlSource.prepare(db);
    const [part] = source.partsOf([{ records: [] }]);
    await source.commitPages([{ ...part, total: 4711 }], 0);
    await source.page([]);
    expect(await source.parts()).toMatchObject([{ total: "4711" }]);
  });
});

describe("the greatest value of the range", () => {
  test("is kept by part, never goes down, and is the newest time of the stream", async () => {
    const source = await SqlSource.prepare(db, { source: BY_TIME });
    await db.query("insert into ampsync_private.part (stream_id, part_no) values ($1, 1)", [source.id]);
    await source.apply([
      { records: [record(1, { at: "2024-01-01T00:00:00Z" }), record(2, { at: 1704067200123 })], part: 0 },
      { records: [record(3, { at: "2024-01-02T00:00:00.5+01:00" })], part: 1 },
    ]);
    expect(await source.parts()).toMatchObject([{ high: "1704067200123000" }, { high: "1704150000500000" }]);
    expect((await source.stream())["block_time"]).toEqual(new Date("2024-01-01T23:00:00.500Z"));
    await source.apply([{ records: [record(4, { at: "2023-01-01T00:00:00Z" }), record(5)], part: 1 }]);
    expect(await source.parts()).toMatchObject([{ high: "1704067200123000" }, { high: "1704150000500000" }]);
    expect((await source.stream())["block_time"]).toEqual(new Date("2024-01-01T23:00:00.500Z"));
  });

  test("comes from records that are stored already, too, and not from one that is set aside", async () => {
    const source = await SqlSource.prepare(db, {
      source: { ...BY_TIME, columns: { id: "text", n: "integer", at: "timestamptz" } },
      valuePolicy: "quarantine",
    });
    await source.page([record(1, { at: "2024-01-01T00:00:00Z" })]);
    await db.query("update ampsync_private.part set high = null");
    await source.page([
      record(1, { at: "2024-01-01T00:00:00Z" }),
      record(2, { at: "2025-01-01T00:00:00Z", n: "bad" }),
      record(3, { at: "no time" }),
    ]);
    expect(await source.parts()).toMatchObject([{ high: "1704067200000000" }]);
  });

  test("is found in a field that no column reads as a time, where a value that is none moves nothing", async () => {
    const source = await SqlSource.prepare(db, {
      source: { ...BY_TIME, on_conflict: "replace", columns: { id: "text", at: "text" } },
    });
    await source.page([
      record(1, { at: "2024-01-01" }),
      record(2, { at: "zzzz" }),
      record(3, { at: "2024-02-30" }),
      record(4, { at: null }),
      record(5),
    ]);
    expect(await source.parts()).toMatchObject([{ high: "1704067200000000" }]);
    expect(await source.counts()).toMatchObject({ rows: 5 });
  });

  test("is an integer where the range counts in those", async () => {
    const range = { field: "/seq", since: "since", format: "integer" };
    const source = await SqlSource.prepare(db, {
      source: { range, columns: { id: "text", seq: "bigint" } },
    });
    await source.page([record(1, { seq: 41 }), record(2, { seq: "42" }), record(3, { seq: null })]);
    expect(await source.parts()).toMatchObject([{ high: "42" }]);
    expect(await source.stream()).toMatchObject({ block_time: null });
  });
});

describe("records that come sorted by the definition", () => {
  const sorted = (lookback = 0, more: object = {}) =>
    SqlSource.prepare(db, {
      source: {
        ...more,
        range: {
          field: "/n",
          since: "since",
          format: "integer",
          sorted: true,
          ...(lookback && { lookback }),
        },
        columns: { id: "text", n: "bigint" },
      },
    });
  const page = (...values: number[]) => ({ records: values.map((n) => record(n, { n })) });

  test("may tie, and lie below by the lookback and the granules of a bound", async () => {
    const source = await sorted(10);
    await source.apply([page(100, 120), page(120, 110), page(118, 119)]);
    await source.apply([page(108)]);
    expect(await source.counts()).toMatchObject({ records: 7, rows: 6 });
  });

  test("stop the source where they are not, within a commit and across commits", async () => {
    const source = await sorted();
    const within = await refusal(db, () => source.apply([page(100, 120), page(50)]));
    expect(within).toMatchObject({
      code: "SY307",
      message: "records of events are not in the order of /n: page 2 has one that lies below those before",
      detail: "It has 50, after 120; nothing of this commit was stored.",
    });
    expect(within.hint).toContain('"sorted": false');
    await source.begin();
    await source.apply([page(100, 120)]);
    expect(await refusal(db, () => source.apply([page(117)]))).toMatchObject({ code: "SY307" });
  });

  test("may come again with the last page, where the position behind it has expired", async () => {
    const source = await sorted();
    await source.apply([page(100, 120), page(120, 140)]);
    await source.apply([{ ...page(120, 140), again: true }, page(140, 150)]);
    expect(await source.counts()).toMatchObject({ records: 8 });
    expect(await refusal(db, () => source.apply([page(147)]))).toMatchObject({
      code: "SY307",
      detail: expect.stringContaining("It has 147, after 150"),
    });
  });

  test("may come again within a commit, and the pages after that are compared", async () => {
    const source = await sorted();
    await source.apply([page(10), page(50, 60), { records: [] }, { ...page(50, 60), again: true }, page(60)]);
    const below = () => source.apply([page(70, 80), { ...page(70, 80), again: true }, page(75)]);
    expect(await refusal(db, below)).toMatchObject({
      code: "SY307",
      detail: expect.stringContaining("It has 75, after 80"),
    });
  });

  test("begin anywhere in a run, and stay in order over its commits", async () => {
    const source = await sorted(0, { every: "1 minute", on_conflict: "replace" });
    await source.page(page(100, 120).records, { done: true, next: null });
    await db.query("select ampsync_worker.end_pass($1, $2, 'done')", [source.id, source.epoch]);
    await db.query("select ampsync.resume_sync('events')");
    await source.acquire();
    await source.begin();
    await source.apply([page(3), { records: [record("x")] }, page(4)]);
    await source.apply([page(5)]);
    expect(await source.parts()).toMatchObject([{ run: "2", high: "120" }]);
    expect(await refusal(db, () => source.apply([page(1)]))).toMatchObject({ code: "SY307" });
  });
});

describe("a commit is refused", () => {
  test("from a position that is not the stored one", async () => {
    const source = await SqlSource.prepare(db);
    await source.page(records(1, 1));
    const [part] = source.partsOf([{ records: [] }]);
    for (const expected of [null, { token: "other" }, { token: "p0-0" }]) {
      expect(await refusal(db, () => source.commitPages([{ ...part, expected }], 0))).toMatchObject({
        code: "SY001",
      });
    }
    await source.commitPages([part!], 0);
  });

  test("for a part that is gone, and then moves no other part either", async () => {
    const source = await SqlSource.prepare(db);
    const parts = source.partsOf([{ records: [] }, { records: [], part: 7 }]);
    expect(await refusal(db, () => source.commitPages(parts, 0))).toMatchObject({ code: "SY001" });
    expect(await source.parts()).toMatchObject([{ position: null, pages: "0" }]);
  });

  test("after the lease moved on, whatever it holds", async () => {
    const source = await SqlSource.prepare(db);
    await source.beginApply();
    await source.stage(records(1, 1));
    const parts = source.partsOf([{ records: records(1, 1) }]);
    await db.query("update ampsync_private.lease set epoch = epoch + 1");
    expect(await refusal(db, () => source.commitPages(parts, 1))).toMatchObject({ code: "SY001" });
    expect(await source.counts()).toMatchObject({ rows: 0, records: 0 });
  });

  test("before it begins, where the lease has run out", async () => {
    const source = await SqlSource.prepare(db);
    await moveClock(db, "31 seconds");
    expect(await refusal(db, () => source.beginApply())).toMatchObject({ code: "SY001" });
    expect(await refusal(db, () => source.begin())).toMatchObject({ code: "SY001" });
  });

  test("after its target was renamed", async () => {
    const source = await SqlSource.prepare(db);
    await source.beginApply();
    await source.stage(records(1, 1));
    await db.query("alter table public.events rename to former_events");
    expect(
      await refusal(db, () => source.commitPages(source.partsOf([{ records: records(1, 1) }]), 1)),
    ).toMatchObject({
      code: "SY205",
    });
  });
});

describe("the fields that no column reads", () => {
  const columns = { id: "text", type: "text", deep: { from: "/nested/deep" } };

  test("are told, each once", async () => {
    const source = await SqlSource.prepare(db, { source: { columns } });
    await source.page([
      record(1, { type: "a", nested: { deep: 1, other: 2 }, extra: 1 }),
      record(2, { more: 1 }),
    ]);
    await source.page([record(3, { extra: 1, more: 2, third: [] })]);
    expect(await source.events("field_ignored")).toEqual([
      { fields: ["extra", "more"] },
      { fields: ["third"] },
    ]);
    expect(await source.stream()).toMatchObject({ seen_fields: ["extra", "more", "third"] });
  });

  test("are 200 at most, and then it is told that there are more", async () => {
    const source = await SqlSource.prepare(db, { source: { columns } });
    const map = (from: number, to: number) =>
      Object.fromEntries(Array.from({ length: to - from + 1 }, (_, n) => [`key_${from + n}`, 1]));
    await source.page([record(1, map(1001, 1150))]);
    expect(await source.events("fields_ignored_beyond_200")).toEqual([]);
    await source.page([record(2, map(1101, 1400)), record(3, map(1401, 1900))]);
    expect(await source.events("fields_ignored_beyond_200")).toHaveLength(1);
    const told = (await source.events("field_ignored")).flatMap((details) => details["fields"]);
    expect(new Set(told).size).toBe(200);
    await source.page([record(4, { entirely_new: 1 })]);
    expect(await source.events("field_ignored")).toHaveLength(2);
    expect(await source.events("fields_ignored_beyond_200")).toHaveLength(1);
  });

  test("are told of a commit that has a bad record, too", async () => {
    const source = await SqlSource.prepare(db, {
      source: { columns: { ...columns, at: "timestamptz" } },
      valuePolicy: "quarantine",
    });
    await source.page([record(1, { at: "never" }), "no JSON", record(2, { extra: null })]);
    expect(await source.events("field_ignored")).toEqual([{ fields: ["extra"] }]);
    expect(await source.counts()).toMatchObject({ rows: 1, rejected: 2 });
  });

  test("are looked for in one page of 100 where a column has the whole record", async () => {
    const source = await SqlSource.prepare(db);
    const page = (n: number) => ({ records: [record(n, { [`field_${n}`]: 1 })] });
    await source.apply([page(1), page(2)]);
    await source.apply(Array.from({ length: 100 }, (_, n) => page(n + 3)));
    expect(await source.events("field_ignored")).toEqual([
      { fields: ["field_1"] },
      { fields: ["field_101"] },
    ]);
  });
});

describe("U+0000", () => {
  test("that the worker has replaced is counted by column", async () => {
    const source = await SqlSource.prepare(db);
    const nuls = [{ column: "data", count: 3, block: 1, row: 0, reason: "U+0000 was replaced" }];
    await source.apply([{ records: records(1, 1) }], { nuls });
    await source.apply([{ records: records(2, 2) }], { nuls });
    expect(await source.stream()).toMatchObject({ nul_counts: { data: 6 } });
    expect(await source.events("nul_replaced")).toHaveLength(1);
  });
});
