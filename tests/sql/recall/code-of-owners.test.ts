import { afterAll, beforeAll, expect, test } from "vitest";

import { installTriggerLog, logTable } from "../../support/capture/trigger-log.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();
const OWNER = `owns_todos_${process.pid}`;
const LOGIN = `looks_at_todos_${process.pid}`;
const SPY = `insert into public.ran select distinct current_user`;
const KEY = `{"id": "one", "mood": "calm"}`;

/** A table whose owner has code everywhere that PostgreSQL runs for whoever uses it. */
beforeAll(async () => {
  await installTriggerLog(db);
  await db.query(`create role ${OWNER}; create role ${LOGIN}; grant ampsync_admin to ${LOGIN};
    grant create on schema public to ${OWNER}; grant usage, create on schema public to ${LOGIN};
    create table public.ran (who name); grant all on public.ran to public; set role ${OWNER};
    create function public.spy(text) returns boolean language plpgsql as $$ begin ${SPY}; return true; end $$;
    create domain public.word as text check (public.spy(value));
    create type public.mood as enum ('calm', 'angry');
    create function public.to_mood(text) returns public.mood language plpgsql
      as $$ begin ${SPY}; return case when $1 = 'calm' then enum_first(null::public.mood) else 'angry' end; end $$;
    create cast (text as public.mood) with function public.to_mood(text);
    create function public.now_and_spy() returns timestamptz language plpgsql as $$ begin ${SPY}; return now(); end $$;
    create table public.todos (id public.word, mood public.mood, words public.word[] not null default '{}', title text,
      at timestamptz not null default public.now_and_spy(), primary key (id, mood));
    grant all on public.todos to ${LOGIN};
    create function public.on_todo() returns trigger language plpgsql as $$ begin ${SPY}; return new; end $$;
    create trigger on_todo after insert or update or delete on public.todos for each row execute function public.on_todo();
    reset role`);
  await db.query("alter function test_log.on_row() security definer");
  await logTable(db, "public.todos");
});

afterAll(() => db.query(`drop owned by ${OWNER}, ${LOGIN} cascade; drop role ${OWNER}, ${LOGIN}`));

/** Who runs code of the owner in a call. */
async function runners(call: string): Promise<readonly string[]> {
  await db.query("delete from public.ran");
  await db.query(`set role ${LOGIN}; ${call}; reset role`);
  return (await db.query("select distinct who from public.ran")).rows.map(({ who }) => who);
}

test("code of a table's owner runs with the rights of whoever looks back at it or restores it, never with those of ampsync", async () => {
  await db.query("insert into public.todos values ('one', 'calm', '{a,b}', 'first')");
  const { rows } = await db.query("select ampsync.head()::text as head");
  const at = rows[0]!["head"];
  await db.query("update public.todos set title = 'second', words = '{c}'");
  for (const call of [
    `select * from ampsync.row_history('public.todos', '${KEY}')`,
    `select * from ampsync.table_as_of('public.todos', '${at}') as t(todo jsonb)`,
    `select * from ampsync.restore_table('public.todos', '${at}')`,
  ]) {
    expect(await runners(call), call).toEqual([]);
  }
  expect(await runners(`select * from ampsync.restore_row('public.todos', '${KEY}', '${at}')`)).toEqual([
    LOGIN,
  ]);
  expect((await db.query("select title, words::text from public.todos")).rows).toEqual([
    { title: "first", words: "{a,b}" },
  ]);
  await db.query("delete from public.todos");
  expect(
    await runners(`select * from ampsync.restore_table('public.todos', '${at}', dry_run => false)`),
  ).toEqual([LOGIN]);
  expect((await db.query("select title from public.todos")).rows).toEqual([{ title: "first" }]);
  expect(await runners(`select ampsync.erase_history('public.todos', '${KEY}')`)).toEqual([]);
  const history = await db.query(`select operation, data from ampsync.row_history('public.todos', '${KEY}')`);
  expect(history.rows.map(({ operation }) => operation)).toEqual([
    "insert",
    "update",
    "update",
    "delete",
    "insert",
  ]);
  for (const { data } of history.rows) expect(data).toBeNull();
});

test("triggers of a restored row find what the path of its caller has; what writes it finds nothing else there", async () => {
  await db.query(`create schema app; create schema evil; create table public.notes (id integer primary key, mood public.mood, title text, more jsonb);
    create table app.audit (title text);
    create function app.on_note() returns trigger language plpgsql
      as $$ begin insert into audit select coalesce(new.title, 'gone'); return coalesce(new, old); end $$;
    create trigger on_note after insert or update or delete on public.notes for each row execute function app.on_note()`);
  await logTable(db, "public.notes");
  await db.query(`insert into app.audit select 'none'`);
  await db.query(
    `set search_path = app; insert into public.notes values (1, 'calm', 'first', '{}'), (2, 'calm', 'second', '{}'); reset search_path`,
  );
  const { rows } = await db.query("select ampsync.head()::text as head");
  const at = rows[0]!["head"];
  await db.query(`set search_path = app; update public.notes set title = 'changed'; reset search_path; delete from app.audit; delete from public.ran;
    create function evil.spied(integer, integer) returns boolean language plpgsql as $$ begin ${SPY}; return true; end $$;
    create operator evil.= (leftarg = integer, rightarg = integer, function = evil.spied);
    create function evil.get(jsonb, text) returns text language plpgsql as $$ begin ${SPY}; return 'evil'; end $$;
    create operator evil.->> (leftarg = jsonb, rightarg = text, function = evil.get);
    create function evil.set_config(text, text, boolean) returns text language plpgsql as $$ begin ${SPY}; return 'evil'; end $$;
    create domain evil.jsonb as text check (public.spy(value)); create domain evil.text as pg_catalog.text check (public.spy(value))`);
  const rowOf = `ampsync.restore_row('public.notes', '{"id": 1}', '${at}'`;
  await expect(db.query(`select * from ${rowOf})`)).rejects.toMatchObject({ code: "42P01" });
  await db.query(`set search_path = evil, app, pg_catalog; create temp table pg_class (id integer);
    create domain pg_temp.text as pg_catalog.text check (public.spy(value))`);
  try {
    await db.query(`select * from ${rowOf})`);
    await db.query(`select * from ampsync.restore_table('public.notes', '${at}', dry_run => false)`);
    expect((await db.query("show search_path")).rows).toEqual([{ search_path: "evil, app, pg_catalog" }]);
  } finally {
    await db.query("reset search_path; drop table pg_temp.pg_class; drop domain pg_temp.text");
  }
  expect((await db.query("select title from app.audit")).rows).toEqual([
    { title: "first" },
    { title: "second" },
  ]);
  expect((await db.query("select who from public.ran")).rows).toEqual([]);
  await db.query("set search_path = app; update public.notes set title = 'changed'; reset search_path");
  await db.query(`select * from ${rowOf}, search_path => 'app')`);
  await expect(
    db.query(`set search_path = ''; select * from ${rowOf.replace(": 1", ": 2")})`),
  ).rejects.toMatchObject({ code: "42P01" });
  await db.query("reset search_path");
});
