import type { ArrowBatch, ArrowDictionary } from "../arrow/batch.ts";
import { AmpsyncError } from "../errors.ts";
import type { Ledger } from "../model/ledger.ts";
import { Slice } from "../model/slice.ts";
import { tooLarge } from "../model/too-large.ts";
import type { ValueReport } from "../model/value-report.ts";
import { BLOCK_LIMIT } from "../protocol/block-range.ts";
import { BadValues, type ValuePolicy } from "./bad-values.ts";
import type { BlockNumbers, Blocks } from "./block-numbers.ts";
import { asFields, type BoundBatch, bindBatch } from "./bound-batch.ts";
import type { Column } from "./column.ts";
import { Dictionaries } from "./dictionaries.ts";
import { JsonBudget } from "./json-budget.ts";
import { NulPolicy, type NulRule } from "./nul-policy.ts";
import { BadValue, FIELD_LIMIT } from "./place.ts";
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

/** Encoded bytes after which others have their turn, and the sink is asked for room. */
const PART_BYTES = 2 * 1024 * 1024;

/**
 * What a batch may become: so many times its body, or this many bytes if that is
 * more. Views, runs and dictionaries let many rows share one value, and a NULL or
 * a boolean takes a bit.
 */
const MAX_EXPANSION = 8;
const MAX_ENCODED_BYTES = 2 ** 30;

/** Milliseconds of work on one batch, whatever makes it so slow. */
const MAX_WORK_MS = 120_000;

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
  readonly #json = new JsonBudget();
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
      throw new AmpsyncError("SY101", `Blocks ${start} to ${end} are no range below block 2^48 - 1`);
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

  /**
   * Encodes the rows of a batch, without header and trailer of the COPY. Pauses so
   * often that others can work meanwhile, whatever the batch is made of: yields
   * how many rows were encoded, and not left out, since the last pause, and
   * returns how many were after it.
   */
  *encode(batch: ArrowBatch, sink: ByteSink): Generator<number, number> {
    this.#nul.reset();
    this.#badValues.reset();
    if (batch.rowCount === 0) {
      return 0; // Writers leave out the buffers of no rows.
    }
    const work = new Work(sink, batch.body.byteLength);
    let blocks: BlockNumbers | null = null;
    try {
      const bound = yield* this.#bind(batch, work);
      blocks = bound.blocks;
      blocks?.check(this.#range, this.#block);
      yield* this.#encode(batch, bound, work);
      return work.rows;
    } catch (error) {
      throw error instanceof BadValue ? error.toError(placeOf(error.row, blocks, this.#range)) : error;
    }
  }

  *#bind(batch: ArrowBatch, work: Work): Generator<number, BoundBatch<Column>> {
    const binding = bindBatch(this.#plan, batch, this.#dictionaries, this.#nul, this.#json, asFields);
    for (let step = binding.next(); ; step = binding.next()) {
      if (step.done) {
        return step.value;
      }
      if (work.isDue) {
        yield* work.pause();
      }
    }
  }

  /** Chunk by chunk, which end where a column of long values stopped measuring; those ahead of it wait for it. */
  *#encode(batch: ArrowBatch, bound: BoundBatch<Column>, work: Work): Generator<number> {
    const { rowCount, blocks, columns } = bound;
    const sizes = this.#sizes;
    const blockOf = (row: number) => (blocks === null ? this.#range.end : BigInt(blocks.at(row)));
    /** By column, the row up to which it is measured. */
    const measured = new Int32Array(columns.length);
    for (let first = 0, sized = 0; first < rowCount; ) {
      let end = Math.min(first + CHUNK_ROWS, rowCount);
      sizes.fill(this.#prefixBytes, sized - first, end - first);
      sized = end;
      for (let i = 0; i < columns.length; i++) {
        if (measured[i] === first) {
          measured[i]! += this.#badValues.measure(columns[i]!, rowCount, sizes, first, end - first);
          if (work.isDue) {
            yield* work.pause();
          }
        }
        end = Math.min(end, measured[i]!);
      }
      this.#checkRows(first, end);
      yield* this.#write(bound, first, end, work);
      this.#log.add(batch, this.#badValues, this.#nul, end, blockOf);
      this.#badValues.forget(end);
      sizes.copyWithin(0, end - first, sized - first);
      first = end;
    }
  }

  /** Rows that are measured, but for those that are rejected. */
  *#write(bound: BoundBatch<Column>, first: number, end: number, work: Work): Generator<number> {
    const { rejected } = this.#badValues;
    const count = end - first;
    for (let done = 0; done < count; ) {
      if (rejected.has(first + done)) {
        this.#rowIndex++; // As if it were stored, for the `_id` of those that follow.
        done++;
        continue;
      }
      const rows = this.#writeRegion(bound, first, done, this.#endOfRun(first, done, count), work);
      work.rows += rows;
      done += rows;
      if (work.isDue) {
        yield* work.pause();
      }
    }
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

  /** Rejects rows that are too long, or throws. */
  #checkRows(first: number, end: number): void {
    for (let row = first; row < end; row++) {
      const size = this.#sizes[row - first]!;
      if (size < FIELD_LIMIT) {
        continue;
      }
      const problem = "a row must be shorter than 256 MiB";
      if (!this.#badValues.reject(row, `${problem} (${size} bytes)`)) {
        const message = `Table ${this.#plan.table}, row ${row} of the batch: ${problem}`;
        throw new AmpsyncError("SY203", message, { detail: `Value: ${size} bytes` });
      }
    }
  }

  /**
   * Writes as many rows of the chunk as fit into one region, at least one, from
   * row `done` of the chunk on and before row `end`. Returns their number.
   */
  #writeRegion(bound: BoundBatch<Column>, first: number, done: number, end: number, work: Work): number {
    const sizes = this.#sizes;
    let size = sizes[done]!;
    let rows = 1;
    while (done + rows < end && size + sizes[done + rows]! <= REGION_BYTES) {
      size += sizes[done + rows]!;
      rows++;
    }

    const { bytes, at } = work.reserve(size);
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

/** The work on one batch, which gives others their turn and has an end. */
class Work {
  readonly #sink: ByteSink;
  readonly #maxBytes: number;
  readonly #slice = new Slice();
  /** Encoded, and not left out, since the last pause. */
  rows = 0;
  #bytes = 0;
  #pausedAt = 0;
  #ms = 0;

  constructor(sink: ByteSink, bodyBytes: number) {
    this.#sink = sink;
    this.#maxBytes = Math.max(MAX_ENCODED_BYTES, MAX_EXPANSION * bodyBytes);
  }

  reserve(size: number): { readonly bytes: Uint8Array; readonly at: number } {
    this.#bytes += size;
    if (this.#bytes > this.#maxBytes) {
      throw tooLarge("A record batch becomes", this.#bytes, "bytes or more", this.#maxBytes);
    }
    return this.#sink.reserve(size);
  }

  get isDue(): boolean {
    return this.#bytes - this.#pausedAt >= PART_BYTES || this.#slice.isOver;
  }

  /** Yields the rows encoded until here. */
  *pause(): Generator<number, void> {
    this.#ms += this.#slice.elapsedMs;
    if (this.#ms > MAX_WORK_MS) {
      throw tooLarge("A record batch takes", Math.round(this.#ms), "ms or more to encode", MAX_WORK_MS);
    }
    const { rows } = this;
    this.rows = 0;
    this.#pausedAt = this.#bytes;
    yield rows;
    this.#slice.begin();
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
