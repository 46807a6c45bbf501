import { describe, expect, test } from "vitest";

import { record, SqlSource } from "../../support/http/sql-source.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const COLUMNS = { id: "text", at: "timestamptz", v: "integer" };
const DAY = (day: number) => `2024-01-${String(day).padStart(2, "0")}T00:00:00Z`;

/** What the table holds, `id:v` each. */
async function values(source: SqlSource): Promise<string> {
  return (await source.rows("id, v")).map(({ id, v }) => `${id}:${v}`).join(" ");
}

/** The versions of the rows: transaction that wrote each, and that which locked or replaced it. */
async function versions(source: SqlSource) {
  return source.rows("id, xmin::text, xmax::text, ctid::text, ingested_at");
}

async function sourceWith(on_conflict: unknown, more: object = {}): Promise<SqlSource> {
  return SqlSource.prepare(db, { source: { columns: COLUMNS, on_conflict, ...more } });
}

describe("ignore", () => {
  test("keeps the first of a key, in a commit and across commits", async () => {
    const source = await sourceWith("ignore");
    await source.page([record("a", { v: 1 }), record("a", { v: 2 }), record("b", { v: 3 })]);
    await source.page([record("b", { v: 4 }), record("c", { v: 5 })]);
    expect(await values(source)).toBe("a:1 b:3 c:5");
    expect(await source.counts()).toMatchObject({ rows: 3, duplicates: 2 });
  });

  test("counts the first record that ever comes again as a duplicate, and nothing as bad", async () => {
    const source = await sourceWith("ignore");
    await source.page([record("a", { v: 1 }), record("b", { v: 2 })]);
    await source.page([record("c", { v: 3 }), record("b", { v: 4 }), record("d", { v: 5 })]);
    expect(await values(source)).toBe("a:1 b:2 c:3 d:5");
    expect(await source.counts()).toMatchObject({ rows: 4, duplicates: 1, rejected: 0 });
  });
});

test("a column that on_conflict names anew is there for the pass that is under way, too", async () => {
  const source = await sourceWith("replace");
  await source.page([record("a", { v: 1 }), record("b", { v: 1 })]);
  await db.query("select ampsync.enqueue_http('events', $1)", [
    JSON.stringify({ columns: { ...COLUMNS, version: "bigint" }, on_conflict: { newest: "version" } }),
  ]);
  await source.page([record("a", { v: 3, version: 3 }), record("a", { v: 2, version: 2 })]);
  await source.page([record("a", { v: 1, version: 1 })]);
  expect(await values(source)).toBe("a:3 b:1");
  expect(await source.events("column_added")).toEqual([{ column: "version", type: "bigint" }]);
});

describe("replace", () => {
  test("keeps the last of a key, in a commit and across commits", async () => {
    const source = await sourceWith("replace");
    await source.page([record("a", { v: 1 }), record("a", { v: 2 }), record("b", { v: 3 })]);
    await source.page([record("b", { v: 4 }), record("c", { v: 5 }), record("b", { v: 6 })]);
    expect(await values(source)).toBe("a:2 b:6 c:5");
    expect(await source.counts()).toEqual({ records: 6, rows: 3, duplicates: 3, rejected: 0 });
  });

  test("makes a value NULL again that is gone", async () => {
    const source = await sourceWith("replace");
    await source.page([record("a", { v: 1, at: DAY(1) })]);
    await source.page([record("a", { v: null })]);
    expect(await source.rows("id, v, at")).toEqual([{ id: "a", v: null, at: null }]);
  });

  test("has nothing to replace where all columns are of the key", async () => {
    const source = await sourceWith("replace", { columns: { id: "text" } });
    await source.page([record("a"), record("a")]);
    await source.page([record("a"), record("b")]);
    expect(await source.rows("id")).toEqual([{ id: "a" }, { id: "b" }]);
  });
});

describe("newest", () => {
  test("keeps the record with the greatest time, whatever the order of arrival", async () => {
    const source = await sourceWith({ newest: "at" });
    await source.page([
      record("a", { v: 1, at: DAY(2) }),
      record("a", { v: 2, at: DAY(3) }),
      record("a", { v: 3, at: DAY(1) }),
    ]);
    expect(await values(source)).toBe("a:2");
    await source.page([record("a", { v: 4, at: DAY(2) })]);
    expect(await values(source)).toBe("a:2");
    await source.page([record("a", { v: 5, at: DAY(4) })]);
    expect(await values(source)).toBe("a:5");
  });

  test("takes the later arrival at equal times, in a commit and across commits", async () => {
    const source = await sourceWith({ newest: "at" });
    await source.page([record("a", { v: 1, at: DAY(1) }), record("a", { v: 2, at: DAY(1) })]);
    expect(await values(source)).toBe("a:2");
    await source.page([record("a", { v: 3, at: DAY(1) })]);
    expect(await values(source)).toBe("a:3");
  });

  test("takes a record without a time only where there is none with one", async () => {
    const source = await sourceWith({ newest: "at" });
    await source.page([record("a", { v: 1 }), record("b", { v: 1, at: DAY(1) }), record("b", { v: 2 })]);
    expect(await values(source)).toBe("a:1 b:1");
    await source.page([record("a", { v: 2 }), record("b", { v: 3 })]);
    expect(await values(source)).toBe("a:2 b:1");
    await source.page([record("a", { v: 3, at: DAY(1) })]);
    await source.page([record("a", { v: 4 })]);
    expect(await values(source)).toBe("a:3 b:1");
  });

  test("goes by a number as well", async () => {
    const source = await sourceWith({ newest: "v" });
    await source.page([record("a", { v: 9 }), record("a", { v: 10 }), record("a", { v: 2 })]);
    expect(await values(source)).toBe("a:10");
  });
});

describe("rows that stay as they are", () => {
  test.each(["ignore", "replace", { newest: "at" }])(
    "are neither written nor locked under %j, also with columns of the user's",
    async (on_conflict) => {
      const source = await sourceWith(on_conflict);
      const first = [record("a", { v: 1, at: DAY(5) }), record("b", { v: 2, at: DAY(5) })];
      await source.page(first);
      await db.query("alter table public.events add column noted timestamptz default clock_timestamp()");
      await db.query("update public.events set noted = clock_timestamp() where id = 'a'");
      const before = await versions(source);
      await db.query("savepoint later"); // A subtransaction has an id of its own, which a write would leave behind.
      await source.page(first);
      if (on_conflict !== "replace") {
        await source.page([record("a", { v: 7, at: DAY(4) })]);
      }
      expect(await versions(source)).toEqual(before);
    },
  );

  test("keep when they came, where a replaced row does so too", async () => {
    const source = await sourceWith("replace");
    await source.page([record("a", { v: 1 })]);
    const [before] = await source.rows("ingested_at, xmin::text");
    await db.query("savepoint later");
    await source.page([record("a", { v: 2 })]);
    const [after] = await source.rows("ingested_at, xmin::text");
    expect(after!["ingested_at"]).toEqual(before!["ingested_at"]);
    expect(after!["xmin"]).not.toBe(before!["xmin"]);
  });
});

describe("a key", () => {
  test("may be several columns, and numbers that are equal are one", async () => {
    const source = await SqlSource.prepare(db, {
      source: {
        key: ["shop", "no"],
        columns: { shop: "text", no: "numeric", v: "integer" },
        on_conflict: "replace",
      },
    });
    const order = (no: string, v: number) => `{"shop":"x","no":${no},"v":${v}}`;
    await source.page([order("1", 1), order("1.0", 2), order("2", 3)]);
    await source.page([order("2.00", 4)]);
    expect(await source.rows("no::text, v")).toEqual([
      { no: "1.0", v: 2 },
      { no: "2", v: 4 },
    ]);
  });

  test("may be the content: equal records are one row, however they are written", async () => {
    const source = await SqlSource.prepare(db, {
      source: { key: "content", columns: { data: { from: "", type: "jsonb" } } },
    });
    await source.page(['{"a":1,"b":2}', '{"b": 2, "a": 1}', '{"a":1,"b":3}', '"\\\\x41"', '"\\\\\\\\x41"']);
    await source.page(['{"a":1,"b":3}']);
    const { rows } = await db.query(
      "select octet_length(_id) as bytes, _id = substr(sha256(convert_to(data::text, 'UTF8')), 1, 16) as is_hash from public.events",
    );
    expect(rows).toEqual(Array.from({ length: 4 }, () => ({ bytes: 16, is_hash: true })));
    expect(await source.counts()).toMatchObject({ records: 6, rows: 4, duplicates: 2 });
  });

  test("may be absent: every record is a row, in the order of arrival", async () => {
    const source = await SqlSource.prepare(db, { source: { key: null, columns: { v: "integer" } } });
    await source.page([record(1, { v: 1 }), record(1, { v: 1 }), record(2, { v: 2 })]);
    expect(await source.rows("_row::int, v")).toEqual([
      { _row: 1, v: 1 },
      { _row: 2, v: 1 },
      { _row: 3, v: 2 },
    ]);
  });

  test("is a column of any name", async () => {
    const name = 'the "key", t.id';
    const source = await SqlSource.prepare(db, {
      source: {
        key: [name],
        columns: {
          [name]: { from: "/id" },
          "e.g. 50%": { from: "/v", type: "integer" },
          "excluded.x": { from: "/at", type: "date" },
        },
        on_conflict: { newest: "excluded.x" },
      },
    });
    await source.page([record("a", { v: 1, at: DAY(1) }), record("a", { v: 2, at: DAY(2) })]);
    await source.page([record("a", { v: 3, at: DAY(3) })]);
    expect(await source.rows('"e.g. 50%" as v')).toEqual([{ v: 3 }]);
  });
});
