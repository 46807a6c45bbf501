import { type Database, read } from "./database.ts";
import { tablesRead } from "./tables-read.ts";
import type { Turns } from "./turns.ts";

/** What a query gives, row by row. */
export type Rows = readonly Readonly<Record<string, unknown>>[];
export type OnRows = (rows: Rows) => void;

interface Query {
  readonly sql: string;
  readonly params: readonly unknown[];
  readonly onRows: OnRows;
  /** Tables whose change can change the rows; null: any. */
  readonly tables: ReadonlySet<string> | null;
}

/**
 * Queries whose rows are given again whenever what they read has changed: after each frame, or each few that came
 * together, before the next. So what a callback sees is always one state of the server, and none is made while rows arrive.
 */
export class LiveQueries {
  readonly #pg: Database;
  readonly #turns: Turns;
  readonly #onError: (error: unknown) => void;
  readonly #queries = new Set<Query>();

  constructor(pg: Database, turns: Turns, onError: (error: unknown) => void) {
    this.#pg = pg;
    this.#turns = turns;
    this.#onError = onError;
  }

  /** Returns after the first rows, with what ends it. */
  async add(sql: string, params: readonly unknown[], onRows: OnRows): Promise<() => void> {
    return this.#turns.take(async () => {
      const query = { sql, params, onRows, tables: await tablesRead(this.#pg, sql, params) };
      const stop = () => void this.#queries.delete(query);
      this.#queries.add(query);
      try {
        await this.#give(query);
      } catch (error) {
        stop();
        throw error;
      }
      return stop;
    });
  }

  /** Within a turn: gives the rows of all queries that these tables concern; null: of all. */
  async changed(tables: ReadonlySet<string> | null): Promise<void> {
    for (const query of this.#queries) {
      if (!concerns(query.tables, tables)) continue;
      try {
        await this.#give(query);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  async #give(query: Query): Promise<void> {
    const rows = await readRows(this.#pg, query);
    if (this.#queries.has(query)) query.onRows(rows);
  }
}

/** Without parameters it is two messages to the database instead of six. */
async function readRows(pg: Database, { sql, params }: Query): Promise<Rows> {
  if (params.length > 0) return read(pg, sql, params);
  const [result] = await pg.transaction((tx) => tx.exec(sql));
  return (result?.rows ?? []) as Rows;
}

function concerns(read: ReadonlySet<string> | null, changed: ReadonlySet<string> | null): boolean {
  return read === null || changed === null || [...changed].some((table) => read.has(table));
}
