import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createLogicalDatabase();
});
afterAll(() => db.drop());

let tables = 0;
let todos: string;
beforeEach(async () => {
  todos = `public.todos_${++tables}`;
  await db.query(`create table ${todos} (id integer primary key, title text)`);
});

const publish = (table: string, identity = "full") =>
  db.query("select ampsync.publish($1, $2)", [table, identity]);

/** What an error tells to do. */
const hintOf = async (refused: Promise<unknown>): Promise<string> => {
  const error = await refused.then(
    () => null,
    (thrown) => thrown,
  );
  return error?.hint ?? "";
};

const refused = (code: string, message: RegExp, hint: RegExp = /./) => ({
  code,
  message: expect.stringMatching(message),
  hint: expect.stringMatching(hint),
});

describe("publish refuses, with what helps,", () => {
  test.each([
    ["a table without primary key", "create table t_x (id integer)", /no primary key/],
    ["an unlogged table", "create unlogged table t_x (id integer primary key)", /unlogged/],
    ["a temporary table", "create temp table t_x (id integer primary key)", /it is temporary$/],
    ["an index", "create table t_y (id integer); create index t_x on t_y (id)", /it is an index$/],
    ["a sequence", "create sequence t_x", /it is a sequence$/],
    ["a view", "create view t_x as select 1 as id", /a view/],
    [
      "a table with children",
      "create table t_x (id integer primary key); create table t_child () inherits (t_x)",
      /inherit/,
    ],
    [
      "a column that names objects",
      "create table t_x (id integer primary key, r regclass)",
      /no type regclass/,
    ],
    [
      "a column of a composite type",
      "create type pair as (a integer, b integer); create table t_x (id integer primary key, p pair)",
      /no type public.pair/,
    ],
    [
      "a generated column that uses a function of the application",
      `create function twice(integer) returns integer language sql immutable as 'select 2 * $1';
       create table t_x (id integer primary key, d integer generated always as (twice(id)) stored)`,
      /uses function public.twice\(integer\)/,
    ],
    [
      "a generated column that compares with a label of an enum",
      `create type mood_x as enum ('sad', 'ok');
       create table t_x (id integer primary key, m mood_x, g boolean generated always as (m = 'ok') stored)`,
      /a generated column uses (type|the enum) public.mood_x/,
    ],
    [
      "a generated column that orders by an enum",
      `create type mood_x as enum ('sad', 'ok');
       create table t_x (id integer primary key, m mood_x, o mood_x, g boolean generated always as (m > o) stored)`,
      /a generated column uses the enum public.mood_x/,
    ],
    [
      "a generated column that compares by a language",
      `create table t_x (id integer primary key, t text, g boolean generated always as (t collate "de-x-icu" > 'm') stored)`,
      /a generated column uses collation "?de-x-icu"?/,
    ],
    [
      "a generated column by a collation of the application",
      `create collation mine_x (provider = icu, locale = 'de');
       create table t_x (id integer primary key, t text, g boolean generated always as (t collate mine_x > 'm') stored)`,
      /a generated column uses collation (public.)?mine_x/,
    ],
    [
      "a generated column by a domain of the application",
      `create domain short_x as text check (length(value) < 9);
       create table t_x (id integer primary key, t text, g text generated always as (t::short_x) stored)`,
      /a generated column uses type (public.)?short_x/,
    ],
    [
      "a primary key with a generated column, which WAL does not have",
      "create table t_x (a integer, g integer generated always as (a * 2) stored, primary key (a, g))",
      /column g of its primary key is generated/,
    ],
    [
      "a key that is generated",
      "create table t_x (a integer, id integer generated always as (a * 2) stored primary key)",
      /the column id of its primary key is generated/,
    ],
    [
      "a partitioned table whose key has a generated column",
      `create table t_x (id integer, g integer generated always as (id * 2) stored, primary key (id, g))
         partition by range (id);
       create table t_x_1 partition of t_x for values from (0) to (10)`,
      /the column g of its primary key is generated/,
    ],
    [
      "whole old rows beside a list of columns",
      "create table t_x (id integer primary key, a text); create publication p_x for table t_x (id)",
      /another publication lists columns of it: p_x/,
    ],
  ])("%s", async (_what, make, message) => {
    await db.query("begin");
    await db.query(make);
    await db.query("savepoint made");
    const error = await publish("t_x").catch((thrown: unknown) => thrown);
    await db.query("rollback");
    expect(error).toMatchObject(refused("SY402", message));
  });

  test("the schemas of ampsync, of the queue and of the server", async () => {
    for (const table of ["ampsync_private.stream", "graphile_worker._private_jobs", "pg_catalog.pg_class"]) {
      await expect(publish(table)).rejects.toMatchObject(refused("SY402", /not for applications/));
    }
  });

  test("an index and a sequence, with the table that they belong to", async () => {
    await db.query(`alter table ${todos} add column number serial`);
    const itself = new RegExp(`^select ampsync.publish\\('${todos}'\\);$`);
    await expect(publish(`${todos}_pkey`)).rejects.toMatchObject(refused("SY402", /an index$/, itself));
    await expect(publish(`${todos}_number_seq`)).rejects.toMatchObject(
      refused("SY402", /a sequence$/, itself),
    );
  });

  test("an identity that there is not", async () => {
    await expect(publish(todos, "some")).rejects.toMatchObject(refused("SY402", /no identity 'some'/));
  });

  test("the key where another publication filters by more, and it is the key that would be set", async () => {
    await db.query(`create publication by_title for table ${todos} where (title > 'a');
      alter table ${todos} replica identity nothing`);
    await expect(publish(todos, "key")).rejects.toMatchObject(
      refused("SY402", /filters by more than its key/, /publish\('public.todos_\d+'\)/),
    );
    await publish(todos);
    await db.query(
      `insert into ${todos} values (1, 'b'); update ${todos} set title = 'c'; delete from ${todos}`,
    );
  });

  test("a table that its own transaction has locked", async () => {
    await db.query(`begin; select from ${todos}`);
    const error = await publish(todos).catch((thrown: unknown) => thrown);
    await db.query("rollback");
    expect(error).toMatchObject(refused("25001", /locked by this transaction/));
  });

  test("a server without limit of WAL where one is required, else warns", async () => {
    const client = await db.client();
    const warnings: (string | undefined)[] = [];
    client.on("notice", ({ severity, hint }) => severity === "WARNING" && warnings.push(hint));
    await client.query(`select ampsync.publish('${todos}')`);
    expect(warnings).toEqual([
      "alter system set max_slot_wal_keep_size = '16384MB'; select pg_reload_conf();",
    ]);

    await db.query("create table public.limited (id integer primary key)");
    await client.query("begin; select ampsync.configure_capture(require_wal_limit => true)");
    const error = await client.query("select ampsync.publish('public.limited')").catch((thrown) => thrown);
    await client.query("rollback");
    expect(error).toMatchObject(refused("SY403", /no limit of WAL/, /max_slot_wal_keep_size/));
  });
});

describe("what is refused", () => {
  test.each([
    ["without a primary key, of a table with a column id", "create table {t} (id integer)"],
    [
      "without a primary key, of a partitioned table",
      `create table {t} (id integer, day date) partition by range (day);
       create table {t}_1 partition of {t} for values from ('2026-01-01') to ('2027-01-01')`,
    ],
    ["unlogged", "create unlogged table {t} (id integer primary key)"],
    [
      "for partitions that do not stand in WAL",
      `create table {t} (id integer primary key) partition by range (id);
       create unlogged table {t}_1 partition of {t} for values from (0) to (10);
       create table {t}_2 partition of {t} for values from (10) to (20) partition by range (id);
       create foreign data wrapper far; create server far foreign data wrapper far;
       create foreign table {t}_3 partition of {t}_2 for values from (10) to (15) server far`,
    ],
  ])("%s, can be published once its hint was run", async (what, make) => {
    const table = `public.mended_${++tables}`;
    await db.query(
      make.replaceAll("{t}", table).replace("id integer primary key) partition", "id integer) partition"),
    );
    const hint = await hintOf(publish(table));
    expect(hint, what).toMatch(/^alter table/);
    await db.query(hint);
    if (make.includes("foreign table")) await db.query(await hintOf(publish(table))); // It has no key either.
    await publish(table);
    expect(await isPublished(table)).toBe(true);
  });

  test.each([
    [
      "a view, for the tables that it reads",
      "create view {t}_v as select * from {t}; create view {t}_x as table {t}_v",
    ],
    ["a table with children", "create table {t}_x (i integer); alter table {t} inherit {t}_x"],
  ])("%s: its hint publishes what can be", async (_what, make) => {
    await db.query(make.replaceAll("{t}", todos).replace("(i integer)", "(id integer, title text)"));
    const hint = await hintOf(publish(`${todos}_x`));
    expect(hint).toBe(`select ampsync.publish('${todos}');`);
    await db.query(hint);
    expect(await isPublished(todos)).toBe(true);
  });

  test("a temporary table: its hint makes one that can be", async () => {
    const client = await db.client();
    await client.query("create temporary table for_long (id integer primary key, title text default 'none')");
    const hint = await hintOf(client.query("select ampsync.publish('for_long')"));
    await client.query(hint);
    await publish("public.for_long");
    expect(await isPublished("public.for_long")).toBe(true);
  });

  test("what no statement makes a table of: its hint lists those that there are", async () => {
    await db.query("create sequence alone; create view empty as select 1 as id");
    for (const other of ["pg_catalog.pg_class", "alone", "empty"]) {
      const hint = await hintOf(publish(other));
      const { rows } = await db.query(hint);
      expect(rows.map(({ tablename }) => `public.${tablename}`)).toContain(todos);
    }
  });
});

async function isPublished(table: string): Promise<boolean> {
  const { rows } = await db.query(
    "select exists (select from ampsync_private.published p where p.relation = $1::regclass and p.state <> 'ended') as it",
    [table],
  );
  return rows[0]!["it"];
}
