import { AmpsyncError } from "../errors.ts";
import type { BatchReader } from "./batch-reader.ts";
import type { Bitmap } from "./bitmap.ts";
import { uint64Of } from "./words.ts";

/** The blocks of a microbatch, both inclusive. */
export interface Blocks {
  readonly start: bigint;
  readonly end: bigint;
}

/** `_block_num` of one batch, checked row by row. */
export class BlockNumbers {
  readonly #table: string;
  readonly #validity: Bitmap | null;
  readonly #words: Int32Array;
  readonly #rowCount: number;

  constructor(table: string, reader: BatchReader, rowCount: number) {
    this.#table = table;
    this.#validity = reader.validity(reader.node(rowCount));
    this.#words = reader.words(2 * rowCount);
    this.#rowCount = rowCount;
  }

  /** A row's block. Below 2^48 after `check`, so a double holds it exactly. */
  at(row: number): number {
    return (this.#words[2 * row + 1]! >>> 0) * 2 ** 32 + (this.#words[2 * row]! >>> 0);
  }

  /**
   * Refuses rows that are outside `blocks` or go back below `previous`, the block of
   * the row before.
   */
  check(blocks: Blocks, previous: number): void {
    const validity = this.#validity;
    const end = Number(blocks.end); // Below 2^48: exact.
    let last = previous;
    for (let row = 0; row < this.#rowCount; row++) {
      // Rounding cannot bring a block of 2^53 or more into the range.
      const block = this.at(row);
      if ((validity !== null && !validity.isSet(row)) || block < last || block > end) {
        throw this.#violation(row, blocks, last);
      }
      last = block;
    }
  }

  #violation(row: number, { start, end }: Blocks, last: number): AmpsyncError {
    const where = `table ${this.#table}, row ${row} of the batch`;
    if (this.#validity !== null && !this.#validity.isSet(row)) {
      return new AmpsyncError("SY101", `_block_num is NULL in ${where}`);
    }
    const block = uint64Of(this.#words, row);
    if (block < start || block > end) {
      return new AmpsyncError(
        "SY101",
        `_block_num ${block} is outside blocks ${start} to ${end} of its microbatch in ${where}`,
      );
    }
    return new AmpsyncError("SY101", `_block_num goes back from ${last} to ${block} in ${where}`);
  }
}
