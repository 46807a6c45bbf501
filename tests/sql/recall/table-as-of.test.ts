import { beforeAll, describe, expect, test } from "vitest";

import { installTriggerLog, logTable } from "../../support/capture/trigger-log.ts";
import { dice } from "../../support/dice.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

beforeAll(() => installTriggerLog(db));

/** The table as it is, by means of its own: COPY's text of each value. */
async function rowsNow(table: string): Promise<readonly unknown[]> {
  const { rows } = await db.query(
    `select format('%s|%s|%s|%s|%s', id, coalesce(title, '<null>'), done, tags, code) as row from ${table} order by id`,
  );
  return rows.map(({ row }) => row);
}

/** The same of a position or a time. */
async function rowsAt(table: string, at: string): Promise<readonly unknown[]> {
  const { rows } = await db.query(
    `select format('%s|%s|%s|%s|%s', r ->> 'id', coalesce(r ->> 'title', '<null>'), r ->> 'done', r ->> 'tags', r ->> 'code') as row
       from ampsync.table_as_of('${table}', ${at}) as t(r jsonb) order by (r ->> 'id')::integer`,
  );
  return rows.map(({ row }) => row);
}

async function head(): Promise<number> {
  return (await db.query("select ampsync.head()::integer as head")).rows[0]!["head"];
}

async function makeTable(name: string): Promise<number> {
  await db.query(`create table ${name} (id integer primary key, title text, done boolean not null default false,
    tags text[] not null default '{}', code char(3) not null default 'a', twice integer generated always as (id * 2) stored)`);
  await db.query(`insert into ${name} (id, title) select n, 'first ' || n from generate_series(1, 20) n`);
  return await logTable(db, name);
}

test("a table is what it was at any position and time since it was published, through changes of keys and columns added", async () => {
  const floor = await makeTable("public.walk");
  const roll = dice(4711);
  const fixtures: { position: number; time: string; rows: readonly unknown[] }[] = [];
  for (let step = 0; step < 60; step++) {
    const id = roll(1, 30);
    const change = [
      `insert into public.walk (id, title, tags) values (${id}, 'new ${step}', array['a b', null, '"']) on conflict (id) do nothing`,
      `update public.walk set title = case when ${step} % 5 > 0 then 'changed ${step}' end, done = not done where id = ${id}`,
      `delete from public.walk where id = ${id}`,
      `update public.walk set id = ${id + 30} where id = ${id} and not exists (select from public.walk where id = ${id + 30})`,
      `update public.walk w set id = w.id - 30 where w.id = ${id + 30} and not exists (select from public.walk where id = ${id})`,
    ][roll(0, 4)]!;
    await db.query(
      roll(0, 3) === 0
        ? `begin; ${change}; update public.walk set code = 'b' where id = ${id + 1}; commit`
        : change,
    );
    const { rows } = await db.query("select clock_timestamp()::text as time");
    fixtures.push({ position: await head(), time: rows[0]!["time"], rows: await rowsNow("public.walk") });
  }
  for (let look = 0; look < 12; look++) {
    const { position, time, rows } = fixtures[look === 0 ? 0 : roll(0, fixtures.length - 1)]!;
    expect(await rowsAt("public.walk", String(position)), `position ${position}`).toEqual(rows);
    expect(await rowsAt("public.walk", `'${time}'`), `time ${time}`).toEqual(rows);
  }
  await db.query("alter table public.walk add column more text default 'x'");
  await db.query("update public.walk set more = 'y'");
  const { position, rows } = fixtures[30]!;
  expect(await rowsAt("public.walk", `'${position}'`)).toEqual(rows);
  expect(await rowsAt("public.walk", `${floor}`)).toHaveLength(20);
  await expect(rowsAt("public.walk", `${floor - 1}`)).rejects.toMatchObject({
    code: "SY406",
    hint: `select * from ampsync.table_as_of('public.walk', ${floor}) as t(row_then jsonb);`,
  });
  await expect(rowsAt("public.walk", "1000000")).rejects.toMatchObject({ code: "SY406" });
  await expect(rowsAt("public.walk", "now() + interval '1 h'")).rejects.toMatchObject({ code: "SY406" });
});

test("what cannot be shown is refused with what is so, and with what works", async () => {
  await db.query("create table public.refused (id integer primary key)");
  const refusal = async (statement: string) => {
    const client = await db.client();
    return await client.query(statement).then(
      () => null,
      (error: unknown) => error,
    );
  };
  const look = (at: string) => `select * from ampsync.table_as_of('public.refused', ${at}) as t(todo jsonb)`;
  expect(await refusal(look("1"))).toMatchObject({
    message: "public.refused is not published",
    detail: "A table can be rebuilt from when it was published.",
    hint: "select ampsync.publish('public.refused');",
  });
  const floor = await logTable(db, "public.refused");
  expect(await refusal(look("null::timestamptz"))).toMatchObject({
    message: "a time or a position of the log is needed",
  });
  const { rows } = await db.query(
    "select t.recorded_at::text as at from ampsync_private.change_tx t where t.position = $1",
    [floor],
  );
  expect(await refusal(look("'1999-01-01'"))).toMatchObject({
    code: "SY406",
    detail: expect.stringContaining(`It can from position ${floor}, ${rows[0]!["at"]} on`),
  });
  expect(
    await refusal(`begin; insert into public.refused values (1); ${look("ampsync.head()")}`),
  ).toMatchObject({
    code: "25001",
    hint: expect.stringMatching(/^rollback;/),
  });
  const slot = "update ampsync_private.capture set phase = 'make', reason = 'pid 7 is open';";
  expect(await refusal(`begin; ${slot} ${look("ampsync.head()")}`)).toMatchObject({
    code: "SY405",
    detail: "pid 7 is open",
  });
  await db.query(
    "update ampsync_private.published set state = 'starting' where relation = 'public.refused'::regclass",
  );
  expect(await refusal(look("1"))).toMatchObject({
    message: "public.refused is not live yet",
    hint: "select table_name, state, reason, hint from ampsync.publications;",
  });
});

test("columns that the primary key only includes are none of the key", async () => {
  await db.query("create table public.included (id integer, title text, primary key (id) include (title))");
  await logTable(db, "public.included");
  await db.query("insert into public.included values (1, 'a'), (2, null)");
  const at = await head();
  await db.query("update public.included set title = 'b'");
  const { rows } = await db.query(
    `select todo from ampsync.table_as_of('public.included', ${at}) as t(todo jsonb) order by todo ->> 'id'`,
  );
  expect(rows.map(({ todo }) => todo)).toEqual([
    { id: "1", title: "a" },
    { id: "2", title: null },
  ]);
  await db.query(`select * from ampsync.restore_row('public.included', '{"id": 2}', '${at}')`);
  await db.query(`select * from ampsync.restore_table('public.included', '${at}', dry_run => false)`);
  expect((await db.query("select title from public.included order by id")).rows).toEqual([
    { title: "a" },
    { title: null },
  ]);
});

describe("a TRUNCATE, which leaves no old rows,", () => {
  test("ends what can be rebuilt", async () => {
    await makeTable("public.emptied");
    const before = await head();
    await db.query("truncate public.emptied");
    await expect(rowsAt("public.emptied", `${before}`)).rejects.toMatchObject({ code: "SY406" });
    expect(await rowsAt("public.emptied", `${await head()}`)).toEqual([]);
  });

  test("does not where the log has a baseline: times between them are rebuilt from it", async () => {
    await makeTable("public.based");
    await db.query("update public.based set title = 'old' where id = 1");
    const before = await head();
    await db.query(`with entry as (
        insert into ampsync_private.change_tx (position, kind, tx_id, lsn, xid, committed_at, recorded_at, schema_version, changes, bytes, details)
        select ampsync_private.take_position(), 'baseline', nextval('ampsync_private.tx_id'), '0/1', pg_current_xact_id(),
               clock_timestamp(), clock_timestamp(), '0.0.0', 20, 0, jsonb_build_object('tables', array[p.published_id])
          from ampsync_private.published p where p.relation = 'public.based'::regclass
        returning position, tx_id),
      lines as (insert into ampsync_private.change
        select e.tx_id, row_number() over () - 1, p.published_id, 'insert', r.row_key, r.data, null, '{"baseline": true}'
          from entry e, ampsync_private.published p, ampsync_private.rows_as_of(p, ampsync_private.log_head()) r
         where p.relation = 'public.based'::regclass)
      update ampsync_private.published p set rebuildable_from = e.position from entry e where p.relation = 'public.based'::regclass`);
    const fixtures = [{ position: await head(), rows: await rowsNow("public.based") }];
    for (const change of [
      "update public.based set title = 'changed', id = 99 where id = 3",
      "delete from public.based where id = 4",
      "truncate public.based",
      "insert into public.based (id) values (4), (5)",
      "delete from public.based where id = 4",
      "truncate public.based",
      "insert into public.based (id) values (1)",
    ]) {
      await db.query(change);
      fixtures.push({ position: await head(), rows: await rowsNow("public.based") });
    }
    for (const { position, rows } of fixtures) {
      expect(await rowsAt("public.based", `${position}`), `position ${position}`).toEqual(rows);
    }
    await expect(rowsAt("public.based", `${before}`)).rejects.toMatchObject({ code: "SY406" });
  });
});

describe("what cannot be rebuilt is refused:", () => {
  test("a table that is not published, one without old rows, and one of a dataset", async () => {
    await db.query(
      "create table public.plain (id integer primary key); create table public.keyed (id integer primary key)",
    );
    await logTable(db, "public.keyed", "key");
    for (const table of ["public.plain", "public.keyed"]) {
      await expect(
        db.query(`select * from ampsync.table_as_of('${table}', 1) as t(r jsonb)`),
      ).rejects.toMatchObject({
        code: "SY401",
        hint: expect.stringMatching(/^select ampsync\.publish\('(public\.)?\w+'/),
      });
    }
  });

  test("in a transaction that has written the table, or does not see what others commit", async () => {
    await makeTable("public.written");
    const at = await head();
    const look = `select * from ampsync.table_as_of('public.written', ${at}) as t(r jsonb)`;
    await expect(db.query(`begin; update public.written set done = true; ${look}`)).rejects.toMatchObject({
      code: "25001",
    });
    await db.query("rollback");
    await expect(db.query(`begin isolation level repeatable read; ${look}`)).rejects.toMatchObject({
      code: "25001",
    });
    await db.query("rollback");
  });

  test("a writer is waited for, and the next one waits until the transaction ends", async () => {
    await makeTable("public.busy");
    const at = await head();
    const writer = await db.client();
    await writer.query("begin; update public.busy set title = 'late' where id = 1");
    const reader = await db.client();
    const looking = reader.query(
      `begin; select * from ampsync.table_as_of('public.busy', ${at}) as t(r jsonb) where r ->> 'id' = '1'`,
    );
    await writer.query("commit");
    const [, found] = (await looking) as unknown as { rows: { r: { title: string } }[] }[];
    expect(found!.rows.map(({ r }) => r.title)).toEqual(["first 1"]);
    await writer.query("set lock_timeout = '50ms'");
    await expect(writer.query("delete from public.busy")).rejects.toMatchObject({ code: "55P03" });
    await reader.query("commit");
    await writer.query("delete from public.busy");
  });
});
