import type pg from "pg";

import type { ServerWait } from "../db/server-wait.ts";
import type { Faults } from "../fault-points.ts";
import { unlessAborted } from "../model/unless-aborted.ts";
import { CopyIn } from "./copy-in.ts";

export interface WriterSessionOptions {
  readonly pool: pg.Pool;
  readonly wait: ServerWait;
  readonly faults: Faults;
  /** Ends the transaction, even one that waits for a lock. */
  readonly signal: AbortSignal;
}

/**
 * The connection of one writing transaction. After the commit it returns to its pool. In any other case it is
 * closed, so nothing of the transaction is left, whatever state it was in.
 */
export class WriterSession {
  readonly #options: WriterSessionOptions;
  readonly #client: pg.PoolClient;
  readonly #failure = Promise.withResolvers<never>();
  readonly #onAbort = () => this.abort();
  #isOver = false;

  private constructor(options: WriterSessionOptions, client: pg.PoolClient) {
    this.#options = options;
    this.#client = client;
    options.signal.addEventListener("abort", this.#onAbort);
    client.on("error", this.fail);
    // Every answer is raced with it; this is for a failure while no answer is awaited.
    this.#failure.promise.catch(() => {});
  }

  static async open(options: WriterSessionOptions): Promise<WriterSession> {
    const { pool, faults, signal } = options;
    await faults.reach("before_connect");
    const connecting = pool.connect();
    try {
      const client = await unlessAborted(connecting, signal);
      signal.throwIfAborted();
      return new WriterSession(options, client);
    } catch (error) {
      connecting.then((client) => client.release()).catch(() => {}); // Nobody waits for it any more.
      throw error;
    }
  }

  /** Every answer that is awaited from now on rejects with this error. */
  readonly fail = (error: unknown): void => this.#failure.reject(error);

  async query(text: string): Promise<pg.QueryResult> {
    this.#options.signal.throwIfAborted(); // The connection is closed by then.
    return await this.answer(this.#client.query(text));
  }

  /** Begins a COPY. Other statements may precede and follow it in `text`. */
  copy(text: string): CopyIn {
    this.#options.signal.throwIfAborted();
    return this.#client.query(new CopyIn(text));
  }

  /** Waits for PostgreSQL, visibly to the heartbeat. Also rejects when the connection breaks. */
  async answer<T>(answer: Promise<T>): Promise<T> {
    return await this.#options.wait.during(Promise.race([this.#failure.promise, answer]));
  }

  /** Waits for the answer to COMMIT, then returns the connection to its pool. */
  async committed(answer: Promise<unknown>): Promise<void> {
    const { faults } = this.#options;
    await Promise.all([answer, faults.reach("commit_sent")]);
    await faults.reach("commit_answered");
    this.#release(false);
  }

  /** Rolls back, unless the transaction is over. */
  abort(): void {
    this.#release(true);
  }

  #release(destroy: boolean): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#options.signal.removeEventListener("abort", this.#onAbort);
      this.#client.off("error", this.fail);
      this.#client.release(destroy);
    }
  }
}
