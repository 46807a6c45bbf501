import type { Connection } from "./sql-stream.ts";

/** One change of a row, as a line has it; `table` is the number of a `captured` table. */
export interface Change {
  readonly table: string;
  readonly operation?: "insert" | "update" | "delete" | "truncate";
  readonly key?: readonly string[] | null;
  readonly data?: Readonly<Record<string, string | null>> | null;
  readonly old?: Readonly<Record<string, string | null>> | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
}

export interface Transaction {
  /** The place of its commit record; it ends 8 bytes behind. */
  readonly lsn: number;
  readonly xid?: string;
  /** Microseconds since 2000. */
  readonly at?: string;
  readonly changes?: readonly Change[];
  /** How many of its changes went by `storeChanges` before. */
  readonly ahead?: number;
  readonly marks?: readonly Readonly<Record<string, unknown>>[];
  readonly messages?: readonly { readonly prefix: string; readonly content: string }[];
  readonly relations?: readonly Readonly<Record<string, unknown>>[];
}

export interface Answer {
  readonly commit_lsn: string | null;
  readonly end_lsn: string | null;
  readonly reread: boolean;
  readonly tables: readonly { readonly relation: string }[] | null;
}

const lsn = (place: number): string => `0/${place.toString(16).toUpperCase()}`;

/** A row of a table with the key `id`. */
export function row(table: string, id: string, fields: Partial<Change> = {}): Change {
  return { table, operation: "insert", key: [id], data: { id, title: `of ${id}` }, ...fields };
}

/** A pass of capture, moved by hand through the calls that a worker makes. */
export class SqlCapture {
  readonly #db: Connection;
  generation: string;
  /** Of the newest transaction that this pass knows to be stored. */
  commitLsn: string | null;

  private constructor(db: Connection, generation: string, commitLsn: string | null) {
    this.#db = db;
    this.generation = generation;
    this.commitLsn = commitLsn;
  }

  /** Has taken capture over. */
  static async take(db: Connection, worker = "worker-1"): Promise<SqlCapture> {
    await db.query("select ampsync_private.ensure_capture()");
    const { rows } = await db.query("select ampsync_worker.take_capture($1) as taken", [worker]);
    return new SqlCapture(db, rows[0].taken.generation, rows[0].taken.commit_lsn);
  }

  /** The same pass through another connection. */
  through(db: Connection): SqlCapture {
    return new SqlCapture(db, this.generation, this.commitLsn);
  }

  async commit(transactions: readonly Transaction[], expected = this.commitLsn): Promise<Answer> {
    const lines = transactions.flatMap((transaction, n) =>
      linesOf(transaction.changes ?? [], n, transaction.ahead ?? 0),
    );
    const { rows } = await this.#db.query("select ampsync_worker.commit_capture($1, $2, $3, $4) as answer", [
      this.generation,
      expected,
      JSON.stringify(transactions.map(described)),
      lines.join("\n"),
    ]);
    this.commitLsn = rows[0].answer.commit_lsn;
    return rows[0].answer;
  }

  /** Changes of the one large transaction that is being received. */
  async storeChanges(changes: readonly Change[], from = 0): Promise<number> {
    const { rows } = await this.#db.query("select ampsync_worker.store_changes($1, $2) as stored", [
      this.generation,
      linesOf(changes, 0, from).join("\n"),
    ]);
    return Number(rows[0].stored);
  }

  async storeIdle(place: number, isBeat = false): Promise<void> {
    if (isBeat) await this.#db.query("update ampsync_private.capture set beat_token = 'of the supervisor'");
    await this.#db.query("select ampsync_worker.store_idle($1, $2, $3)", [
      this.generation,
      lsn(place),
      isBeat ? "of the supervisor" : null,
    ]);
  }

  async report(place: number, lookMs: number | null = null): Promise<void> {
    await this.#db.query("select ampsync_worker.report_capture($1, $2, $3)", [
      this.generation,
      lsn(place),
      lookMs,
    ]);
  }

  async end(report: Readonly<Record<string, unknown>>, generation: string | null = this.generation) {
    await this.#db.query("select ampsync_worker.end_capture('worker-1', $1, $2)", [generation, report]);
  }
}

function linesOf(changes: readonly Change[], n: number, from: number): string[] {
  return changes.map(
    ({ table, operation = "insert", key = null, data = null, old = null, metadata = null }, index) =>
      JSON.stringify([n, from + index, table, operation, key && JSON.stringify(key), data, old, metadata]),
  );
}

function described({ lsn: place, changes = [], ahead = 0, ...rest }: Transaction, n: number) {
  return {
    n,
    commit_lsn: lsn(place),
    end_lsn: lsn(place + 8),
    xid: rest.xid ?? "3",
    at: rest.at ?? `${840_000_000_000_000 + place}`,
    large: ahead > 0,
    changes: changes.length + ahead,
    bytes: 100 * changes.length,
    marks: rest.marks ?? [],
    messages: rest.messages ?? [],
    relations: rest.relations ?? [],
  };
}

/** A table that is captured, and its number; `starting` until something beyond 0/10 is stored. */
export async function capturedTable(db: Connection, name: string, state = "live"): Promise<string> {
  await db.query(`create table public.${name} (id text primary key, title text)`);
  await db.query("select ampsync_private.ensure_capture()");
  const { rows } = await db.query(
    `insert into ampsync_private.published
            (schema_name, table_name, relation, mode, identity, columns, state, floor, published_lsn, since)
     select 'public', $1, r.oid, 'rows', 'full', ampsync_private.published_columns(r.oid), $2,
            case $2 when 'live' then 0 end, '0/10', now()
       from (select $1::regclass as oid) r
     returning relation::oid::text as oid`,
    [name, state],
  );
  return rows[0].oid;
}

/** The rows that readers of the log find, in its order. */
export async function loggedRows(db: Connection): Promise<string[]> {
  const { rows } = await db.query(
    `select format('%s %s %s', t.lsn, c.operation, c.key) as line
       from ampsync_private.change_tx t
       join ampsync_private.change c using (tx_id)
      order by t.position, c.seq`,
  );
  return rows.map(({ line }) => line);
}

/** The entries of the log, in its order: kind, and what they are about. */
export async function loggedEntries(db: Connection): Promise<string[]> {
  const { rows } = await db.query(
    `select concat_ws(' ', t.kind, t.lsn, t.changes, t.details ->> 'reason', t.client_id) as line
       from ampsync_private.change_tx t
      order by t.position`,
  );
  return rows.map(({ line }) => line);
}

/** The one row of `capture`. */
export async function captureRow(db: Connection): Promise<Record<string, unknown>> {
  return (await db.query("select * from ampsync_private.capture")).rows[0];
}

/** The details of all events of a kind, in their order. */
export async function events(db: Connection, event: string): Promise<Record<string, unknown>[]> {
  const { rows } = await db.query(
    "select details from ampsync_private.event where event = $1 order by event_id",
    [event],
  );
  return rows.map(({ details }) => details);
}
