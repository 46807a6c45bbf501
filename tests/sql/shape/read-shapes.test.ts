// Takes 22 s.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";

import { HandPass } from "../../support/capture/hand-pass.ts";
import { clientTable } from "../../support/postgres/live-table.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

let pass: HandPass;
let tables = 0;
let table: string;

beforeAll(async () => {
  pass = await HandPass.begin(db);
});
beforeEach(async () => {
  table = `public.t${++tables}`;
  await db.query("reset all"); // Capture has settings of its own.
});

/** A captured table, live, with a shape of the same name. */
async function shape(columns: string, rest: string, identity: "full" | "key" = "full"): Promise<number> {
  await db.query(`create table ${table} (${columns})`);
  await pass.publish(table, identity);
  await pass.drain();
  await db.query(`select ampsync.create_shape('${table}', '${table}', ${rest})`);
  return (await clientTable(db, table)).shape_id;
}

const head = async (): Promise<string> => (await db.query("select ampsync.head() as head")).rows[0]!["head"];

interface Judged {
  readonly operation: string;
  readonly was: string | null;
  readonly is: string | null;
  readonly key: string | null;
  readonly data: object | null;
  readonly unchanged: readonly string[] | null;
}

/** What these statements, one transaction each, mean to a shape. */
async function judged(id: number, ...statements: string[]): Promise<readonly Judged[]> {
  const before = await head();
  for (const statement of statements) await db.query(statement);
  await pass.drain();
  await db.query("set datestyle = 'German'; set bytea_output = 'escape'; set timezone = 'Asia/Tokyo'");
  const { rows } = await db.query<Judged & { readonly data: string | null }>(
    'select operation, was, "is", key, data, unchanged from ampsync_worker.read_shapes($1, $2, $3)',
    [[id], before, await head()],
  );
  return rows.map(({ data, ...rest }) => ({ ...rest, data: data === null ? null : JSON.parse(data) }));
}

/** The same in short: operation, was, is. */
async function moves(id: number, ...statements: string[]): Promise<string[]> {
  const rows = await judged(id, ...statements);
  return rows.map(({ operation, was, is }) => `${operation} ${was ?? "-"} ${is ?? "-"}`);
}

test("a row enters by its filter, stays, and leaves, and what was never in it is not told", async () => {
  const id = await shape("id int primary key, done bool, v text", "public => true, filter => 'not done'");
  expect(
    await moves(
      id,
      `insert into ${table} values (1, true), (2, false), (3, null)`,
      `update ${table} set v = 'x' where id = 1`,
      `update ${table} set done = false where id = 1`,
      `update ${table} set v = 'y' where id = 1`,
      `update ${table} set done = null where id = 1`,
      `delete from ${table} where id = 1`,
      `delete from ${table} where id = 2`,
    ),
  ).toEqual(["insert - []", "update - []", "update [] []", "update [] -", "delete [] -"]);
});

test("a row moves between instances by its bound columns; NULL is in none", async () => {
  const id = await shape(
    "id int primary key, team int, owner text",
    `bind => '{"team": "claim:team", "owner": "claim:sub"}', unindexed => true`,
  );
  expect(
    await moves(
      id,
      `insert into ${table} values (1, 5, 'a"b')`,
      `update ${table} set team = 6`,
      `update ${table} set team = null`,
      `update ${table} set team = 7, owner = 'ü,'`,
    ),
  ).toEqual([
    'insert - ["a\\"b", "5"]',
    'update ["a\\"b", "5"] ["a\\"b", "6"]',
    'update ["a\\"b", "6"] -',
    'update - ["ü,", "7"]',
  ]);
});

test("a changed key is a delete and an insert, and a TRUNCATE is told once", async () => {
  const id = await shape("id int primary key, v text", "public => true");
  expect(
    await judged(
      id,
      `insert into ${table} values (1, 'x')`,
      `update ${table} set id = 2`,
      `truncate ${table}`,
    ),
  ).toEqual([
    { operation: "insert", was: null, is: "[]", key: '["1"]', data: { id: "1", v: "x" }, unchanged: null },
    { operation: "delete", was: "[]", is: null, key: '["1"]', data: null, unchanged: null },
    { operation: "insert", was: null, is: "[]", key: '["2"]', data: { id: "2", v: "x" }, unchanged: null },
    { operation: "truncate", was: null, is: null, key: null, data: null, unchanged: null },
  ]);
});

test("only columns of the shape are told, whatever else the log has", async () => {
  const id = await shape("id int primary key, v text, secret text", "public => true, columns => '{id,v}'");
  const rows = await judged(
    id,
    `insert into ${table} values (1, 'x', 's')`,
    `update ${table} set v = 'y', secret = 't'`,
  );
  expect(rows.map(({ data }) => data)).toEqual([
    { id: "1", v: "x" },
    { id: "1", v: "y" },
  ]);
});

test("with identity key what did not come is named, and the key alone decides", async () => {
  const id = await shape(
    "id int primary key, v text, big text",
    `public => true, filter => 'id < 10'`,
    "key",
  );
  await db.query(`alter table ${table} alter column big set storage external`);
  const rows = await judged(
    id,
    `insert into ${table} values (1, 'x', repeat('z', 3000)), (11, 'x', null)`,
    `update ${table} set v = 'y' where id = 1`,
    `update ${table} set id = 12, big = 'short' where id = 1`,
    `delete from ${table}`,
  );
  expect(rows.map(({ operation, was, is, unchanged }) => [operation, was, is, unchanged])).toEqual([
    ["insert", null, "[]", null],
    ["update", "[]", "[]", ["big"]],
    ["delete", "[]", null, null],
  ]);
  expect(rows[1]!.data).toEqual({ id: "1", v: "y" });
});

describe("a column of type", () => {
  test.each([
    ["boolean", "true", "false", "t"],
    ["smallint", "-7", "8", "-7"],
    ["integer", "2147483647", "0", "2147483647"],
    ["bigint", "9007199254740993", "9007199254740992", "9007199254740993"],
    [
      "uuid",
      "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
      "gen_random_uuid()",
      "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ],
    ["text", "E'a\\tb\\\\'", "'c'", "a\tb\\"],
    ["varchar(5)", "'vwxyz'", "'v'", "vwxyz"],
    ["bytea", "'\\xc02a'", "'\\x'", "\\xc02a"],
    ["date", "'0044-03-15 BC'", "'2026-11-30'", "0044-03-15 BC"],
    ["public.colour", "'red'", "'dark blue'", "red"],
    ["public.shade", "'red'", "'dark blue'", "red"],
  ])("%s is bound: log, table and claims spell its key alike", async (type, one, other, text) => {
    await db.query(
      `do $$ begin create type public.colour as enum ('red', 'dark blue'); create domain public.shade as public.colour;
        exception when duplicate_object then null; end $$`,
    );
    const id = await shape(`id int primary key, b ${type}`, `bind => '{"b": "claim:b"}', unindexed => true`);
    const key = JSON.stringify([text]);
    expect(
      await moves(id, `insert into ${table} values (1, ${one})`, `update ${table} set b = ${other}`),
    ).toEqual([
      `insert - ${key}`,
      expect.stringMatching(new RegExp(`^update ${key.replace(/[[\]\\.*+?^${}()|]/g, "\\$&")} \\[.+\\]$`)),
    ]);
    await db.query(`insert into ${table} values (2, ${one}), (3, null)`);
    const { rows: keys } = await db.query("select ampsync_private.instance_keys($1, $2, '{}') as keys", [
      id,
      { b: text },
    ]);
    expect(keys[0]!["keys"]).toEqual([key]);
    const { row_type: type_ } = await clientTable(db, table);
    const { rows } = await db.query(
      `select key, c1 from ampsync_worker.shape_rows(${id}, null, $1) as r(${type_})`,
      [[key]],
    );
    expect(rows).toEqual([{ key, c1: 2 }]);
    const all = await db.query(`select c1 from ampsync_worker.shape_rows(${id}, null) as r(${type_})`);
    expect(all.rows.map(({ c1 }) => c1)).toEqual([1, 2]);
  });

  test.each([
    ["numeric", "v > 10", "10.0000000000000000001", "10"],
    ["float8", "v = 'NaN'", "'NaN'", "'Infinity'"],
    ["real", "v < 0", "-0.5", "0"],
    ["money", "v > '1'::money", "'2'", "'0.5'"],
    ["text", "v collate \"C\" > 'a'", "'b'", "'A'"],
    ["char(3)", "v = 'a'", "'a'", "'b'"],
    ["name", "v = 'a'", "'a'", "'b'"],
    ["public.size", "v > 'small'", "'large'", "'small'"],
    ["public.size[]", "v = '{small,large}'", "'{small,large}'", "'{small}'"],
    ["public.tiny", "v > 'a'", "'b'", "'a'"],
    ["boolean[]", "v[1]", "'{t,f}'", "'{f}'"],
    ["jsonb", "v @> '{\"a\": 1}'", '\'{"a": 1, "b": null}\'', '\'{"a": "1"}\''],
    ["json", "(v ->> 'a') = 'x'", '\'{"a":"x"}\'', "'\"x\"'"],
    ["date", "v >= '2026-01-01'", "'2026-02-01'", "'-infinity'"],
    ["timestamp", "v >= '2026-01-01'", "'2026-02-01 10:00'", "'2025-02-01'"],
    ["timestamptz", "v >= '2026-01-01 00:00+02'", "'2025-12-31 23:00+00'", "'2025-12-31 21:00+00'"],
    ["time", "v > '12:00'", "'13:00'", "'11:00'"],
    ["interval", "v > '1 day'", "'25:00'", "'23:00'"],
    ["inet", "v << '10.0.0.0/8'", "'10.1.2.3'", "'192.168.0.1'"],
    ["macaddr", "v = '08:00:2b:01:02:03'", "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"],
    ["bit(4)", "v = B'1010'", "B'1010'", "B'1011'"],
    ["bytea", "length(v) > 2", "'\\x010203'", "'\\x01'"],
    [
      "uuid",
      "v = '{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'",
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
      "gen_random_uuid()",
    ],
    ["int4range", "v @> 5", "'[1,9]'", "'empty'"],
    ["int4multirange", "v @> 5", "'{[1,2],[5,6]}'", "'{}'"],
    ["point", "v <@ '((0,0),(2,2))'::box", "'(1,1)'", "'(3,3)'"],
    ["tsvector", "v @@ 'cat'::tsquery", "'''cat'':1'", "'''dog'':1'"],
  ])("%s is filtered, as the table and as the log have it", async (type, filter, inside, outside) => {
    await db.query(
      `do $$ begin create type public.size as enum ('small', 'large'); create domain public.tiny as varchar(3) check (value <> '');
        exception when duplicate_object then null; end $$`,
    );
    const quoted = filter.replaceAll("'", "''");
    const id = await shape(`id int primary key, v ${type}`, `public => true, filter => '${quoted}'`);
    expect(
      await moves(
        id,
        `insert into ${table} values (1, ${inside}), (2, ${outside}), (3, null)`,
        `update ${table} set v = ${outside} where id = 1`,
        `update ${table} set v = ${inside} where id = 2`,
      ),
    ).toEqual(["insert - []", "update [] -", "update - []"]);
    await db.query("reset all");
    const { row_type: type_ } = await clientTable(db, table);
    const { rows } = await db.query(
      `select c1, concat(c2) as text from ampsync_worker.shape_rows(${id}, null) as r(${type_})`,
    );
    expect(rows).toMatchObject([{ c1: 2 }]);
    const log = await db.query(
      `select data ->> 'v' as text from ampsync.read_changes(0) where table_name = $1 and operation = 'update' and key = '["2"]'`,
      [table],
    );
    expect(rows[0]!["text"]).toBe(log.rows[0]!["text"]);
  });
});

test("old rows that lack a column are judged by the default that they got", async () => {
  await db.query(`create table ${table} (id int primary key)`);
  await pass.publish(table);
  await pass.drain();
  const before = await head();
  await db.query(`insert into ${table} values (1)`);
  await pass.drain();
  await db.query(`alter table ${table} add column level int default 5`);
  await db.query(`alter table ${table} alter column level drop default; insert into ${table} values (2)`);
  await pass.drain();
  await db.query(
    `select ampsync.create_shape('${table}', '${table}', public => true, filter => 'level = 5')`,
  );
  const { shape_id: id } = await clientTable(db, table);
  const { rows } = await db.query('select key, "is" from ampsync_worker.read_shapes($1, $2, $3)', [
    [id],
    before,
    await head(),
  ]);
  expect(rows).toEqual([{ key: '["1"]', is: "[]" }]);
});

describe("a filter that fails on a row", () => {
  test("ends that shape there, with the key and never the row, and no other", async () => {
    const id = await shape("id int primary key, v text", "public => true, filter => 'v::int > 0'");
    await db.query(`select ampsync.create_shape('other ${table}', '${table}', public => true)`);
    const { shape_id: other } = await clientTable(db, `other ${table}`);
    const before = await head();
    await db.query(`insert into ${table} values (1, '1')`);
    await db.query(`insert into ${table} values (2, '2'), (3, 'hush'), (4, '4')`);
    await db.query(`insert into ${table} values (5, '5')`);
    await pass.drain();
    const { rows } = await db.query("select * from ampsync_worker.read_shapes($1, $2, $3)", [
      [id, other],
      before,
      await head(),
    ]);
    const of = (shape: number) =>
      rows.filter(({ shape_id }) => shape_id === shape).map(({ operation, key }) => `${operation} ${key}`);
    expect(of(id)).toEqual(['insert ["1"]', 'insert ["2"]', 'failed ["3"]']);
    expect(of(other)).toEqual([1, 2, 3, 4, 5].map((n) => `insert ["${n}"]`));
    expect(JSON.stringify(rows.filter(({ shape_id }) => shape_id === id))).not.toContain("hush");
    expect(rows.find(({ operation }) => operation === "failed")!["data"]).toBe("22P02");
  });

  test("in its table is named by its key when the rows are read", async () => {
    const id = await shape("id int primary key, v text", "public => true, filter => 'v::int > 0'");
    await db.query(`insert into ${table} values (1, '1'), (2, 'hush')`);
    const { row_type: type } = await clientTable(db, table);
    const error = await db
      .query(`select * from ampsync_worker.shape_rows(${id}, null) as r(${type})`)
      .catch((e) => e);
    expect(error).toMatchObject({
      code: "SY414",
      detail: '["2"]',
      hint: expect.stringContaining("retry_shape"),
    });
    expect(`${error.message}${error.where}`).not.toContain("hush");
  });

  test("from before the shape was made does not count", async () => {
    await db.query(`create table ${table} (id int primary key, v text)`);
    await pass.publish(table);
    await pass.drain();
    const before = await head();
    await db.query(`insert into ${table} values (1, '1'), (2, 'x'), (3, '3')`);
    await db.query(`delete from ${table} where id = 2`);
    await pass.drain();
    await db.query(
      `select ampsync.create_shape('${table}', '${table}', public => true, filter => 'v::int > 0')`,
    );
    await db.query(`insert into ${table} values (4, '4')`);
    await pass.drain();
    const { shape_id: id } = await clientTable(db, table);
    const { rows } = await db.query("select operation, key from ampsync_worker.read_shapes($1, $2, $3)", [
      [id],
      before,
      await head(),
    ]);
    expect(rows.map(({ operation, key }) => `${operation} ${key}`)).toEqual(['insert ["1"]', 'insert ["4"]']);
  });
});

test("what a snapshot does not hold is told, wherever it stands", async () => {
  const id = await shape("id int primary key", "public => true");
  const early = await db.client();
  await early.query("begin");
  await early.query(`insert into ${table} values (1)`);
  await db.query(`insert into ${table} values (2)`);
  const { rows: point } = await db.query("select pg_current_snapshot()::text as visible");
  await early.query("commit");
  await db.query(`insert into ${table} values (3)`);
  await pass.drain();
  const settled = await head();
  await db.query(`insert into ${table} values (4)`);
  await pass.drain();
  const unseen = async (after: string | null) =>
    (
      await db.query("select key from ampsync_worker.read_shapes($1, $4, $5, $3, $2)", [
        [id],
        point[0]!["visible"],
        settled,
        after,
        await head(),
      ])
    ).rows.map(({ key }) => JSON.parse(key)[0]);
  expect(await unseen(null)).toEqual(["1", "3", "4"]);
  expect(await unseen(settled)).toEqual(["4"]);
});

describe("instance_keys", () => {
  test("has an instance for each element, each once, and none for an empty array", async () => {
    await db.query(`create table ${table} (id int primary key, team int, kind text)`);
    await pass.publish(table);
    await pass.drain();
    await db.query(`create index on ${table} (kind, team)`);
    await db.query(
      `select ampsync.create_shape('${table}', '${table}', bind => '{"team": "claim:app.teams[]", "kind": "param:kind"}')`,
    );
    const { shape_id } = await clientTable(db, table);
    const keys = async (claims: object, params: object) =>
      (await db.query("select ampsync_private.instance_keys($1, $2, $3) as keys", [shape_id, claims, params]))
        .rows[0]!["keys"];
    expect(await keys({ app: { teams: [2, "1", 2] } }, { kind: "a" })).toEqual(['["a", "1"]', '["a", "2"]']);
    expect(await keys({ "app.teams": [3] }, { kind: "a" })).toEqual(['["a", "3"]']);
    expect(await keys({ app: { teams: [] } }, { kind: "a" })).toEqual([]);
    for (const [claims, params] of [
      [{}, { kind: "a" }],
      [{ app: { teams: null } }, { kind: "a" }],
      [{ app: { teams: [null] } }, { kind: "a" }],
      [{ app: { teams: 1 } }, { kind: "a" }],
      [{ app: { teams: ["x"] } }, { kind: "a" }],
      [{ app: { teams: [1] } }, {}],
    ] as const) {
      await expect(keys(claims, params)).rejects.toMatchObject({ code: "SY413" });
    }
  });

  test("counts the instances of several arrays before it makes them", async () => {
    await db.query(`create table ${table} (id int primary key, team int, kind int)`);
    await pass.publish(table);
    await pass.drain();
    await db.query(`create index on ${table} (kind, team)`);
    await db.query(
      `select ampsync.create_shape('${table}', '${table}', bind => '{"team": "claim:teams[]", "kind": "claim:kinds[]"}')`,
    );
    const { shape_id } = await clientTable(db, table);
    const keys = async (teams: number, kinds: number) => {
      const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
      const claims = { teams: [...upTo(teams), 0, "0"], kinds: upTo(kinds) };
      const { rows } = await db.query("select ampsync_private.instance_keys($1, $2, '{}') as keys", [
        ...[shape_id, claims],
      ]);
      return rows[0]!["keys"].length;
    };
    expect(await keys(16, 16)).toBe(256);
    for (const [teams, kinds] of [
      [16, 17],
      [257, 1],
      [3000, 3000], // Nine million, were they made.
    ] as const) {
      await expect(keys(teams, kinds)).rejects.toMatchObject({
        code: "SY416",
        message: expect.stringMatching(/^\d+ instances of shapes are more than a client may have$/),
      });
    }
  });
});

test("many entries are read at the price of each, before the database has statistics of them", async () => {
  const id = await shape("id int primary key, v text", "public => true");
  await db.query(`insert into ${table} select n, 'v' from generate_series(100001, 120000) n`);
  await pass.drain();
  const before = await head();
  await db.query(
    `do $$ begin for i in 1 .. 1000 loop insert into ${table} values (i, repeat('v', 100)); commit; end loop; end $$`,
  );
  await pass.drain();
  const { rows } = await db.query(
    `explain (analyze, buffers, format json)
     select * from ampsync_worker.read_shapes(array[${id}], ${before}, ${await head()})`,
  );
  const plan = rows[0]!["QUERY PLAN"][0].Plan;
  expect(plan["Actual Rows"]).toBe(1000);
  expect(plan["Shared Hit Blocks"]).toBeLessThan(15_000);
});
