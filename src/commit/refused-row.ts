import type { QueryResult } from "pg";

import type { CopyRows } from "./copy-rows.ts";
import { type CopyTarget, ident, tableOf } from "./statements.ts";

/** What it takes to examine a refused row within its transaction. */
export interface RefusedRowSession {
  query(text: string): Promise<QueryResult>;
  /** Copies rows into a table. */
  copy(table: string, target: CopyTarget, rows: Uint8Array): Promise<void>;
  /** Does the work under a savepoint. Resolves to null, or to its error after rolling back. */
  attempt(work: () => Promise<void>): Promise<Error | null>;
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  "_id",
  "_tx_id",
  "_row_index",
  "_block_num_start",
  "_block_num_end",
  "_block_num",
]);

/** The user columns of a target, each with the position of its field in a row. */
function userColumns({ columns }: CopyTarget): readonly { readonly name: string; readonly field: number }[] {
  return columns.map((name, field) => ({ name, field })).filter(({ name }) => !SYSTEM_COLUMNS.has(name));
}

/** A table with the columns of the target but without its constraints and triggers. It is gone when the transaction ends. */
const BARE_TABLE = "pg_temp.ampsync_refused";

async function makeBareTable(session: RefusedRowSession, target: CopyTarget): Promise<void> {
  await session.query(
    `create temporary table if not exists ampsync_refused on commit drop as
     select ${target.columns.map(ident).join(", ")} from ${tableOf(target)} with no data;
     delete from ${BARE_TABLE}`,
  );
}

/**
 * The user column whose value PostgreSQL refuses: the one that the error names in its column field, as for NOT NULL;
 * otherwise the column that keeps a table without constraints from accepting the row. Null where such a table
 * accepts the row as it is, or cannot be created. The text of an error is not read: it depends on the server's
 * language.
 */
export async function refusedColumn(
  session: RefusedRowSession,
  target: CopyTarget,
  rows: CopyRows,
  row: number,
  error: Error,
): Promise<{ name: string; field: number } | null> {
  const columns = userColumns(target);
  if (Reflect.get(error, "table") === target.table) {
    const named: unknown = Reflect.get(error, "column");
    const found = columns.find(({ name }) => name === named);
    if (found !== undefined) {
      return found;
    }
  }

  /** Whether the values of the first columns can be stored while the others are NULL. */
  async function areAccepted(count: number): Promise<boolean> {
    const left = rows.withNulls(row, new Set(columns.slice(count).map(({ field }) => field)));
    return (await session.attempt(() => session.copy(BARE_TABLE, target, left.bytes(0, 1)))) === null;
  }

  let isFound = false;
  let [accepted, refused] = [0, columns.length];
  await session.attempt(async () => {
    await makeBareTable(session, target);
    isFound = !(await areAccepted(refused)) && (await areAccepted(accepted));
    while (isFound && refused - accepted > 1) {
      const middle = (accepted + refused) >> 1;
      if (await areAccepted(middle)) accepted = middle;
      else refused = middle;
    }
  });
  return isFound ? (columns[refused - 1] ?? null) : null;
}

/** A longer row is shown field by field; a longer field by its length. */
const MAX_SHOWN_ROW_BYTES = 256 * 1024;
const MAX_SHOWN_FIELD_BYTES = 1024;

/**
 * A row as the text of a JSON object, the way PostgreSQL itself shows it: a row
 * that a constraint forbids can still be stored in a table without constraints.
 * Where it cannot, or no temporary table may be created, the fields are shown in
 * hexadecimal. A long row is never shown by PostgreSQL: its text is longer still,
 * and neither jsonb nor a string here can hold twice 256 MiB.
 */
export async function rowAsJson(
  session: RefusedRowSession,
  target: CopyTarget,
  rows: CopyRows,
  row: number,
): Promise<string> {
  const bytes = rows.bytes(row, row + 1);
  const text = bytes.length > MAX_SHOWN_ROW_BYTES ? null : await shownByPostgres(session, target, bytes);
  if (text !== null) {
    return text;
  }
  const fields = rows.fields(row);
  const shown = userColumns(target).map(({ name, field }) => [name, shownInHex(fields[field] ?? null)]);
  return JSON.stringify(Object.fromEntries(shown));
}

function shownInHex(bytes: Uint8Array | null): string | null {
  if (bytes === null) {
    return null;
  }
  return bytes.length > MAX_SHOWN_FIELD_BYTES
    ? `${bytes.length} bytes`
    : `\\x${Buffer.from(bytes).toString("hex")}`;
}

async function shownByPostgres(
  session: RefusedRowSession,
  target: CopyTarget,
  row: Uint8Array,
): Promise<string | null> {
  let text: string | null = null;
  await session.attempt(async () => {
    await makeBareTable(session, target);
    await session.copy(BARE_TABLE, target, row);
    const columns = userColumns(target).map(({ name }) => ident(name));
    const shown = await session.query(
      `select to_jsonb(r.*)::text as text from (select ${columns.join(", ")} from ${BARE_TABLE}) r`,
    );
    text = shown.rows[0].text;
  });
  return text;
}
