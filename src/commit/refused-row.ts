import type { QueryResult } from "pg";

import type { CopyRows } from "./copy-rows.ts";
import { type CopyTarget, ident, tableOf } from "./statements.ts";

/** What a row that PostgreSQL refused needs to be looked at in its transaction. */
export interface RefusedRowSession {
  query(text: string): Promise<QueryResult>;
  /** COPY of rows into a table. */
  copy(table: string, target: CopyTarget, rows: Uint8Array): Promise<void>;
  /** Does it under a savepoint. Resolves to the error, after rolling back to there; null if it went well. */
  attempt(work: () => Promise<void>): Promise<Error | null>;
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  "_id",
  "_block_num_start",
  "_block_num_end",
  "_block_num",
]);

/** The user columns of a target, with the number of their field in COPY rows. */
function userColumns({ columns }: CopyTarget): readonly { readonly name: string; readonly field: number }[] {
  return columns.map((name, field) => ({ name, field })).filter(({ name }) => !SYSTEM_COLUMNS.has(name));
}

/** A table with the columns of the target, and none of its constraints and triggers, until the transaction ends. */
const BARE_TABLE = "pg_temp.ampsync_refused";

async function makeBareTable(session: RefusedRowSession, target: CopyTarget): Promise<void> {
  await session.query(
    `create temporary table if not exists ampsync_refused on commit drop as
     select ${target.columns.map(ident).join(", ")} from ${tableOf(target)} with no data;
     delete from ${BARE_TABLE}`,
  );
}

/**
 * The user column whose value PostgreSQL refuses: the one that its error names in a field of its own, as for
 * NOT NULL; otherwise the first one without which a table without constraints takes the row. Null where such a
 * table takes it as it is, or cannot be made. What is said in words depends on the server's language.
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

  /** Whether the values of the first columns can be stored, the others being NULL. */
  async function areTaken(count: number): Promise<boolean> {
    const left = rows.withNulls(row, new Set(columns.slice(count).map(({ field }) => field)));
    return (await session.attempt(() => session.copy(BARE_TABLE, target, left.bytes(0, 1)))) === null;
  }

  let isFound = false;
  let [taken, refused] = [0, columns.length];
  await session.attempt(async () => {
    await makeBareTable(session, target);
    isFound = !(await areTaken(refused)) && (await areTaken(taken));
    while (isFound && refused - taken > 1) {
      const middle = (taken + refused) >> 1;
      if (await areTaken(middle)) taken = middle;
      else refused = middle;
    }
  });
  return isFound ? (columns[refused - 1] ?? null) : null;
}

/** A longer row is told field by field; of a longer field, its length alone. */
const MAX_TOLD_ROW_BYTES = 256 * 1024;
const MAX_TOLD_FIELD_BYTES = 1024;

/**
 * A row as the text of a JSON object, as PostgreSQL itself shows it: what no
 * constraint forbids can be stored in a table without constraints. Where it
 * cannot, or no temporary table may be made, its fields in hexadecimal. Long rows
 * are not shown at all: their text is longer still, and neither JSON of
 * PostgreSQL nor a string here holds twice 256 MiB.
 */
export async function rowAsJson(
  session: RefusedRowSession,
  target: CopyTarget,
  rows: CopyRows,
  row: number,
): Promise<string> {
  const bytes = rows.bytes(row, row + 1);
  const text = bytes.length > MAX_TOLD_ROW_BYTES ? null : await shownByPostgres(session, target, bytes);
  if (text !== null) {
    return text;
  }
  const fields = rows.fields(row);
  const told = userColumns(target).map(({ name, field }) => [name, toldInHex(fields[field] ?? null)]);
  return JSON.stringify(Object.fromEntries(told));
}

function toldInHex(bytes: Uint8Array | null): string | null {
  if (bytes === null) {
    return null;
  }
  return bytes.length > MAX_TOLD_FIELD_BYTES
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
