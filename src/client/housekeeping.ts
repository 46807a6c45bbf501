import { type Database, read } from "./database.ts";

export interface Pace {
  /** WAL between two checkpoints. */
  readonly checkpointBytes: bigint;
  /** It looks for dead rows once in so many calls. */
  readonly eachCalls: number;
}

const PACE: Pace = { checkpointBytes: 16n * 2n ** 20n, eachCalls: 20 };

/** Tables with more dead rows than a fifth of all, and 1,000. */
const TIRED = `
  select format('%I.%I', schemaname, relname) as name from pg_stat_user_tables
   where schemaname <> 'ampsync_stage' and n_dead_tup > greatest(1000, (n_live_tup + n_dead_tup) / 5)`;

/** PGlite is one process: nobody else removes WAL and dead rows. All of it happens between two frames. */
export class Housekeeping {
  readonly #pg: Database;
  readonly #pace: Pace;
  #checkpointAt: bigint | null = null;
  #calls = 0;

  constructor(pg: Database, pace = PACE) {
    this.#pg = pg;
    this.#pace = pace;
  }

  /**
   * After each batch of frames, and each write of the application; `loaded`: tables that were loaded anew by it. `written`:
   * bytes of WAL, where its caller knows them.
   */
  async tend(loaded: readonly string[], written: bigint | null = null): Promise<void> {
    for (const table of loaded) await this.#vacuum(table);
    if (loaded.length > 0) return this.checkpoint();
    if (++this.#calls % this.#pace.eachCalls === 0) {
      await read(this.#pg, "select pg_stat_force_next_flush()");
      for (const { name } of await read<{ name: string }>(this.#pg, TIRED)) await this.#vacuum(name);
    }
    const now = written ?? (await this.#written());
    this.#checkpointAt ??= now;
    if (now - this.#checkpointAt >= this.#pace.checkpointBytes) await this.checkpoint();
  }

  async checkpoint(): Promise<void> {
    await this.#pg.exec("checkpoint");
    this.#checkpointAt = await this.#written();
  }

  async #vacuum(table: string): Promise<void> {
    await this.#pg.exec(`vacuum (analyze) ${table}`);
  }

  async #written(): Promise<bigint> {
    const rows = await read<{ bytes: string }>(
      this.#pg,
      "select (pg_current_wal_insert_lsn() - '0/0')::text as bytes",
    );
    return BigInt(rows[0]?.bytes ?? "0");
  }
}
