import type { Connection, SqlStream } from "./sql-stream.ts";

export interface IndexRow {
  readonly table_name: string;
  readonly index: string | null;
  readonly definition: string;
  readonly state: string;
  readonly error_code: string | null;
  readonly error: string | null;
  readonly hint: string | null;
}

/** The rows of ampsync.indexes, in the order in which the indexes are built. */
export async function shownIndexes(db: Connection): Promise<readonly IndexRow[]> {
  const { rows } = await db.query(
    `select i.table_name, i.index, i.definition, i.state, i.error_code, i.error, i.hint from ampsync.indexes i
      order by i.table_name, i.definition`,
  );
  return rows;
}

/** The next statement that a worker would run, or null. */
export async function nextStep(db: Connection, stream: SqlStream) {
  const { rows } = await db.query("select * from ampsync_worker.next_index_step($1)", [stream.id]);
  return rows[0] ?? null;
}

/** Records what became of a step; with an error whether it is final. */
export async function noteStep(
  db: Connection,
  stream: SqlStream,
  step: { readonly method: string; readonly columns: readonly string[]; readonly options: readonly number[] },
  error: object | null = null,
  isFinal = false,
): Promise<void> {
  await db.query("select ampsync_worker.note_index($1, $2, $3, $4, $5, $6)", [
    stream.id,
    step.method,
    step.columns,
    step.options,
    error,
    isFinal,
  ]);
}

/** Builds all indexes of a stream, as a worker does; inside a transaction, where CONCURRENTLY is refused. */
export async function buildIndexes(db: Connection, stream: SqlStream): Promise<readonly string[]> {
  const statements: string[] = [];
  for (let step = await nextStep(db, stream); step !== null; step = await nextStep(db, stream)) {
    if (statements.length === 20) throw new Error(`no end: ${statements.join("; ")}`);
    statements.push(step.statement);
    await db.query(step.statement.replace(" concurrently", ""));
    await noteStep(db, stream, step);
  }
  return statements;
}

/** The state that an interrupted CREATE INDEX CONCURRENTLY leaves behind. */
export async function leaveInvalid(db: Connection, statement: string, index: string): Promise<void> {
  await db.query(statement.replace(" concurrently", ""));
  await db.query("update pg_index set indisvalid = false where indexrelid = $1::regclass", [index]);
}
