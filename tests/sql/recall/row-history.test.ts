import { beforeEach, describe, expect, test } from "vitest";

import { installTriggerLog, logTable } from "../../support/capture/trigger-log.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

beforeEach(() => installTriggerLog(db));

async function history(key: object, table = "public.todos") {
  const { rows } = await db.query(
    "select operation, row_key, old_data, data, source, metadata from ampsync.row_history($1, $2)",
    [table, JSON.stringify(key)],
  );
  return rows;
}

describe("the history of a row", () => {
  beforeEach(async () => {
    await db.query("create table public.todos (id integer primary key, title text)");
    await logTable(db, "public.todos");
  });

  test("has each change with what was before and after, when, and by whom", async () => {
    await db.query("insert into public.todos values (1, 'a'), (2, 'b')");
    await db.query("set local test.source = 'web'; update public.todos set title = null where id = 1");
    await db.query("delete from public.todos where id = 1");
    const first = { id: "1", title: "a" };
    const second = { id: "1", title: null };
    expect(await history({ id: 1 })).toMatchObject([
      { operation: "insert", row_key: ["1"], old_data: null, data: first },
      { operation: "update", old_data: first, data: second },
      { operation: "delete", old_data: second, data: null },
    ]);
    const { rows } = await db.query(
      `select h.position = t.position and h.committed_at = t.committed_at and h.transaction_id = t.xid::text as is_entry
         from ampsync.row_history('public.todos', '{"id": "1"}') h join ampsync_private.change_tx t using (position)`,
    );
    expect(rows.every((row) => row["is_entry"])).toBe(true);
  });

  test("goes on under each key that the row had", async () => {
    await db.query("insert into public.todos values (1, 'a')");
    await db.query("update public.todos set id = 7");
    await db.query("update public.todos set title = 'b'");
    await db.query("update public.todos set id = 9");
    const all = await history({ id: 7 });
    expect(all.map(({ operation, row_key }) => `${operation} ${row_key}`)).toEqual([
      ...["insert 1", "delete 1", "insert 7", "update 7", "delete 7", "insert 9"],
    ]);
    expect(await history({ id: 1 })).toEqual(all);
    expect(await history({ id: 9 })).toEqual(all);
    expect(await history({ id: 8 })).toEqual([]);
  });

  test("has a TRUNCATE, which ends the row, once the row was there", async () => {
    await db.query("truncate public.todos");
    await db.query("insert into public.todos values (1, 'a'), (2, 'b')");
    await db.query("truncate public.todos");
    const all = await history({ id: 1 });
    expect(all).toMatchObject([
      { operation: "insert", row_key: ["1"] },
      { operation: "truncate", row_key: null, old_data: null, data: null },
    ]);
    expect(await history({ id: 3 })).toEqual([]);
  });

  test("is found by its columns, in whatever form their values are given", async () => {
    await db.query(`create table public.parts ("at" timestamptz, done boolean, name char(3), price numeric(6,2), note text,
      primary key (name, "at", done, price))`);
    await logTable(db, "public.parts");
    await db.query(`insert into public.parts values ('2026-01-01 12:00+02', true, 'a"', 1.5, 'x')`);
    const found = await history(
      { name: 'a"', price: 1.5, done: true, at: "2026-01-01T10:00:00Z" },
      "public.parts",
    );
    expect(found.map((change) => change["row_key"])).toEqual([
      ["2026-01-01 10:00:00+00", "t", 'a" ', "1.50"],
    ]);
  });

  test("needs each column of the key, and no other", async () => {
    for (const key of ["{}", '{"id": 1, "title": "a"}', '{"id": null}', "[1]", "null"]) {
      expect(await refusal(db, `select from ampsync.row_history('public.todos', '${key}')`)).toMatchObject({
        code: "SY004",
        detail: expect.stringContaining("(id)"),
      });
    }
  });

  test("stays when the table is published no more, published again, or gone", async () => {
    await db.query("insert into public.todos values (1, 'a')");
    await db.query("update ampsync_private.published set state = 'ended', relation = null");
    expect(await history({ id: 1 })).toHaveLength(1);
    await db.query("drop trigger test_log on public.todos; drop trigger test_log_truncate on public.todos");
    await logTable(db, "public.todos");
    await db.query("delete from public.todos");
    expect(await history({ id: 1 })).toHaveLength(2);
    await db.query(
      "update ampsync_private.published set state = 'ended', relation = null; drop table public.todos",
    );
    expect(await history({ id: 1 })).toHaveLength(2);
  });

  test("is read by indexes, however many rows changed", async () => {
    await db.query("insert into public.todos select n, 'x' from generate_series(1, 3000) n");
    await db.query("analyze ampsync_private.change");
    const { rows } = await db.query(
      `explain (format json) select from ampsync_private.change c
        where c.published_id = any ('{1}') and hashtextextended(c.key, 0) = hashtextextended('["5"]', 0) and c.key = '["5"]'`,
    );
    expect(JSON.stringify(rows)).toMatch(/change_\w*key\w*idx|change_0_published_id/);
  });

  test("has no value of what was erased, under any of its keys; the event says so, and times before leave the row out", async () => {
    await db.query("insert into public.todos values (1, 'secret'), (2, 'other')");
    const { rows: heads } = await db.query("select ampsync.head() as head");
    await db.query("update public.todos set id = 7 where id = 1");
    await db.query("delete from public.todos where id = 7");
    const { rows } = await db.query(`select ampsync.erase_history('public.todos', '{"id": 1}') as erased`);
    expect(rows).toEqual([{ erased: "4" }]);
    for (const { old_data, data } of await history({ id: 7 })) expect([old_data, data]).toEqual([null, null]);
    expect(await history({ id: 2 })).toMatchObject([{ data: { title: "other" } }]);
    const { rows: events } = await db.query(
      "select details from ampsync.events where event = 'history_erased'",
    );
    expect(events).toEqual([{ details: { table: "public.todos", key: { id: 1 }, changes: 4 } }]);
    await db.query(
      "update ampsync_private.published set relation = relation; savepoint quiet; lock table public.todos in share mode",
    );
    const { rows: then } = await db.query(
      "select data from ampsync_private.published p, ampsync_private.rows_as_of(p, $1) where p.table_name = 'todos'",
      [heads[0]!["head"]],
    );
    expect(then).toEqual([{ data: { id: "2", title: "other" } }]);
  });
});

test("a table that was never published, and one of a dataset, have none", async () => {
  await db.query("create table public.plain (id integer primary key)");
  for (const table of ["public.plain", "public.nothing", "plain"]) {
    expect(await refusal(db, `select from ampsync.row_history('${table}', '{"id": 1}')`)).toMatchObject({
      code: "SY401",
    });
  }
  const stream = await SqlStream.prepare(db);
  await db.query(`insert into ampsync_private.published (schema_name, table_name, relation, mode, stream_id, columns, published_lsn, since)
    select 'chain', 'blocks', s.target, 'blocks', s.stream_id, '[]', '0/1', now() from ampsync_private.stream s where s.stream_id = ${stream.id}`);
  expect(await refusal(db, `select from ampsync.row_history('${stream.target}', '{"id": 1}')`)).toMatchObject(
    {
      code: "SY401",
      hint: expect.stringContaining("_block_num"),
    },
  );
});
