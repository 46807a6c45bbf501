import { AmpsyncError } from "../errors.ts";
import type { ArrowBatch, ArrowDictionary } from "../model/arrow-batch.ts";
import type { Ledger } from "../model/ledger.ts";
import type { ValueReport } from "../model/value-report.ts";
import { BadValues, type ValuePolicy } from "./bad-values.ts";
import { BLOCK_LIMIT, type BlockNumbers, type Blocks } from "./block-numbers.ts";
import { asFields, type BoundBatch, bindBatch } from "./bound-batch.ts";
import type { Column } from "./column.ts";
import { Dictionaries } from "./dictionaries.ts";
import { NulPolicy, type NulRule } from "./nul-policy.ts";
import { BadValue } from "./place.ts";
import type { TablePlan } from "./plan.ts";
import { type Region, regionOf } from "./region.ts";
import { type Hash64, RowHash } from "./row-hash.ts";
import { ValueLog } from "./value-log.ts";

/** Where rows go. */
export interface ByteSink {
  /**
   * `size` fresh bytes from `at` on, which end below 2^31. The encoder fills all
   * of them before it asks for more.
   */
  reserve(size: number): { readonly bytes: Uint8Array; readonly at: number };
}

/** Rows that are measured at a time: few enough that their Arrow buffers stay in the processor's cache. */
const CHUNK_ROWS = 1024;

/** Bytes reserved at a time, unless one row is larger. */
const REGION_BYTES = 512 * 1024;

/** PostgreSQL cannot store longer rows; positions in a region stay 32-bit integers. */
const ROW_LIMIT = 2 ** 30;

/** Where the parts of a row stand; user columns follow. */
const ID_BYTES = 16;
const HASH_AT = 2 + 4 + 6;
const ID_TAIL_AT = 2 + 4 + 8;
const START_AT = 2 + 4 + ID_BYTES;
const BLOCK_FIELD_BYTES = 4 + 8;

const WORD = 2 ** 32;

export interface EncoderOptions {
  /** What becomes of U+0000 in text and inside JSON; "replace", by U+FFFD, unless told. */
  readonly nulPolicy?: NulRule;
  /**
   * What becomes of a value that its column cannot hold: SY203, as unless told; NULL,
   * also where the schema promises none; or its row is left out.
   */
  readonly valuePolicy?: ValuePolicy;
}

/**
 * Encodes Arrow batches of one schema as rows of COPY BINARY: number of fields,
 * `_id`, `_block_num_start`, `_block_num_end`, `_block_num` in exact mode, user
 * columns. What it remembers between batches belongs to the microbatch. After
 * an error the bytes reserved by the call are worthless, and the microbatch must
 * be begun anew.
 */
export class RowEncoder {
  readonly #plan: TablePlan;
  readonly #hash: RowHash;
  readonly #fieldCount: number;
  /** Bytes of a row before its user columns. */
  readonly #prefixBytes: number;
  readonly #sizes = new Float64Array(CHUNK_ROWS);
  readonly #cursor = new Int32Array(CHUNK_ROWS);

  readonly #nul: NulPolicy;
  readonly #badValues: BadValues;
  readonly #dictionaries = new Dictionaries();
  #log: ValueLog;

  #range: Blocks = { start: 0n, end: 0n };
  /** Exact mode: the block of the last row. A number, because it is below 2^48. */
  #block = 0;
  /** Range mode: the index of the next row. */
  #rowIndex = 0;
  /** The ledger of the microbatch; the xor in two halves, so that no BigInt is made per row. */
  #rows = 0;
  #xorHigh = 0;
  #xorLow = 0;

  constructor(plan: TablePlan, hash: Hash64, options: EncoderOptions = {}) {
    const blockFields = plan.exact ? 3 : 2;
    const { nulPolicy = "replace", valuePolicy = "fail" } = options;
    this.#plan = plan;
    this.#hash = new RowHash(hash);
    this.#nul = new NulPolicy(nulPolicy);
    this.#badValues = new BadValues(valuePolicy);
    this.#log = new ValueLog(plan, this.#dictionaries);
    this.#fieldCount = 1 + blockFields + plan.columns.length;
    this.#prefixBytes = START_AT + blockFields * BLOCK_FIELD_BYTES;
  }

  /** To be called before the first batch of each microbatch, with its blocks. */
  beginMicrobatch(range: Blocks): void {
    if (range.start < 0n || range.end < range.start || range.end >= BLOCK_LIMIT) {
      const { start, end } = range;
      throw new AmpsyncError("SY101", `Blocks ${start} to ${end} are no range below 2^48`);
    }
    this.#range = range;
    this.#block = Number(range.start);
    this.#rowIndex = 0;
    this.#rows = 0;
    this.#xorHigh = 0;
    this.#xorLow = 0;
    this.#hash.beginBlock();
    this.#log = new ValueLog(this.#plan, this.#dictionaries);
  }

  /** Of all rows encoded since the microbatch was begun. */
  get ledger(): Ledger {
    const idXor = (BigInt(this.#xorHigh) << 32n) | BigInt(this.#xorLow >>> 0);
    return { rows: this.#rows, idXor };
  }

  /** Takes a dictionary for the batches that follow, in whatever microbatch: it belongs to the stream. */
  takeDictionary(dictionary: ArrowDictionary): void {
    this.#dictionaries.take(dictionary);
  }

  /** What the policies did to values since the microbatch was begun. */
  get report(): ValueReport {
    return this.#log.report;
  }

  /** The values of the last batch that became NULL, in the order of rows within 1024 rows of a column. */
  get nulledValues(): readonly BadValue[] {
    return this.#badValues.nulled;
  }

  /** Encodes the rows of a batch, without header and trailer of the COPY; returns how many were not left out. */
  encode(batch: ArrowBatch, sink: ByteSink): number {
    this.#nul.reset();
    this.#badValues.reset();
    if (batch.rowCount === 0) {
      return 0; // Writers leave out the buffers of no rows.
    }
    const bound = bindBatch(this.#plan, batch, this.#dictionaries, this.#nul, asFields);
    bound.blocks?.check(this.#range, this.#block);
    try {
      return this.#encode(batch, bound, sink);
    } catch (error) {
      throw error instanceof BadValue ? error.toError(placeOf(error.row, bound.blocks, this.#range)) : error;
    }
  }

  #encode(batch: ArrowBatch, bound: BoundBatch<Column>, sink: ByteSink): number {
    const { rowCount, blocks } = bound;
    const { rejected, nulled } = this.#badValues;
    for (const column of bound.columns) {
      if (column.place.notNull) {
        this.#badValues.takeNulls(column, rowCount);
      }
    }
    for (let first = 0; first < rowCount; first += CHUNK_ROWS) {
      const count = Math.min(CHUNK_ROWS, rowCount - first);
      this.#measure(bound, first, count);
      for (let done = 0; done < count; ) {
        if (rejected.has(first + done)) {
          this.#rowIndex++; // As if it were stored, for the `_id` of those that follow.
          done++;
        } else {
          done += this.#writeRegion(bound, first, done, this.#endOfRun(first, done, count), sink);
        }
      }
    }
    if (rejected.size + nulled.length + this.#nul.counts.length > 0) {
      const blockOf = (row: number) => (blocks === null ? this.#range.end : BigInt(blocks.at(row)));
      this.#log.add(batch, this.#badValues, this.#nul, blockOf);
    }
    return rowCount - rejected.size;
  }

  /** The first row of the chunk from row `done` on that is rejected; its end where none is. */
  #endOfRun(first: number, done: number, count: number): number {
    const { rejected } = this.#badValues;
    let end = rejected.size === 0 ? count : done;
    while (end < count && !rejected.has(first + end)) {
      end++;
    }
    return end;
  }

  #measure(bound: BoundBatch<Column>, first: number, count: number): void {
    const sizes = this.#sizes;
    sizes.fill(this.#prefixBytes, 0, count);
    for (const column of bound.columns) {
      this.#badValues.measure(column, bound.rowCount, sizes, first, count);
    }
    for (let i = 0; i < count; i++) {
      if (sizes[i]! >= ROW_LIMIT) {
        throw new AmpsyncError(
          "SY203",
          `Table ${this.#plan.table}, row ${first + i} of the batch: a row must be shorter than 1 GB`,
          { detail: `Value: ${sizes[i]} bytes` },
        );
      }
    }
  }

  /**
   * Writes as many rows of the chunk as fit into one region, at least one, from
   * row `done` of the chunk on and before row `end`. Returns their number.
   */
  #writeRegion(bound: BoundBatch<Column>, first: number, done: number, end: number, sink: ByteSink): number {
    const sizes = this.#sizes;
    let size = sizes[done]!;
    let rows = 1;
    while (done + rows < end && size + sizes[done + rows]! <= REGION_BYTES) {
      size += sizes[done + rows]!;
      rows++;
    }

    const { bytes, at } = sink.reserve(size);
    const region = regionOf(bytes);
    const cursor = this.#cursor;
    let start = at;
    for (let i = 0; i < rows; i++) {
      cursor[i] = start;
      start += sizes[done + i]!;
    }
    this.#writePrefixes(region, bound.blocks, first + done, rows);
    for (const column of bound.columns) {
      column.write(region, cursor, first + done, rows);
    }
    if (cursor[rows - 1] !== at + size) {
      throw new Error(`rows of ${size} bytes ended at ${cursor[rows - 1]! - at}: measure and write disagree`);
    }
    this.#writeHashes(region, bound.blocks, at, first + done, rows);
    return rows;
  }

  /** Writes all that stands before the user columns, but for the hash in `_id`. */
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
      cursor[i] = at + this.#prefixBytes;
    }
  }

  /** Completes `_id`, once the user columns stand there to be hashed; `cursor` points behind each row. */
  #writeHashes(
    { bytes, view }: Region,
    blocks: BlockNumbers | null,
    at: number,
    first: number,
    count: number,
  ): void {
    const { buffer, byteOffset } = bytes;
    const hash = this.#hash;
    let xorHigh = this.#xorHigh;
    let xorLow = this.#xorLow;
    let start = at;
    for (let i = 0; i < count; i++) {
      const end = this.#cursor[i]!;
      const content = start + this.#prefixBytes;
      const row = new Uint8Array(buffer, byteOffset + content, end - content);
      if (blocks === null) {
        hash.writeByIndex(row, this.#rowIndex++, view, start + HASH_AT);
      } else {
        const block = blocks.at(first + i);
        if (block !== this.#block) {
          this.#block = block;
          hash.beginBlock();
        }
        hash.writeByOccurrence(row, view, start + HASH_AT);
      }
      xorHigh ^= view.getInt32(start + ID_TAIL_AT);
      xorLow ^= view.getInt32(start + ID_TAIL_AT + 4);
      start = end;
    }
    this.#xorHigh = xorHigh;
    this.#xorLow = xorLow;
    this.#rows += count;
  }
}

/** An int8 field. The block is below 2^48; setUint32 takes a number modulo 2^32. */
function writeBlock(view: DataView, at: number, block: number): void {
  view.setInt32(at, 8);
  view.setUint32(at + 4, block / WORD);
  view.setUint32(at + 8, block);
}

/** Where a row stands in the chain, in words. */
function placeOf(row: number, blocks: BlockNumbers | null, range: Blocks): string {
  return blocks === null ? `blocks ${range.start} to ${range.end}` : `block ${blocks.at(row)}`;
}
