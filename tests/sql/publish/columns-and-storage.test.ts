import { expect, test } from "vitest";

import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

async function columnsOf(table: string): Promise<Record<string, unknown>[]> {
  const { rows } = await db.query("select ampsync_private.published_columns($1) as columns", [table]);
  return rows[0]!["columns"];
}

interface Storage {
  readonly leaves: Readonly<Record<string, object>>;
  readonly enums: Readonly<Record<string, string>>;
  readonly publication: object | null;
}

async function storageOf(table: string): Promise<Storage> {
  const { rows } = await db.query("select ampsync_private.published_storage($1) as storage", [table]);
  return rows[0]!["storage"];
}

test("columns have what a Relation message tells, and what it does not tell", async () => {
  await db.query(`
    create schema kinds;
    create type kinds.mood as enum ('sad', 'glad');
    create domain kinds.short as varchar(10) default 'none';
    create domain kinds.shorter as kinds.short;
    create table kinds.t (id bigint, name varchar(20) not null default 'x', gone text, m kinds.mood, ms kinds.mood[],
      d kinds.shorter, n numeric(10, 2) default 1.5, twice bigint generated always as (id * 2) stored,
      primary key (id));
    alter table kinds.t drop gone`);
  expect(await columnsOf("kinds.t")).toMatchObject([
    { name: "id", attnum: 1, type: "20", typmod: -1, client_type: "bigint", not_null: true, key: true },
    { name: "name", client_type: "character varying(20)", not_null: true, default: "'x'::character varying" },
    { name: "m", attnum: 4, client_type: "text", not_null: false, default: null, key: false },
    { name: "ms", client_type: "text[]", generated: null, expression: null },
    { name: "d", client_type: "character varying", default: "'none'::character varying" },
    { name: "n", typmod: 655366, client_type: "numeric(10,2)", default: "1.5" },
    { name: "twice", attnum: 8, default: null, generated: "stored", expression: "(id * 2)" },
  ]);
});

test("a column that the primary key only includes is none of the key", async () => {
  await db.query(`
    create schema inc;
    create table inc.t (extra text, b integer, a integer, more text, primary key (a, b) include (more, extra));
    create table inc.parted (id integer, extra text, primary key (id) include (extra)) partition by range (id)`);
  const keysOf = async (table: string) =>
    (await columnsOf(table)).filter(({ key }) => key === true).map(({ name }) => name);
  expect(await keysOf("inc.t")).toEqual(["b", "a"]);
  expect(await keysOf("inc.parted")).toEqual(["id"]);
});

test("storage has the files of all partitions, the labels of enums behind arrays and domains, and the membership", async () => {
  await db.query(`
    create schema parts;
    create type parts.mood as enum ('sad', 'glad');
    create domain parts.moods as parts.mood[];
    create table parts.t (id bigint primary key, m parts.moods) partition by range (id);
    create table parts.low partition of parts.t for values from (0) to (10) partition by range (id);
    create table parts.lowest partition of parts.low for values from (0) to (5);
    create publication ampsync`);
  const before = await storageOf("parts.t");
  expect(before).toMatchObject({ natts: 2, children: 0, publication: null });
  expect(Object.keys(before.leaves)).toHaveLength(3);
  expect(Object.values(before.enums).sort()).toEqual(["glad", "sad"]);
  await db.query("alter publication ampsync add table parts.t");
  const { publication, ...rest } = await storageOf("parts.t");
  expect({ ...rest, publication: null }).toEqual(before);
  expect(publication).toEqual({
    xmin: expect.any(String),
    rel: expect.any(String),
    rel_xmin: expect.any(String),
  });
});

test("a table that is gone has no columns", async () => {
  expect(await columnsOf("4294967290")).toEqual([]);
  expect(await storageOf("4294967290")).toMatchObject({ natts: null, leaves: {} });
});
