// Takes 15 s.
import { afterAll, beforeAll, expect, test } from "vitest";

import { Scenario } from "../support/worker/scenario.ts";

let scenario: Scenario;

beforeAll(async () => {
  scenario = await Scenario.start();
  scenario.startWorker();
});
afterAll(() => scenario[Symbol.asyncDispose]());

/** Whatever was committed before is in the log; resolves to its head. */
async function head(): Promise<string> {
  await scenario.db.query("call ampsync.wait_for_capture()").catch(async (e) => {
    console.error(
      e.detail,
      (await scenario.db.query("select key, locked_at, attempts, run_at, now() from graphile_worker.jobs"))
        .rows,
      (await scenario.db.query("select * from ampsync_private.capture")).rows,
      (await scenario.db.query("select * from ampsync.events")).rows,
    );
    throw e;
  });
  return (await scenario.db.query("select ampsync.head()::text as head")).rows[0]!["head"];
}

async function rowsOf(from: string): Promise<readonly unknown[]> {
  const { rows } = await scenario.db.query(from);
  return rows.map(({ row }) => row);
}

const NOW = `select format('%s|%s|%s|%s|%s|%s|%s', id, title, done, price, tags, "at", raw) as row from public.todos order by id`;

function then(at: string): string {
  return `select format('%s|%s|%s|%s|%s|%s|%s', r ->> 'id', r ->> 'title', r ->> 'done', r ->> 'price', r ->> 'tags', r ->> 'at', r ->> 'raw') as row
    from ampsync.table_as_of('public.todos', ${at}) as t(r jsonb) order by (r ->> 'id')::integer`;
}

test("a partitioned table is shown as it was, and restored, through rows that moved to another partition", async () => {
  const { db } = scenario;
  await db.query(`create table public.parts (id integer, region text, title text, primary key (id, region)) partition by list (region);
    create table public.parts_a partition of public.parts for values in ('a');
    create table public.parts_b partition of public.parts for values in ('b')`);
  await db.query(
    "insert into public.parts select n, case when n > 3 then 'b' else 'a' end, 'row ' || n from generate_series(1, 6) n",
  );
  await db.query("select ampsync.publish('public.parts')");
  await scenario.until("it to be live", async () => {
    const { rows } = await db.query(
      "select state from ampsync.publications where table_name = 'public.parts'",
    );
    return rows[0]?.["state"] === "live";
  });
  const rows = "select format('%s %s %s', id, region, title) as row from public.parts order by id";
  const at = await head();
  const before = await rowsOf(rows);
  await db.query(
    "update public.parts set region = 'b' where id = 1; delete from public.parts where id = 5; update public.parts_b set title = 'x'",
  );
  await head();
  const past = `select format('%s %s %s', r ->> 'id', r ->> 'region', r ->> 'title') as row from ampsync.table_as_of('public.parts', ${at}) as t(r jsonb) order by 1`;
  expect(await rowsOf(past)).toEqual(before);
  await db.query(`select * from ampsync.restore_row('public.parts', '{"id": 5, "region": "b"}', '${at}')`);
  await head();
  await db.query(`select * from ampsync.restore_table('public.parts', '${at}', dry_run => false)`);
  expect(await rowsOf(rows)).toEqual(before);
});

test("a table with a baseline is rebuilt across a TRUNCATE; who reads the log gets no baseline", async () => {
  const { db } = scenario;
  const rows = "select format('%s %s', id, title) as row from public.based order by id";
  const past = (at: string) =>
    `select format('%s %s', r ->> 'id', r ->> 'title') as row from ampsync.table_as_of('public.based', ${at}) as t(r jsonb) order by 1`;
  await db.query("create table public.based (id integer primary key, title text)");
  await db.query("insert into public.based select n, 'row ' || n from generate_series(1, 9) n");
  await db.query("select ampsync.publish('public.based', baseline => true)");
  await scenario.until("the baseline", async () => {
    const { rows: found } = await db.query(
      "select from ampsync.change_history where table_name = 'public.based' and metadata ? 'baseline'",
    );
    return found.length === 9;
  });
  const fixtures = new Map([[await head(), await rowsOf(rows)]]);
  for (const change of [
    "update public.based set title = 'changed' where id = 2; delete from public.based where id = 3",
    "truncate public.based",
    "insert into public.based values (3, 'again')",
  ]) {
    await db.query(change);
    fixtures.set(await head(), await rowsOf(rows));
  }
  for (const [at, found] of fixtures) expect(await rowsOf(past(at)), `position ${at}`).toEqual(found);
  const { rows: read } = await db.query(
    "select distinct kind, operation from ampsync.read_changes(after => 0) where table_name = 'public.based' order by 1, 2",
  );
  expect(read.map(({ kind, operation }) => `${kind} ${operation}`)).toEqual([
    ...["floor floor", "rows delete", "rows insert", "rows truncate", "rows update"],
  ]);
  await db.query("select ampsync.publish('public.based', baseline => true)"); // Another one, of a table that is live.
  await scenario.until("another baseline", async () => {
    const { rows: found } = await db.query(
      "select from ampsync_private.change_tx t join ampsync_private.published p on p.rebuildable_from = t.position where t.kind = 'baseline' and t.changes = 1",
    );
    return found.length === 1;
  });
  await db.query("select ampsync.publish('public.based', identity => 'key')");
  await expect(
    db.query("select ampsync.publish('public.based', identity => 'key', baseline => true)"),
  ).rejects.toMatchObject({ code: "SY402" });
});

test("a captured table is shown as it was, its rows are restored and erased, by the log of a worker that reads WAL", async () => {
  const { db } = scenario;
  await db.query("set timezone = 'UTC'");
  await db.query(`create table public.todos (id integer primary key, title text, done boolean not null default false,
    price numeric(10, 2), tags text[] not null default '{}', "at" timestamptz, raw bytea,
    twice integer generated always as (id * 2) stored)`);
  await db.query(`insert into public.todos (id, title, price, tags, "at", raw)
    select n, repeat('long ', n * 1000), n / 3.0, array['a "b"', null], '2026-01-01 12:00:00.123456+02', '\\x00ff' from generate_series(1, 8) n`);
  await db.query("select ampsync.publish('public.todos')");
  await scenario.until("it to be live", async () => {
    const { rows } = await db.query(
      "select state from ampsync.publications where table_name = 'public.todos'",
    );
    return rows[0]?.["state"] === "live";
  });

  const fixtures = new Map([[await head(), await rowsOf(NOW)]]);
  for (const change of [
    "update public.todos set done = true, price = 'NaN' where id in (1, 2)", // Its long value does not come again.
    "begin; delete from public.todos where id = 3; update public.todos set id = 30 where id = 4; commit",
    "insert into public.todos (id, title) values (3, null), (9, '')",
    "update public.todos set id = 4 where id = 30",
    "alter table public.todos add column more text default 'x'; update public.todos set more = 'y' where id < 3",
  ]) {
    await db.query(change);
    fixtures.set(await head(), await rowsOf(NOW));
  }
  for (const [at, rows] of fixtures) expect(await rowsOf(then(at)), `position ${at}`).toEqual(rows);

  const [first] = fixtures.keys();
  const history = await db.query(
    `select operation, source, client_id from ampsync.row_history('public.todos', '{"id": 4}')`,
  );
  expect(history.rows.map(({ operation }) => operation)).toEqual(["delete", "insert", "delete", "insert"]);

  await db.query(`select * from ampsync.restore_row('public.todos', '{"id": 3}', '${first}')`);
  expect(await rowsOf(then(`'${await head()}'`))).toEqual(await rowsOf(NOW));
  await db.query(`select * from ampsync.restore_table('public.todos', '${first}', dry_run => false)`);
  expect(await rowsOf(NOW)).toEqual(fixtures.get(first!));

  await db.query("delete from public.todos where id = 3");
  await db.query(`select ampsync.erase_history('public.todos', '{"id": 3}')`);
  const erased = await db.query(
    `select old_data, data from ampsync.row_history('public.todos', '{"id": 3}')`,
  );
  expect(new Set(erased.rows.flatMap((row) => Object.values(row)))).toEqual(new Set([null]));
});
