import { beforeAll, describe, expect, test } from "vitest";

import { installTriggerLog, logTable } from "../../support/capture/trigger-log.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

beforeAll(() => installTriggerLog(db));

async function makeTable(name: string): Promise<void> {
  await db.query(`create table ${name} (id integer generated always as identity primary key, title text,
      done boolean not null default false, twice integer generated always as (id * 2) stored);
    insert into ${name} (title) values ('a'), ('b'), ('c')`);
  await logTable(db, name);
}

async function head(): Promise<string> {
  return (await db.query("select ampsync.head()::text as head")).rows[0]!["head"];
}

async function rowsOf(table: string): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select format('%s %s %s %s', id, title, done, twice) as row from ${table} order by id`,
  );
  return rows.map(({ row }) => row);
}

const FIRST = ["1 a f 2", "2 b f 4", "3 c f 6"];

describe("restore_row", () => {
  const restore = async (table: string, id: number, at: string) =>
    (await db.query("select * from ampsync.restore_row($1, $2, $3)", [table, { id }, at])).rows;

  test("makes a changed row, a deleted one and one that was inserted since what they were, and says what it changed", async () => {
    await makeTable("public.one");
    const at = await head();
    await db.query(`update public.one set title = 'changed', done = true where id = 1; delete from public.one where id = 2;
      insert into public.one (title) values ('new')`);
    expect(await restore("public.one", 1, at)).toEqual([
      {
        operation: "update",
        row_key: ["1"],
        old_data: { id: "1", title: "changed", done: "t" },
        data: { id: "1", title: "a", done: "f" },
      },
    ]);
    expect(await restore("public.one", 2, at)).toMatchObject([{ operation: "insert", old_data: null }]);
    expect(await restore("public.one", 4, at)).toMatchObject([{ operation: "delete", data: null }]);
    for (const id of [1, 2, 3, 4, 5]) expect(await restore("public.one", id, at)).toEqual([]);
    expect(await rowsOf("public.one")).toEqual(FIRST);
    const { rows } = await db.query(`select operation from ampsync.row_history('public.one', '{"id": 2}')`);
    expect(rows.map(({ operation }) => operation)).toEqual(["delete", "insert"]);
  });

  test("waits for who writes the row, and takes several rows in one transaction, each once", async () => {
    await makeTable("public.two");
    const at = await head();
    const writer = await db.client();
    await writer.query("begin; update public.two set title = 'late' where id = 1");
    const call = `select * from ampsync.restore_row('public.two', '{"id": 1}', '${at}')`;
    const other = await db.client();
    const waiting = other.query(`begin; ${call}`);
    await writer.query("commit; update public.two set title = 'changed' where id = 3");
    await waiting;
    await other.query(
      `select * from ampsync.restore_row('public.two', '{"id": 2}', '${at}'); savepoint once`,
    );
    await expect(other.query(call)).rejects.toMatchObject({ code: "25001" });
    // What capture would know after the commit alone; the triggers of the test stay quiet.
    await other.query("rollback to once; set local session_replication_role = replica");
    await other.query("delete from public.two where id = 3; set local session_replication_role = origin");
    await expect(other.query(call.replace('"id": 1', '"id": 3'))).rejects.toMatchObject({ code: "25001" });
    await other.query("rollback to once; commit");
    expect(await restore("public.two", 3, at)).toHaveLength(1);
    expect(await rowsOf("public.two")).toEqual(FIRST);
  });

  test("refuses what is erased, before what can be rebuilt, or kept by a trigger", async () => {
    await makeTable("public.three");
    const at = await head();
    await db.query("update public.three set title = 'x' where id = 1; delete from public.three where id = 2");
    await expect(restore("public.three", 1, String(Number(at) - 1))).rejects.toMatchObject({ code: "SY406" });
    await db.query(`create function public.keep() returns trigger language plpgsql as 'begin return null; end';
      create trigger keep before update on public.three for each row execute function public.keep()`);
    await expect(restore("public.three", 1, at)).rejects.toMatchObject({ code: "55000" });
    await db.query(`select ampsync.erase_history('public.three', '{"id": 2}')`);
    await expect(restore("public.three", 2, at)).rejects.toMatchObject({ code: "SY406" });
  });
});

describe("restore_table", () => {
  test("shows what would change, and changes it when told to", async () => {
    await makeTable("public.four");
    const at = await head();
    await db.query(`update public.four set title = 'changed' where id = 1; delete from public.four where id = 2;
      insert into public.four (title) values ('new'); alter table public.four add column more text`);
    await db.query("update public.four set more = 'filled' where id = 3");
    const changed = await rowsOf("public.four");
    const shown = await db.query("select * from ampsync.restore_table('public.four', $1)", [at]);
    expect(shown.rows.map(({ operation, row_key }) => `${operation} ${row_key}`)).toEqual([
      ...["delete 4", "insert 2", "update 1", "update 3"],
    ]);
    expect(await rowsOf("public.four")).toEqual(changed);
    const done = await db.query("select * from ampsync.restore_table('public.four', $1, dry_run => false)", [
      at,
    ]);
    expect(done.rows).toEqual(shown.rows);
    expect(await rowsOf("public.four")).toEqual(FIRST);
    expect((await db.query("select more from public.four where id = 3")).rows).toEqual([{ more: null }]);
    expect((await db.query("select * from ampsync.restore_table('public.four', $1)", [at])).rows).toEqual([]);
  });

  test("beyond a TRUNCATE is refused, and nothing is deleted", async () => {
    await makeTable("public.five");
    const at = await head();
    await db.query("truncate public.five; insert into public.five (title) values ('only')");
    const restore = db.query("select * from ampsync.restore_table('public.five', $1, dry_run => false)", [
      at,
    ]);
    await expect(restore).rejects.toMatchObject({ code: "SY406" });
    expect(await rowsOf("public.five")).toHaveLength(1);
  });
});
