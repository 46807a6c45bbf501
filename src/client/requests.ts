import type { Database, Transaction } from "./database.ts";
import { fromTypedJson, toTypedJson } from "./typed-json.ts";

export interface Statement {
  readonly sql: string;
  readonly params?: readonly unknown[];
}

/** What a statement gave. */
export interface Result<T = Record<string, unknown>> {
  readonly rows: T[];
  /** Rows that it wrote. */
  readonly affectedRows: number;
  /**
   * The statement was done, and what it gave was larger than what is kept for a tab that has to ask again: `rows` is empty.
   */
  readonly rowsLost?: true;
}

export interface Done {
  readonly results: readonly Result[];
  readonly wrote: boolean;
}

/** Of what a request gave, so much is kept for whoever has to ask again. */
const KEPT_BYTES = 65_536;

/**
 * Statements in one transaction. A request with an id that has written is not run again, also when another asks for it that
 * has the store later: what it gave is in the store, for an hour.
 */
export function runStatements(
  pg: Database,
  statements: readonly Statement[],
  id: string | null,
  begin: (tx: Transaction) => Promise<void> = async () => {},
): Promise<Done> {
  return pg.transaction(async (tx) => {
    await begin(tx);
    const earlier = id === null ? null : await answerOf(tx, id, statements.length);
    if (earlier !== null) return { results: earlier, wrote: false };
    const results: Result[] = [];
    for (const { sql, params = [] } of statements) {
      const { rows, affectedRows = 0 } = await tx.query<Record<string, unknown>>(sql, [...params]);
      results.push({ rows, affectedRows });
    }
    const xid = await tx.query<{ wrote: boolean }>(
      "select pg_current_xact_id_if_assigned() is not null as wrote",
    );
    const wrote = xid.rows[0]?.wrote === true;
    if (wrote && id !== null) await keepAnswer(tx, id, results);
    return { results, wrote };
  });
}

async function answerOf(tx: Transaction, id: string, statements: number): Promise<readonly Result[] | null> {
  const { rows } = await tx.query<{ rows: string; result: string | null }>(
    "select rows::text, result from ampsync.request where id = $1",
    [id],
  );
  const [found] = rows;
  if (found === undefined) return null;
  if (found.result !== null) return fromTypedJson(found.result) as readonly Result[];
  const lost: Result = { rows: [], affectedRows: 0, rowsLost: true };
  // The count is of all of them.
  const first: Result = { ...lost, affectedRows: Number(found.rows) };
  return Array.from({ length: statements }, (_, at) => (at === 0 ? first : lost));
}

async function keepAnswer(tx: Transaction, id: string, results: readonly Result[]): Promise<void> {
  const text = toTypedJson(results);
  const isKept = new TextEncoder().encode(text).length <= KEPT_BYTES;
  const rows = results.reduce((sum, { affectedRows }) => sum + affectedRows, 0);
  await tx.query("insert into ampsync.request (id, rows, result) values ($1, $2, $3)", [
    id,
    rows,
    isKept ? text : null,
  ]);
  await tx.query("delete from ampsync.request where at < now() - interval '1 hour'");
}
