import type { Ledger } from "../model/ledger.ts";
import type { BlockNumbers, Blocks } from "./block-numbers.ts";
import type { BoundBatch } from "./bound-batch.ts";
import type { ByteSink } from "./byte-sink.ts";
import type { Column } from "./column.ts";
import type { TablePlan } from "./plan.ts";
import { type Region, regionOf } from "./region.ts";
import { ROWS_BYTES } from "./row-digests.ts";
import { DIGESTS, type Hash64, RowHash } from "./row-hash.ts";
import type { TransactionIds } from "./transaction-ids.ts";

/** Offsets of the parts of a row; the user columns follow them. The two keys take the same number of bytes. */
const ID_BYTES = 16;
const HASH_AT = 2 + 4 + 6;
const ID_TAIL_AT = 2 + 4 + 8;
const START_AT = 2 + 4 + ID_BYTES;
const TX_ID_AT = 2;
const ROW_INDEX_AT = TX_ID_AT + 4 + 8;
const BLOCK_FIELD_BYTES = 4 + 8;

const WORD = 2 ** 32;

/**
 * Writes measured rows, and counts them into the ledger of their microbatch. A row
 * is: number of fields, `_id` or `_tx_id` and `_row_index`, `_block_num_start`,
 * `_block_num_end`, `_block_num` where the table has one, user columns.
 */
export class RowWriter {
  readonly #hash: RowHash;
  /** With identity `transaction`: where the `_tx_id` of each microbatch comes from; null with identity `content`. */
  readonly #txIds: TransactionIds | null;
  readonly #fieldCount: number;
  /** Bytes of a row before its user columns. */
  readonly prefixBytes: number;
  readonly #sizes: Float64Array;
  /** By row of the region, where its next byte goes. */
  readonly #cursor = DIGESTS.ends;

  #range: Blocks = { start: 0n, end: 0n };
  /** With `_block_num`: the block of the last row. A number, because it is below 2^48. */
  #block = 0;
  #txId = 0n;
  /** The index of the next row, without `_block_num` and with identity `transaction`. */
  #rowIndex = 0;
  /** The ledger; the xor is kept in two halves, so that no BigInt is made per row. */
  #rows = 0;
  #xorHigh = 0;
  #xorLow = 0;

  /** `sizes`: the measured bytes of each row of the chunk that is being written. */
  constructor(plan: TablePlan, hash: Hash64, txIds: TransactionIds | null, sizes: Float64Array) {
    const blockFields = plan.hasBlockNum ? 3 : 2;
    this.#hash = new RowHash(hash);
    this.#txIds = txIds;
    this.#fieldCount = (txIds === null ? 1 : 2) + blockFields + plan.columns.length;
    this.prefixBytes = START_AT + blockFields * BLOCK_FIELD_BYTES;
    this.#sizes = sizes;
  }

  beginMicrobatch(range: Blocks): void {
    this.#range = range;
    this.#block = Number(range.start);
    this.#txId = this.#txIds?.take() ?? 0n;
    this.#rowIndex = 0;
    this.#rows = 0;
    this.#xorHigh = 0;
    this.#xorLow = 0;
    this.#hash.beginBlock();
  }

  /** The blocks of the microbatch. */
  get range(): Blocks {
    return this.#range;
  }

  /** With `_block_num`: the block of the last row written, or the first block of the microbatch. */
  get lastBlock(): number {
    return this.#block;
  }

  /** All rows written since the microbatch was begun. With identity `transaction` the xor is 0. */
  get ledger(): Ledger {
    const idXor = (BigInt(this.#xorHigh) << 32n) | BigInt(this.#xorLow >>> 0);
    return { rows: this.#rows, idXor };
  }

  /** Skips a rejected row. Its index still counts, so that the keys of later rows do not depend on it. */
  skipRow(): void {
    this.#rowIndex++;
  }

  /**
   * Writes as many rows of the chunk as can be hashed at once, at least one, from row
   * `done` of the chunk up to row `end`. Returns their number. `first` is the row of
   * the batch with which the chunk begins. They are written where they are hashed,
   * in memory that stays in the processor's cache, and then copied to the sink; a row
   * that is too long for that is written there at once.
   */
  write(bound: BoundBatch<Column>, first: number, done: number, end: number, sink: ByteSink): number {
    const sizes = this.#sizes;
    let size = sizes[done]!;
    let rows = 1;
    while (done + rows < end && size + sizes[done + rows]! <= ROWS_BYTES) {
      size += sizes[done + rows]!;
      rows++;
    }

    const { bytes, at } = sink.reserve(size);
    const isLong = size > ROWS_BYTES;
    const region = isLong ? regionOf(bytes) : DIGESTS.rows;
    const begin = isLong ? at : 0;
    const cursor = this.#cursor;
    let start = begin;
    for (let i = 0; i < rows; i++) {
      cursor[i] = start;
      start += sizes[done + i]!;
    }
    this.#writePrefixes(region, bound.blocks, first + done, rows);
    for (const column of bound.columns) {
      column.write(region, cursor, first + done, rows);
    }
    const written = cursor[rows - 1]! - begin;
    if (written !== size) {
      throw new Error(`rows of ${size} bytes ended at ${written}: measure and write disagree`);
    }
    if (this.#txIds === null) {
      this.#writeHashes(region, bound.blocks, begin, first + done, rows);
    } else {
      this.#writeTransactionKeys(region, bound.blocks, begin, first + done, rows);
    }
    if (!isLong) {
      bytes.set(region.bytes.subarray(0, size), at);
    }
    return rows;
  }

  /** Writes everything before the user columns except what follows the block in `_id`; see #writeTransactionKeys for the other key. */
  #writePrefixes({ view }: Region, blocks: BlockNumbers | null, first: number, count: number): void {
    const cursor = this.#cursor;
    let start = Number(this.#range.start);
    let end = Number(this.#range.end);
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      if (blocks !== null) {
        start = blocks.at(first + i);
        end = start;
        writeBlock(view, at + START_AT + 2 * BLOCK_FIELD_BYTES, end);
      }
      view.setInt16(at, this.#fieldCount);
      view.setInt32(at + 2, ID_BYTES);
      view.setUint16(at + 6, end / WORD);
      view.setUint32(at + 8, end);
      writeBlock(view, at + START_AT, start);
      writeBlock(view, at + START_AT + BLOCK_FIELD_BYTES, end);
      cursor[i] = at + this.prefixBytes;
    }
  }

  /** Completes `_id` from the user columns, which are written by now; `cursor` points past each row. */
  #writeHashes(
    region: Region,
    blocks: BlockNumbers | null,
    begin: number,
    first: number,
    count: number,
  ): void {
    const { bytes, view } = region;
    const hash = this.#hash;
    const cursor = this.#cursor;
    const head = this.prefixBytes;
    const counter = blocks === null ? this.#rowIndex : 0;
    if (region === DIGESTS.rows) {
      DIGESTS.compute(count, head, counter, blocks === null ? 1 : 0);
    } else {
      hash.compute(bytes.subarray(begin + head, cursor[0]), counter, 0);
    }
    let xorHigh = this.#xorHigh;
    let xorLow = this.#xorLow;
    let start = begin;
    for (let i = 0; i < count; i++) {
      const end = cursor[i]!;
      if (blocks !== null) {
        const block = blocks.at(first + i);
        if (block !== this.#block) {
          this.#block = block;
          hash.beginBlock();
        }
        const before = hash.countBefore(i);
        if (before > 0) {
          hash.compute(bytes.subarray(start + head, end), before, i);
        }
      }
      hash.write(i, view, start + HASH_AT);
      xorHigh ^= view.getInt32(start + ID_TAIL_AT);
      xorLow ^= view.getInt32(start + ID_TAIL_AT + 4);
      start = end;
    }
    this.#xorHigh = xorHigh;
    this.#xorLow = xorLow;
    this.#rows += count;
    this.#rowIndex += count;
  }

  /** Writes `_tx_id` and `_row_index` into the bytes before the blocks. */
  #writeTransactionKeys(
    { view }: Region,
    blocks: BlockNumbers | null,
    at: number,
    first: number,
    count: number,
  ): void {
    const high = Number(this.#txId >> 32n);
    const low = Number(this.#txId & 0xffff_ffffn);
    let start = at;
    for (let i = 0; i < count; i++) {
      view.setInt32(start + TX_ID_AT, 8);
      view.setInt32(start + TX_ID_AT + 4, high);
      view.setUint32(start + TX_ID_AT + 8, low);
      view.setInt32(start + ROW_INDEX_AT, 4);
      view.setInt32(start + ROW_INDEX_AT + 4, this.#rowIndex++);
      start = this.#cursor[i]!;
    }
    if (blocks !== null) {
      this.#block = blocks.at(first + count - 1);
    }
    this.#rows += count;
  }
}

/** An int8 field. The block is below 2^48; setUint32 takes a number modulo 2^32. */
function writeBlock(view: DataView, at: number, block: number): void {
  view.setInt32(at, 8);
  view.setUint32(at + 4, block / WORD);
  view.setUint32(at + 8, block);
}
