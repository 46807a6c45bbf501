/** How many values of `_tx_id` a lease has. */
const IDS_PER_LEASE = 2n ** 32n;

/**
 * The values of `_tx_id` that belong to a lease, for its microbatches in their order. One
 * whose microbatch is given up is never used again.
 */
export class TransactionIds {
  #next: bigint;
  readonly #end: bigint;

  constructor(first: bigint) {
    this.#next = first;
    this.#end = first + IDS_PER_LEASE;
  }

  take(): bigint {
    if (this.#next === this.#end) {
      throw new Error(`the lease has no _tx_id left after ${this.#end - 1n}`);
    }
    return this.#next++;
  }
}
