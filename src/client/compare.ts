import type { Op } from "../wire/ops.ts";
import type { Reader } from "./database.ts";
import { quote, type Table } from "./statements.ts";
import type { TableFailure } from "./subscriptions.ts";

type Check = Op & { readonly op: "check" };

/** Whether a table holds what its server's does. Rows and sums are numbers as text. */
export interface Verified {
  readonly table: string;
  /** Null: it could not be compared. */
  readonly ok: boolean | null;
  /** Why it could not be compared. */
  readonly why: string | null;
  readonly rows: string | null;
  readonly sum: string | null;
  readonly serverRows: string | null;
  readonly serverSum: string | null;
}

/** An answer to the question of that name. */
export interface Answer extends Verified {
  readonly id: string;
  /** It is to be loaded anew. */
  readonly isSpoiled: boolean;
}

/** The texts of values do not depend on what an application set for its session. */
const SETTINGS = [
  ["TimeZone", "UTC"],
  ["DateStyle", "ISO, MDY"],
  ["IntervalStyle", "postgres"],
  ["bytea_output", "hex"],
  ["extra_float_digits", "1"],
] as const;

/** Compares a table as it is in this transaction, and notes where it differs. `table` null: it is not good, or not there. */
export async function compare(tx: Reader, table: Table | null, op: Check): Promise<Answer> {
  const { id, rows: serverRows, sum: serverSum } = op;
  const server = { id, table: op.table, serverRows, serverSum };
  const isOther = op.columns.some((name) => !table?.columns.some((column) => column.name === name));
  if (table === null || isOther || serverRows === null || serverSum === null) {
    const why = op.why ?? (table === null ? "it does not take its frames" : "its columns are others");
    return { ...server, ok: null, why, rows: null, sum: null, isSpoiled: false };
  }
  const { rows, sum } = await sumOf(tx, table, op);
  const ok = rows === serverRows && sum === serverSum;
  const here = { ...server, rows, sum };
  return { ...here, ok, why: null, isSpoiled: await note(tx, ok, { ...here, at: op.at }) };
}

async function sumOf(
  tx: Reader,
  table: Table,
  { columns, low }: Check,
): Promise<{ rows: string; sum: string }> {
  for (const [name, value] of SETTINGS) await tx.query("select set_config($1, $2, true)", [name, value]);
  const { rows } = await tx.query<{ rows: string; sum: string }>(
    `select count(*)::text as rows, coalesce(sum(${summand(table, columns)}), 0)::text as sum
       from ${table.name} r where ${notBelow(table)}`,
    [low === null ? "0" : low],
  );
  return rows[0]!;
}

/** Of a dataset's row the end of its key, which is a hash; of others the texts of its columns, in the server's order. */
function summand({ blockColumn }: Table, columns: readonly string[]): string {
  if (blockColumn === "_id") return "('x' || right(encode(r._id, 'hex'), 16))::bit(64)::bigint";
  const values = columns.map((name) => `r.${quote(name)}`).join(", ");
  return `('x' || left(md5(row(${values})::text), 15))::bit(60)::bigint`;
}

/** What lies below the server's window may be here still: its end comes with later blocks. */
function notBelow({ blockColumn }: Table): string {
  if (blockColumn === null) return "$1::text is not null";
  if (blockColumn === "_id") return "r._id >= decode(lpad(to_hex($1::text::bigint), 12, '0'), 'hex')";
  return `r.${quote(blockColumn)} >= $1::text::bigint`;
}

interface Found extends Omit<Answer, "ok" | "why" | "isSpoiled"> {
  readonly at: string;
}

/**
 * A table that differs is loaded anew, but once a day: what would differ again, and again, is not a matter of loading. True:
 * this is to be loaded now.
 */
async function note(tx: Reader, ok: boolean, found: Found): Promise<boolean> {
  const { table } = found;
  if (ok) {
    await forget(tx, table);
    return false;
  }
  const { rows } = await tx.query<{ stays: boolean }>(
    `insert into ampsync.diverged as d (table_name, at, rows, sum, server_rows, server_sum)
     select $1, $2::text::timestamptz, $3, $4, $5, $6
      -- Found twice before it is loaded, it is one difference.
      where not exists (select from ampsync.shape where table_name = $1 and definition = '')
     on conflict (table_name) do update
       set stays = d.at > excluded.at - interval '1 day', rows = excluded.rows, sum = excluded.sum,
           server_rows = excluded.server_rows, server_sum = excluded.server_sum,
           at = case when d.at > excluded.at - interval '1 day' then d.at else excluded.at end
     returning stays`,
    [table, found.at, found.rows, found.sum, found.serverRows, found.serverSum],
  );
  if (rows[0]?.stays !== false) return false;
  await tx.query("update ampsync.shape set definition = '' where table_name = $1 and phase = 'live'", [
    table,
  ]);
  return true;
}

/** It does not differ any more, as far as is known. When it was loaded for that stays known. */
export async function forget(tx: Reader, table: string): Promise<void> {
  await tx.query("update ampsync.diverged set stays = false where table_name = $1 and stays", [table]);
}

/** The first table that differs and was loaded for that already. */
export async function readDiverged(tx: Reader): Promise<TableFailure | null> {
  const { rows } = await tx.query<Record<"table" | "rows" | "sum" | "serverRows" | "serverSum", string>>(
    `select table_name as table, rows, sum, server_rows as "serverRows", server_sum as "serverSum"
       from ampsync.diverged where stays order by table_name limit 1`,
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { table, serverRows, serverSum } = row;
  const error = {
    code: "SY418",
    message:
      `${table} differs from its server's again, within a day of a load for that: ` +
      `${row.rows} rows and the sum ${row.sum} here, ${serverRows} and ${serverSum} there`,
    hint: `await client.reload(${JSON.stringify(table)})`,
  };
  return { table, error };
}
