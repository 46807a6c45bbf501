import { text } from "node:stream/consumers";

import { PGlite } from "@electric-sql/pglite";
import { to } from "pg-copy-streams";
import { afterAll, beforeAll, expect, test } from "vitest";

import { READY_MADE } from "../../support/client/ready-made.ts";
import { clientTable, publishLive } from "../../support/postgres/live-table.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = sharedDatabase();

let client: PGlite;
beforeAll(async () => {
  client = await PGlite.create({ extensions: READY_MADE });
});
afterAll(() => client.close());

interface Table {
  readonly shape_id: number;
  readonly table_name: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly ddl: readonly string[];
  readonly row_type: string;
  readonly block_column: string | null;
}

/** Makes the table of a shape in the client, twice, and loads what shape_rows gives, as COPY text. */
async function load(name: string): Promise<Table> {
  const table = (await clientTable(db, name)) as Table;
  for (const statement of [...table.ddl, ...table.ddl]) await client.exec(statement);
  const server = await db.client();
  await server.query("set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'postgres'");
  const rows = `select * from ampsync_worker.shape_rows(${table.shape_id}, null) as r(${table.row_type})`;
  const copied = await text(server.query(to(`copy (${rows}) to stdout`)));
  const lines = copied.replace(/^[^\t]*\t/gm, "");
  const columns = table.columns.map((column) => `"${column}"`).join(", ");
  await client.query(`copy ${table.table_name} (${columns}) from '/dev/blob'`, [], {
    blob: new Blob([lines]),
  });
  return table;
}

/** Count and sum of a table, by the summand that the server says. */
async function sums(name: string, keys: readonly string[]) {
  const { shape_id } = (await clientTable(db, name)) as Table;
  const { rows } = await db.query("select * from ampsync_worker.check_sums($1)", [
    JSON.stringify([{ shape: shape_id, keys }]),
  ]);
  const server = rows[0]!;
  const found = await client.query<{ rows: string; sum: string }>(
    `select count(*)::text as rows, coalesce(sum(${server["expression"]}), 0)::text as sum
       from ${server["table_name"]} r`,
  );
  return { server: { rows: server["rows"], sum: server["sum"] }, client: found.rows[0] };
}

test("a table with every kind of column and constraint has its form in clients, its rows fit, and the sums are equal", async () => {
  await db.query(
    `create schema app;
     create type app.mood as enum ('sad', 'it''s ok');
     create domain app.short as varchar(8) not null check (value <> '');
     create table app.teams (id int primary key);
     insert into app.teams values (1);
     create table app."Odd todos" (
       tenant int, id uuid default gen_random_uuid(), "Key" text collate "C" not null unique,
       seq bigint generated always as identity, n serial,
       team int not null references app.teams, feeling app.mood not null default 'sad', moods app.mood[],
       nick app.short default 'nobody', amount numeric(20, 4) default 1.5, flag boolean default true check (flag or true),
       at timestamptz default now(), made timestamptz default clock_timestamp(), day date default current_date,
       word text default 'it''s', counted int default length('abc'), raw bytea, spans int4multirange, doc jsonb, tags text[],
       period tstzrange, loud text generated always as (upper("Key")) stored,
       primary key (id, tenant), exclude using btree (n with =));
     create unique index "odd idx" on app."Odd todos" (team, lower("Key"));
     create unique index two on app."Odd todos" (team, n);
     create unique index partly on app."Odd todos" (raw) where flag;
     create index plain on app."Odd todos" (at);
     insert into app."Odd todos" (tenant, "Key", team, feeling, moods, raw, spans, doc, tags, period)
     values (1, E'tab\\t, new\\nline \\\\ "q" ü€', 1, 'it''s ok', '{sad,NULL}', '\\x00ff', '{[1,3),[7,9)}', '{"a": [1, null]}',
             '{a,NULL,"x,y"}', '[2026-01-01,)'),
            (2, '', 1, 'sad', null, null, null, null, '{}', null);`,
  );
  await publishLive(db, 'app."Odd todos"');
  await db.query(`select ampsync.create_shape('odd', 'app."Odd todos"', public => true)`);
  const table = await load("odd");

  expect(table.key).toEqual(["id", "tenant"]);
  expect(table.columns).not.toContain("loud");
  const { rows } = await client.query<{ column: string; form: string }>(
    `select a.attname as column,
            concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
                      case when a.attidentity <> '' then 'identity' end, pg_get_expr(d.adbin, d.adrelid)) as form
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = 'app."Odd todos"'::regclass and a.attnum > 0 order by a.attnum`,
  );
  expect(Object.fromEntries(rows.map(({ column, form }) => [column, form]))).toEqual({
    tenant: "integer not null",
    id: "uuid not null gen_random_uuid()",
    Key: "text",
    seq: "bigint",
    n: "integer",
    team: "integer",
    feeling: "text 'sad'::text",
    moods: "text[]",
    nick: "character varying(8) 'nobody'::character varying",
    amount: "numeric(20,4) 1.5",
    flag: "boolean true",
    at: "timestamp with time zone now()",
    made: "timestamp with time zone clock_timestamp()",
    day: "date",
    word: "text 'it''s'::text",
    counted: "integer",
    raw: "bytea",
    spans: "int4multirange",
    doc: "jsonb",
    tags: "text[]",
    period: "tstzrange",
    loud: 'text upper("Key")',
  });
  const { rows: constraints } = await client.query<{ what: string }>(
    `select c.contype::text as what from pg_constraint c
      where c.conrelid = 'app."Odd todos"'::regclass and c.contype <> 'n'
      union all
     select pg_get_indexdef(i.indexrelid) from pg_index i
      where i.indrelid = 'app."Odd todos"'::regclass and not i.indisprimary order by 1`,
  );
  expect(constraints.map(({ what }) => what)).toEqual([
    'CREATE INDEX "Odd todos_Key_key" ON app."Odd todos" USING btree ("Key")',
    'CREATE INDEX two ON app."Odd todos" USING btree (team, n)',
    "p",
  ]);
  const { server, client: found } = await sums("odd", ["[]"]);
  expect(server.rows).toBe("2");
  expect(found).toEqual(server);

  await client.query(`update app."Odd todos" set word = 'other' where tenant = 2`);
  expect((await sums("odd", ["[]"])).client).not.toEqual(server);
});

test("a shape of some columns makes a table of these, with what is generated of them", async () => {
  await db.query(
    `create table parts (id int primary key, a int, b int, double int generated always as (a * 2) stored, secret text);
     insert into parts values (1, 2, 3, default, 'hush')`,
  );
  await publishLive(db, "parts");
  await db.query("select ampsync.create_shape('parts', 'parts', columns => '{id,a,double}', public => true)");
  const { columns } = await load("parts");
  expect(columns).toEqual(["id", "a"]);
  expect((await client.query("select * from parts")).rows).toEqual([{ id: 1, a: 2, double: 4 }]);
});

test.each([
  ["content", "_id", ["_id"]],
  ["transaction", "_block_num_end", ["_tx_id", "_row_index"]],
] as const)(
  "a dataset's table with identity %s has its rows and sums, and blocks are found by %s",
  async (identity, column, key) => {
    const dataset = `by_${identity}`;
    const stream = await SqlStream.prepare(db, { dataset, identity });
    await db.query("select ampsync.publish_dataset($1)", [dataset]);
    await db.query("select ampsync_worker.activate_targets()");
    await stream.commit(0, 20);
    await db.query(
      `select ampsync.create_shape('${dataset}', '${dataset}.blocks', keep_blocks => 5, public => true)`,
    );
    const table = await load(dataset);
    expect([table.block_column, table.key]).toEqual([column, key]);
    const { server, client: found } = await sums(dataset, ["[]"]);
    expect(server.rows).toBe("6"); // From the window's first block on.
    expect(found).toEqual(server);

    const ranges = `'[["0", "16"], ["19", null]]'`;
    const { rows } = await db.query(
      `select * from ampsync_worker.shape_rows(${table.shape_id}, ${ranges}) as r(${table.row_type})`,
    );
    expect(rows).toHaveLength(4); // 15 and 16, 19 and 20.
  },
);
