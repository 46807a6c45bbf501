import { once } from "node:events";

import type pg from "pg";
import { type CopyStreamQuery, from as copyFrom } from "pg-copy-streams";

import type { ServerWait } from "../db/server-wait.ts";
import type { Faults } from "../fault-points.ts";
import { BEGIN, COPY_HEADER, COPY_TRAILER, type CopyTarget, copyInto, tableOf } from "./statements.ts";
import type { Transaction } from "./transaction.ts";

export interface WriteOptions {
  readonly pool: pg.Pool;
  readonly target: CopyTarget;
  readonly wait: ServerWait;
  readonly faults: Faults;
  /** Ends the transaction, also one that waits for a lock. */
  readonly signal: AbortSignal;
}

/** Of `mark`: each new one takes the place of the last. */
export const MARK = "savepoint marked";

/**
 * One writing transaction: a statement that begins it, COPY, a statement that ends it.
 *
 * With the end known at once all of it is one message to the server, else the
 * end is a second one. In either case the last check and COMMIT travel together,
 * so no client can freeze between them. A transaction that fails takes its
 * connection with it: nothing of it is left, whatever state it was in.
 */
export class WriteTransaction implements Transaction {
  readonly #options: WriteOptions;
  readonly #client: pg.PoolClient;
  /** The one under way. */
  #copy: CopyStreamQuery;
  /** The first message ends with COMMIT. */
  readonly #hasEnd: boolean;
  readonly #onAbort = () => this.abort();
  readonly #failure = Promise.withResolvers<never>();
  #isMarked = false;
  #isOver = false;

  private constructor(
    options: WriteOptions,
    client: pg.PoolClient,
    statements: readonly string[],
    hasEnd: boolean,
  ) {
    this.#options = options;
    this.#client = client;
    this.#copy = this.#startCopy(statements);
    this.#hasEnd = hasEnd;
    options.signal.addEventListener("abort", this.#onAbort);
    client.on("error", this.#failure.reject);
    // Every write awaits it; this only says that nobody may be doing so when it happens.
    this.#failure.promise.catch(() => {});
  }

  /** `end` where it is known already. */
  static async open(options: WriteOptions, begin: string, end: string | null): Promise<WriteTransaction> {
    const { target, faults } = options;
    const copy = copyInto(tableOf(target), target);
    const statements = [BEGIN, begin, copy, ...(end === null ? [] : [end, "commit"])];
    const client = await connect(options);
    const transaction = new WriteTransaction(options, client, statements, end !== null);
    try {
      await transaction.#send(COPY_HEADER); // Taken when COPY asks for rows.
      await faults.reach("copy_begun");
      return transaction;
    } catch (error) {
      transaction.abort();
      throw error;
    }
  }

  /** Resolves when the socket takes more. The chunk must not be written to afterwards. */
  async write(chunk: Uint8Array): Promise<null> {
    await this.#send(chunk);
    await this.#options.faults.reach("chunk_written");
    return null;
  }

  async #send(chunk: Uint8Array): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#copy.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
    await this.#answer(written);
  }

  async #answer(answer: Promise<unknown>): Promise<void> {
    await this.#options.wait.during(Promise.race([this.#failure.promise, answer]));
  }

  async mark(): Promise<void> {
    await this.#nextCopy(this.#isMarked ? [`release ${MARK}`, MARK] : [MARK]);
    this.#isMarked = true;
  }

  async takeBack(): Promise<void> {
    await this.#nextCopy([`rollback to ${MARK}`]);
  }

  async commit(end: () => string): Promise<void> {
    await this.#options.faults.reach("before_trailer");
    await this.#send(COPY_TRAILER);
    let answer = this.#endCopy();
    if (!this.#hasEnd) {
      await this.#answer(answer);
      answer = this.#client.query(`${end()};\ncommit`);
    }
    await Promise.all([this.#answer(answer), this.#options.faults.reach("commit_sent")]);
    await this.#options.faults.reach("commit_answered");
    this.#release(false);
  }

  abort(): void {
    this.#release(true);
  }

  /** The last of these statements, or the last but those that end the transaction, is a COPY. */
  #startCopy(statements: readonly string[]): CopyStreamQuery {
    const copy = this.#client.query(copyFrom(statements.join(";\n"), { highWaterMark: 1 }));
    copy.once("error", this.#failure.reject);
    return copy;
  }

  /** Resolves when PostgreSQL has taken all of it, and what follows it in its message. */
  #endCopy(): Promise<unknown> {
    const answer = once(this.#copy, "finish");
    this.#copy.end();
    return answer;
  }

  /** Ends the COPY under way, and begins another one after these statements. */
  async #nextCopy(before: readonly string[]): Promise<void> {
    const { target } = this.#options;
    await this.#send(COPY_TRAILER);
    await this.#answer(this.#endCopy());
    this.#copy = this.#startCopy([...before, copyInto(tableOf(target), target)]);
    await this.#send(COPY_HEADER);
  }

  #release(destroy: boolean): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#options.signal.removeEventListener("abort", this.#onAbort);
      this.#client.off("error", this.#failure.reject);
      this.#client.release(destroy);
    }
  }
}

/** A connection to write on. */
export async function connect({ pool, faults, signal }: WriteOptions): Promise<pg.PoolClient> {
  await faults.reach("before_connect");
  const client = await pool.connect();
  if (signal.aborted) {
    client.release();
    signal.throwIfAborted();
  }
  return client;
}
