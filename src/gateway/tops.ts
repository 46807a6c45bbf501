import type { DirtyTable, LogPage } from "../db/gateway-answers.ts";

/** Where the tables of datasets stood when the log was last read: what is dirty above was not there then. */
export class Tops {
  #epoch: string | null = null;
  #at = -1n;
  readonly #blocks = new Map<string, bigint>();

  /** Whether nothing of these ranges was in the table at that position; where that is not known, it may have been. */
  areNew(ranges: DirtyTable["ranges"], table: string, epoch: string, at: bigint): boolean {
    const top = epoch === this.#epoch && at === this.#at ? this.#blocks.get(table) : undefined;
    return top !== undefined && ranges.every(([low]) => BigInt(low) > top);
  }

  /** A reading has served those who stood at `after` or above. */
  note({ head, datasets }: LogPage, epoch: string, after: bigint): void {
    const at = BigInt(head);
    if (epoch === this.#epoch && at < this.#at) return;
    // Of what came in between nothing is known.
    if (epoch !== this.#epoch || after > this.#at) this.#blocks.clear();
    this.#epoch = epoch;
    this.#at = at;
    for (const { tables } of datasets) {
      for (const [table, block] of Object.entries(tables)) {
        if (block === null) this.#blocks.delete(table);
        else this.#blocks.set(table, BigInt(block));
      }
    }
  }
}
