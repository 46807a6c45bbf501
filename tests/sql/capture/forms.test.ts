import { beforeEach, describe, expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import {
  capturedTable,
  loggedEntries,
  loggedRows,
  row,
  SqlCapture,
} from "../../support/postgres/sql-capture.ts";

const db = rolledBackDatabase();

let todos: string;
let pass: SqlCapture;
beforeEach(async () => {
  todos = await capturedTable(db, "todos");
  await db.query(
    "update ampsync_private.published set storage = ampsync_private.published_storage(relation)",
  );
  pass = await SqlCapture.take(db);
});

/** The Relation message of the table as it is now, before the change with this number. */
async function relation(before = 0) {
  const { rows } = await db.query(
    `select jsonb_build_object('before', $2::integer, 'relation', $1::text, 'schema', 'public', 'table', c.relname,
              'identity', 'f', 'columns', jsonb_agg(jsonb_build_object('name', a.attname, 'type', a.atttypid::text,
                'typmod', a.atttypmod, 'key', true) order by a.attnum)) as relation
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.oid = $1::oid
      group by c.relname`,
    [todos, before],
  );
  return rows[0]!["relation"];
}

const kinds = async () => (await loggedEntries(db)).map((entry) => entry.split(" ").slice(0, 2).join(" "));

describe("a table that changes its form", () => {
  test("has the entry of it before the first transaction of the new form", async () => {
    const former = await relation();
    await db.query("alter table public.todos add column done boolean");
    await pass.commit([
      { lsn: 0x100, relations: [former], changes: [row(todos, "a")] },
      { lsn: 0x200, relations: [await relation()], changes: [row(todos, "b")] },
      { lsn: 0x300, changes: [row(todos, "c")] },
    ]);
    expect(await kinds()).toEqual(["rows 0/100", "schema 0/200", "rows 0/200", "rows 0/300"]);
    const { rows } = await db.query("select schema_version from ampsync_private.change_tx order by position");
    expect(rows.map(({ schema_version }) => schema_version)).toEqual([
      "0.0.0",
      "0.0.0+1",
      "0.0.0+1",
      "0.0.0+1",
    ]);
  });

  test("between rows of one transaction gets a floor as well: rows of the former form stand behind the entry", async () => {
    const former = await relation();
    await db.query("alter table public.todos add column done boolean");
    await pass.commit([
      {
        lsn: 0x100,
        relations: [former, await relation(1)],
        changes: [row(todos, "a"), row(todos, "b")],
      },
    ]);
    expect(await kinds()).toEqual(["schema 0/100", "floor 0/100", "rows 0/100"]);
  });

  test("between rows of a large transaction gets a floor as well", async () => {
    const former = await relation();
    await db.query("alter table public.todos add column done boolean");
    await pass.storeChanges([row(todos, "a")]);
    await pass.commit([
      { lsn: 0x100, ahead: 1, relations: [former, await relation(1)], changes: [row(todos, "b")] },
    ]);
    expect(await kinds()).toEqual(["schema 0/100", "floor 0/100", "rows 0/100"]);
  });

  test("so that lines are to be decoded anew stops there: what came before is stored, what follows is not", async () => {
    const former = await relation();
    await db.query("alter table public.todos rename column id to uid");
    const renamed = await relation();
    const again = [
      { lsn: 0x200, relations: [renamed], changes: [row(todos, "b")] },
      { lsn: 0x300, changes: [row(todos, "c")] },
    ];
    const answer = await pass.commit([
      { lsn: 0x100, relations: [former], changes: [row(todos, "a")] },
      ...again,
    ]);
    expect(answer).toMatchObject({ reread: true, commit_lsn: "0/100", end_lsn: "0/108" });
    expect(answer.tables).toMatchObject([{ columns: [{ name: "uid", key: true }, { name: "title" }] }]);
    expect(await loggedRows(db)).toEqual(['0/100 insert ["a"]']);
    const left = await db.query("select count(*)::integer as n from ampsync_private.change");
    expect(left.rows).toEqual([{ n: 1 }]);

    const next = await SqlCapture.take(db);
    expect(await next.commit(again)).toMatchObject({ reread: false, commit_lsn: "0/300" });
    expect(await kinds()).toEqual(["rows 0/100", "schema 0/200", "floor 0/200", "rows 0/200", "rows 0/300"]);
  });

  test("stays as it is while its messages say the same", async () => {
    const before = (await db.query("select columns, floor from ampsync_private.published")).rows;
    await pass.commit([{ lsn: 0x100, relations: [await relation()], changes: [row(todos, "a")] }]);
    await pass.commit([{ lsn: 0x200, relations: [await relation()], changes: [row(todos, "b")] }]);
    expect(await kinds()).toEqual(["rows 0/100", "rows 0/200"]);
    expect((await db.query("select columns, floor from ampsync_private.published")).rows).toEqual(before);
  });
});
