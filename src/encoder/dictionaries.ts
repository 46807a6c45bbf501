import type { ArrowBatch, ArrowDictionary } from "../model/arrow-batch.ts";

/** The dictionaries of one stream as they stand now. They live as long as its connection. */
export class Dictionaries {
  readonly #batches = new Map<bigint, readonly ArrowBatch[]>();

  take({ id, isDelta, batch }: ArrowDictionary): void {
    this.#batches.set(id, isDelta ? [...this.batches(id), batch] : [batch]);
  }

  /** One that has not come yet is empty: its column may hold nothing but NULL. */
  batches(id: bigint): readonly ArrowBatch[] {
    return this.#batches.get(id) ?? [];
  }
}
