import type { CommitSize } from "../model/commit-size.ts";
import type { Refusals, Transaction } from "./transaction.ts";

/** A transaction that measures how long PostgreSQL takes for it: not the time between its calls. */
export class MeasuredTransaction implements Transaction {
  readonly #transaction: Transaction;
  #copyMs: number;
  #commitMs = 0;

  private constructor(transaction: Transaction, openMs: number) {
    this.#transaction = transaction;
    this.#copyMs = openMs;
  }

  static async open(open: () => Promise<Transaction>): Promise<MeasuredTransaction> {
    const [transaction, ms] = await timed(open);
    return new MeasuredTransaction(transaction, ms);
  }

  get times(): Pick<CommitSize, "copyMs" | "commitMs"> {
    return { copyMs: this.#copyMs, commitMs: this.#commitMs };
  }

  async write(chunk: Uint8Array): Promise<Refusals | null> {
    const [refusals, ms] = await timed(() => this.#transaction.write(chunk));
    this.#copyMs += ms;
    return refusals;
  }

  savepoint(): Promise<void> {
    return this.#transaction.savepoint();
  }

  rollbackToSavepoint(): Promise<void> {
    return this.#transaction.rollbackToSavepoint();
  }

  async commit(end: () => string): Promise<void> {
    [, this.#commitMs] = await timed(() => this.#transaction.commit(end));
  }

  abort(): void {
    this.#transaction.abort();
  }
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, ms: number]> {
  const since = performance.now();
  const done = await work();
  return [done, performance.now() - since];
}
