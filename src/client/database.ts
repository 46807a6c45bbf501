import type { PGlite, Transaction } from "@electric-sql/pglite";

/** What ampsync needs of PGlite. */
export type Database = PGlite;
export type { Transaction };
export type Reader = Pick<Transaction, "query" | "exec">;

/** Bytes of a COPY; the database reads them as a file. Returns how many rows they were. */
export async function copy(
  tx: Reader,
  sql: string,
  bytes: string | Uint8Array<ArrayBuffer>,
): Promise<number> {
  const { affectedRows } = await tx.query(sql, [], { blob: new Blob([bytes]) });
  return affectedRows ?? 0;
}

/**
 * Rows of one query. In a transaction, since PGlite brings everything into the store after a query without one, which takes
 * long on IndexedDB.
 */
export async function read<T>(pg: Database, sql: string, params: readonly unknown[] = []): Promise<T[]> {
  const { rows } = await pg.transaction((tx) => tx.query<T>(sql, [...params]));
  return rows;
}

/**
 * Returns when everything that was committed before is in the store. PGlite's `transaction()` does not wait for that, and its
 * `syncToFs()` returns at once where another is about to begin: with queries held up, none is.
 */
export async function storeAll(pg: Database): Promise<void> {
  await pg.runExclusive(() => pg.syncToFs());
}

/** What PostgreSQL, PGlite, Node and browsers say of a store that takes nothing, where their codes do not. */
const WORDS =
  /could not (?:extend|write|create|fsync|flush|truncate)|No space left|File too large|Quota|PGlite is clos|ExitStatus|unreachable/i;

/** No space, no memory, no file, a database that has stopped: of the store, and of no table. */
export function isOfTheStore(error: unknown): boolean {
  const { code, name, message } = error as { code?: unknown; name?: unknown; message?: unknown };
  // With another SQLSTATE the words may be somebody's value.
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("XX"))
    return /^5[38]/.test(code);
  return WORDS.test(`${String(name)} ${String(message)}`);
}
