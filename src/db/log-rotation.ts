import type { Caller } from "./caller.ts";

/** Removes what the log of changes does not need any more. */
export class LogRotation {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Resolves once nothing is left, or the signal aborts. Small transactions: nobody waits for one of them for long. */
  async rotate(shutdown: AbortSignal): Promise<void> {
    while (!shutdown.aborted && (await this.#removeLeftover())) {
      // There is more.
    }
    while (!shutdown.aborted && (await this.#shorten())) {
      // There is more.
    }
  }

  /** A step towards a log that keeps no more than it shall. */
  async #shorten(): Promise<boolean> {
    const { rows } = await this.#caller.call("select more, statement from ampsync_worker.shorten_log()");
    const { more, statement } = rows[0];
    if (statement !== null) await this.#caller.call(statement);
    return more;
  }

  /** Rows that passes which died stored ahead of a transaction. */
  async #removeLeftover(): Promise<boolean> {
    const { rows } = await this.#caller.call("select ampsync_worker.remove_leftover() as more");
    return rows[0].more;
  }
}
