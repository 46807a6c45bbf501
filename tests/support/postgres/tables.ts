import { expect } from "vitest";

import type { Block } from "../../../src/devserver/source.ts";
import type { TestDatabase } from "./postgres.ts";

/** A cell as it compares: PostgreSQL's text, and parsed JSON for arrays and documents. */
export type Cell = string | null | readonly unknown[];
/** Cells by column name. */
export type Row = Readonly<Record<string, Cell>>;

/** Columns that are ours, not the dataset's. */
const OWN_COLUMNS = ["_id", "_tx_id", "_row_index", "_block_num_start", "_block_num_end"];

/** Every row of a target and every column of the dataset, in the order of the chain. */
export async function readTarget(db: TestDatabase, schema: string, table: string): Promise<readonly Row[]> {
  const { rows: columns } = await db.query(
    `select attname as name, atttypid::regtype::text as type from pg_attribute
      where attrelid = format('%I.%I', $1::text, $2::text)::regclass and attnum > 0 and attname <> all ($3)
      order by attnum`,
    [schema, table, OWN_COLUMNS],
  );
  const cells = columns.map(({ name, type }) => `${expression(`"${name}"`, type)} as "${name}"`);
  const index = columns.find(
    ({ name }) => name === "log_index" || (name === "tx_index" && table === "transactions"),
  );
  const order = index === undefined ? "t._block_num" : `t._block_num, t."${index["name"]}"`;
  const { rows } = await db.query(
    `select ${cells.join(", ")} from "${schema}"."${table}" t order by ${order}`,
  );
  return rows;
}

function expression(column: string, type: string): string {
  if (type === "timestamp with time zone") {
    return `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  }
  return type.endsWith("[]") || type === "jsonb" ? `to_jsonb(${column})` : `${column}::text`;
}

/** Fails with the first cells that differ, not with a picture of both tables. */
export function expectRows(found: readonly Row[], expected: readonly Row[], table: string): void {
  const faults: string[] = [];
  if (found.length !== expected.length) {
    faults.push(`${table} has ${found.length} rows, not ${expected.length}`);
  }
  for (let row = 0; row < Math.min(found.length, expected.length) && faults.length < 5; row++) {
    const columns = new Set([...Object.keys(found[row]!), ...Object.keys(expected[row]!)]);
    for (const column of columns) {
      const [is, should] = [found[row]![column], expected[row]![column]].map((cell) => JSON.stringify(cell));
      if (is !== should)
        faults.push(`${table}[${row}].${column} (block ${found[row]!["_block_num"]}): ${is}, not ${should}`);
    }
  }
  expect(faults).toEqual([]);
}

/** A database, or one session of it. */
type Queries = Pick<TestDatabase, "query">;

/**
 * Number of rows and a digest of every cell of every row, `_id` and ranges included, but for `_tx_id` and `_row_index`,
 * which say how the rows came.
 */
export async function fingerprint(db: Queries, schema: string, table: string): Promise<string> {
  const cells = (await hasId(db, schema, table))
    ? "t::text"
    : "(to_jsonb(t) - '{_tx_id,_row_index}'::text[])::text";
  const { rows } = await db.query(
    `select count(*) || ' ' || coalesce(md5(string_agg(r.digest, '' order by r.digest)), '') as digest
       from (select md5(${cells}) as digest from "${schema}"."${table}" t) r`,
  );
  return `${table} ${rows[0]!["digest"]}`;
}

/** False with identity `transaction`. */
async function hasId(db: Queries, schema: string, table: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `select from pg_attribute where attrelid = format('%I.%I', $1::text, $2::text)::regclass and attname = '_id'`,
    [schema, table],
  );
  return rowCount === 1;
}

export async function fingerprints(
  db: TestDatabase,
  schema: string,
  tables: readonly string[],
): Promise<readonly string[]> {
  const digests: string[] = [];
  for (const table of tables) digests.push(await fingerprint(db, schema, table));
  return digests;
}

/** How many streams of a schema have this block as their checkpoint. */
export async function streamsAt(
  db: TestDatabase,
  schema: string,
  { number, hash }: Pick<Block, "number" | "hash">,
): Promise<number> {
  const { rows } = await db.query(
    `select count(*)::int as arrived from ampsync.checkpoints
      where target_schema = $1 and watermark_block_num = $2 and watermark_block_hash = $3`,
    [schema, number, Buffer.from(hash.slice(2), "hex")],
  );
  return rows[0]!["arrived"];
}
