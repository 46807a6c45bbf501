import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { journaledDetails } from "../../support/postgres/journal.ts";
import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";
import { tendPublication } from "../../support/postgres/tended.ts";

let db: TestDatabase;
let version: number;
beforeAll(async () => {
  db = await createLogicalDatabase();
  const { rows } = await db.query("select current_setting('server_version_num')::integer as version");
  version = rows[0]!["version"];
});
afterAll(() => db.drop());

let tables = 0;

/** A table of an application with the statements that make something of it. */
async function made(...statements: readonly string[]): Promise<string> {
  const table = `public.app_${++tables}`;
  await db.query(`create table ${table} (id integer primary key, title text not null, rank integer)`);
  for (const statement of statements) await db.query(statement.replaceAll("TABLE", table));
  return table;
}

const publish = (table: string, identity = "full") =>
  db.query("select ampsync.publish($1, $2)", [table, identity]);

/** What every application does. */
async function work(table: string): Promise<void> {
  await db.query(`insert into ${table} (id, title, rank) values (1, 'a', 1), (2, 'b', 2)`);
  await db.query(`update ${table} set title = title || '!'`);
  await db.query(`update ${table} set id = 3 where id = 2`);
  await db.query(`delete from ${table}`);
}

async function identityOf(table: string): Promise<string> {
  const { rows } = await db.query("select ampsync_private.identity_of($1) as identity", [table]);
  return rows[0]!["identity"];
}

describe("UPDATE and DELETE of the application go on", () => {
  test.each([
    ["with whole old rows", "full", []],
    ["with the key alone", "key", []],
    ["with an index as identity", "full", ["alter table TABLE add unique (title)"]],
    [
      "with the key beside a list of columns",
      "key",
      ["create publication list_PUB for table TABLE (id, title)"],
    ],
    [
      "with whole old rows beside a filter by other columns",
      "full",
      [
        "create publication filter_PUB for table TABLE where (rank > 0)",
        "alter table TABLE replica identity full",
      ],
    ],
    [
      "with a stored generated column",
      "full",
      ["alter table TABLE add column long text generated always as (title || title) stored"],
    ],
    ["with a deferrable unique constraint", "full", ["alter table TABLE add unique (rank) deferrable"]],
  ])("%s", async (_what, identity, statements) => {
    const table = await made(...statements.map((text) => text.replace("PUB", String(tables))));
    await publish(table, identity);
    await work(table);
  });

  test("with a primary key that can be deferred, which `key` refuses", async () => {
    const table = await made(
      "alter table TABLE drop constraint TABLE_pkey".replace("TABLE_pkey", `app_${tables + 1}_pkey`),
    );
    await db.query(`alter table ${table} add primary key (id) deferrable`);
    await expect(publish(table, "key")).rejects.toMatchObject({
      code: "SY402",
      message: expect.stringContaining("its primary key can be deferred"),
    });
    await publish(table);
    await work(table);
  });

  test("with virtual columns, which need identity key", async (context) => {
    if (version < 180000) context.skip("virtual columns came with PostgreSQL 18");
    const table = await made(
      "alter table TABLE add column long text generated always as (title || title) virtual",
    );
    await expect(publish(table)).rejects.toMatchObject({
      code: "SY402",
      message: expect.stringContaining("columns of it are virtual: long"),
      hint: `select ampsync.publish('${table}', identity => 'key');`,
    });
    await publish(table, "key");
    await work(table);
  });

  test("once the job has been there, where a virtual column is added to a published table", async (context) => {
    if (version < 180000) context.skip("virtual columns came with PostgreSQL 18");
    const table = await made();
    await publish(table);
    await db.query(`alter table ${table} add column long text generated always as (title || title) virtual`);
    await db.query(`insert into ${table} values (9, 'x')`);
    await expect(db.query(`delete from ${table}`)).rejects.toThrow(/cannot delete from table/);
    await tendPublication(db);
    await db.query(`delete from ${table}`);
    await work(table);
    const { rows } = await db.query(
      "select identity, state from ampsync_private.published where relation = $1::regclass",
      [table],
    );
    expect(rows).toEqual([{ identity: "key", state: expect.stringMatching(/starting|live/) }]);
    expect(await identityOf(table)).toBe("d");
    expect(await journaledDetails(db, "publication_repaired")).toContainEqual(
      expect.objectContaining({ table: expect.stringContaining(table.slice(7)), identity: "key" }),
    );
  });

  test("once the job has been there, where another publication lists columns later", async () => {
    const table = await made();
    await publish(table);
    await db.query(`create publication later_${tables} for table ${table} (id, title)`);
    await db.query(`insert into ${table} values (9, 'x')`);
    await expect(db.query(`update ${table} set title = 'y'`)).rejects.toThrow(/cannot update table/);
    await tendPublication(db);
    await db.query(`delete from ${table}`);
    await work(table);
    const { rows } = await db.query(
      "select identity, state from ampsync_private.published where relation = $1::regclass",
      [table],
    );
    expect(rows).toEqual([{ identity: "key", state: expect.stringMatching(/starting|live/) }]);
  });
});

test("an identity that was weakened later is set again, and a new partition gets it", async () => {
  const table = await made();
  await publish(table);
  await db.query(`create table parted (id integer primary key) partition by range (id);
    create table parted_1 partition of parted for values from (0) to (10)`);
  await publish("public.parted");
  await tendPublication(db);
  await db.query(`alter table ${table} replica identity nothing`);
  await db.query("create table parted_2 partition of parted for values from (10) to (20)");
  await tendPublication(db);
  expect(await identityOf(table)).toBe("f");
  expect(await identityOf("public.parted_2")).toBe("f");
  await db.query("insert into parted values (1), (11); update parted set id = id + 1; delete from parted");
});

describe("a column that an index only includes is none of its key:", () => {
  test.each([
    ["an index with the key fits", "add primary key (id) include (rank)", "(id)", "i"],
    [
      "one that has the key, and includes another column, fits",
      "add primary key (id)",
      "(id) include (rank)",
      "i",
    ],
    ["one that only includes the key does not", "add primary key (id)", "(title) include (id)", "d"],
  ])("%s", async (_what, key, columns, expected) => {
    const table = `public.app_${++tables}`;
    await db.query(`create table ${table} (id integer not null, title text not null, rank integer);
      alter table ${table} ${key};
      create unique index app_${tables}_idx on ${table} ${columns};
      alter table ${table} replica identity using index app_${tables}_idx`);
    await publish(table, "key");
    expect((await identityOf(table))[0]).toBe(expected);
    await work(table);
  });

  test("whoever filters by it would be kept from UPDATE and DELETE", async () => {
    const table = `public.app_${++tables}`;
    await db.query(`create table ${table} (id integer, title text, rank integer, primary key (id) include (rank));
      alter table ${table} replica identity full;
      create publication included_${tables} for table ${table} where (rank > 0);
      alter table ${table} replica identity nothing`);
    await expect(publish(table, "key")).rejects.toMatchObject({
      code: "SY402",
      message: expect.stringContaining("another publication filters by more than its key"),
    });
  });
});

test("unpublish puts back what was there, on each partition", async () => {
  await db.query(`create table sold (id integer, region text not null, note text, primary key (id, region)) partition by list (region);
    create table sold_a partition of sold for values in ('a');
    create table sold_b partition of sold for values in ('b');
    create unique index sold_b_idx on sold_b (id, region) include (note);
    alter table sold_b replica identity using index sold_b_idx;
    alter table sold_a replica identity nothing`);
  const identities = async () =>
    (
      await db.query(
        `select ampsync_private.identity_of(t.relation) as identity
           from ampsync_private.identity_tables('public.sold') t order by t.relation::text`,
      )
    ).rows.map(({ identity }) => identity);
  const before = await identities();
  await publish("public.sold");
  expect(await identities()).toEqual(["f", "f", "f"]);
  await db.query("select ampsync.unpublish('public.sold')");
  await tendPublication(db);
  expect(await identities()).toEqual(before);
});
