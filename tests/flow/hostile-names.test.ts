import { Utf8 } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { VersionSource } from "../support/chain/version-source.ts";
import { Scenario } from "../support/worker/scenario.ts";

const SCHEMA = `Ünï "; drop table x; --'`;
const TEXT = { type: new Utf8(), nullable: false };

const ODD_COLUMNS = [
  "select",
  "Mixed",
  "mixed",
  `a"b`,
  `x"); drop schema public cascade; --`,
  "it's",
  "back\\slash",
  "$1",
  "%I %s %%",
  " ",
  "new\nline",
  "é".repeat(31),
  `${"c".repeat(62)}1`,
  `${"c".repeat(62)}2`,
];
/** Each with these columns; the values of a column begin with its name. */
const TABLES = ["Logs", "logs", "select", "t$able", "_", `${"t".repeat(62)}1`, `${"t".repeat(62)}2`];
/** PostgreSQL would cut its name to that of one of the others. */
const TOO_LONG = `${"t".repeat(62)}11`;

const columns = Object.fromEntries(ODD_COLUMNS.map((name) => [name, TEXT]));
const chain = new GeneratedSource({ blocks: 20 });
const source = new VersionSource(
  chain,
  Object.fromEntries([...TABLES, TOO_LONG].map((table) => [table, columns])),
  { rowsPerBlock: 1 },
);

let scenario: Scenario;

beforeAll(async () => {
  scenario = await Scenario.start({ source, dataset: { namespace: "_", name: "anvil", version: "1.0.0" } });
  await scenario.db.query(`create table public.x (); create table public.logs (theirs text)`);
  scenario.startWorker();
});
afterAll(() => scenario[Symbol.asyncDispose]());

/** The statement that finds, in one table, rows, and whether each column holds its own values. */
async function found(table: string) {
  const { rows: made } = await scenario.db.query(
    `select format('select count(*)::int as rows, min(_block_num)::int as first, max(_block_num)::int as last, %s as own from %I.%I',
                   string_agg(format('bool_and(starts_with(%I, %L))', a.attname, a.attname || ' '), ' and '), $1::text, $2::text) as sql
       from pg_attribute a
      where a.attrelid = format('%I.%I', $1::text, $2::text)::regclass and a.attname = any ($3)
     having count(*) = cardinality($3)`,
    [SCHEMA, table, ODD_COLUMNS],
  );
  return (await scenario.db.query(made[0]!["sql"])).rows[0];
}

async function expectAll(last: number): Promise<void> {
  for (const table of TABLES) {
    expect(await found(table), table).toEqual({ rows: last + 1, first: 0, last, own: true });
  }
}

test("N27: tables, columns and schemas of any name are synced, each into its own", async () => {
  const sync = await scenario.sync(null, { schema: SCHEMA });
  await sync.reaches({ tables: TABLES.length });
  await expectAll(19);
  const { rows } = await scenario.db.query("select state, waiting_on from ampsync.status");
  expect(rows).toEqual([
    { state: "failed", waiting_on: `Identifier ${TOO_LONG} is too long: 64 bytes, limit 63` },
  ]);

  chain.mine(5);
  chain.reorg(7);
  await sync.reaches({ tables: TABLES.length });
  await expectAll(24);
});

test("what follows their names has all of them apart: checkpoints, indexes, verification, a resync", async () => {
  const { db } = scenario;
  const checkpoints = await db.query(
    "select table_name from ampsync.checkpoints where target_schema = $1 and watermark_block_num = 24",
    [SCHEMA],
  );
  expect(checkpoints.rows.map((row) => row["table_name"]).sort()).toEqual([...TABLES].sort());

  await scenario.until("an index for each", async () => {
    const indexes = await db.query(
      `select from pg_index i join pg_class c on c.oid = i.indrelid
        where c.relnamespace = quote_ident($1)::regnamespace and not i.indisprimary and i.indisvalid
          and pg_get_indexdef(i.indexrelid) like '%(_block_num)'`,
      [SCHEMA],
    );
    return indexes.rows.length === TABLES.length;
  });

  const verified = await db.query("select table_name, finding from ampsync.verify('anvil')");
  expect(verified.rows).toEqual([]);

  for (const table of ["Logs", TABLES.at(-1)]) {
    await db.query("select ampsync.resync('anvil', $1)", [table]);
  }
  await scenario.until("both resyncs", async () => (await scenario.events("resynced")) === 2);
  await expectAll(24);
});

test("dropped with their tables, they leave those of others alone", async () => {
  const { db } = scenario;
  await db.query("select ampsync.drop_sync('anvil', drop_tables => true)");
  const { rows } = await db.query(
    "select relname from pg_class where relnamespace in (quote_ident($1)::regnamespace, 'public'::regnamespace) and relkind = 'r'",
    [SCHEMA],
  );
  expect(rows.map((row) => row["relname"]).sort()).toEqual(["logs", "x"]);
});
