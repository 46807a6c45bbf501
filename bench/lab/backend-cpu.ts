import type { Database } from "./lab.ts";
import { cpuS } from "./process-figures.ts";

const SAMPLE_MS = 100;

/**
 * The processor time of the server processes that serve clients of a database, but the benchmark's
 * own connection. Looked at again and again, for what a process used is gone when it ends.
 */
export class BackendCpu {
  readonly #database: Database;
  readonly #last = new Map<number, number>();
  #before = new Map<number, number>();
  #nextLook = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  async begin(): Promise<void> {
    this.#last.clear();
    await this.#look();
    this.#before = new Map(this.#last);
  }

  /** Call it often. */
  async sample(): Promise<void> {
    if (performance.now() >= this.#nextLook) await this.#look();
  }

  async usedS(): Promise<number> {
    await this.#look();
    let used = 0;
    for (const [pid, cpu] of this.#last) used += cpu - (this.#before.get(pid) ?? 0);
    return used;
  }

  async #look(): Promise<void> {
    const rows = await this.#database.query(
      `select pid from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`,
    );
    for (const { pid } of rows) {
      const cpu = cpuS(pid);
      if (!Number.isNaN(cpu)) this.#last.set(pid, cpu);
    }
    this.#nextLook = performance.now() + SAMPLE_MS;
  }
}
