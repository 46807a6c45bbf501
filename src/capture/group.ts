import type { CapturedTransaction } from "./transactions.ts";

/** What is stored in one call, at most. */
const GROUP_TRANSACTIONS = 500;
const GROUP_BYTES = 1024 * 1024;
/** What waits to be stored, at most: then nothing more is read. */
const WAITING_TRANSACTIONS = 2 * GROUP_TRANSACTIONS;
const WAITING_BYTES = 2 * GROUP_BYTES;

/** A place in WAL where nothing is half sent: all that commits below it was sent before. */
interface Idle {
  readonly lsn: bigint;
  /** The content of a beat, which anybody may send: the database knows its own. */
  readonly beat: string | null;
}

/** What is stored by one call: transactions, or a place between them. */
export type Group = { readonly transactions: readonly CapturedTransaction[] } | { readonly idle: Idle };

type Item = CapturedTransaction | Idle;

/** What was read and is not stored yet, in the order of WAL. */
export class Waiting {
  readonly #items: Item[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  get isFull(): boolean {
    return this.#items.length >= WAITING_TRANSACTIONS || this.#bytes >= WAITING_BYTES;
  }

  add(item: Item): void {
    const last = this.#items.at(-1);
    // Of places next to each other the last one says all, but for beats, which are all to be answered.
    if ("beat" in item && last !== undefined && "beat" in last) {
      const isAnotherBeat = item.beat !== null && last.beat !== null && item.beat !== last.beat;
      if (!isAnotherBeat) {
        this.#items[this.#items.length - 1] = { lsn: item.lsn, beat: item.beat ?? last.beat };
        return;
      }
    }
    this.#items.push(item);
    this.#bytes += bytesOf(item);
  }

  /** Takes what the next call stores; a large transaction comes alone. */
  take(): Group | null {
    const first = this.#items[0];
    if (first === undefined) return null;
    if ("beat" in first) {
      this.#items.shift();
      return { idle: first };
    }
    const transactions: CapturedTransaction[] = [];
    let bytes = 0;
    for (const item of this.#items) {
      if ("beat" in item || transactions.length === GROUP_TRANSACTIONS) break;
      const isFirst = transactions.length === 0;
      if (!isFirst && (item.large || transactions[0]!.large || bytes + item.callBytes > GROUP_BYTES)) break;
      transactions.push(item);
      bytes += item.callBytes;
    }
    this.#items.splice(0, transactions.length);
    this.#bytes -= transactions.reduce((sum, item) => sum + bytesOf(item), 0);
    return { transactions };
  }
}

function bytesOf(item: Item): number {
  return "beat" in item ? 0 : item.callBytes;
}
