import type { ArrowBatch, ArrowDictionary } from "../arrow/batch.ts";
import { AmpsyncError } from "../errors.ts";
import type { Ledger } from "../model/ledger.ts";
import type { ValueReport } from "../model/value-report.ts";
import { BLOCK_LIMIT } from "../protocol/block-range.ts";
import { BadValues, type ValuePolicy } from "./bad-values.ts";
import type { BlockNumbers, Blocks } from "./block-numbers.ts";
import { asFields, type BoundBatch, bindBatch } from "./bound-batch.ts";
import type { ByteSink } from "./byte-sink.ts";
import type { Column } from "./column.ts";
import { Dictionaries } from "./dictionaries.ts";
import { EncodeWork } from "./encode-work.ts";
import { JsonBudget } from "./json-budget.ts";
import { NulPolicy, type NulRule } from "./nul-policy.ts";
import { BadValue, FIELD_LIMIT } from "./place.ts";
import type { TablePlan } from "./plan.ts";
import { MAX_ROWS } from "./row-digests.ts";
import type { Hash64 } from "./row-hash.ts";
import { RowWriter } from "./row-writer.ts";
import type { TransactionIds } from "./transaction-ids.ts";
import { ValueLog } from "./value-log.ts";

/** Rows measured at a time: few enough that their Arrow buffers stay in the processor's cache. */
const CHUNK_ROWS = MAX_ROWS;

export interface EncoderOptions {
  /** What becomes of U+0000 in text and inside JSON; by default "replace", with U+FFFD. */
  readonly nulPolicy?: NulRule;
  /**
   * What becomes of a bad value: SY203, the default; NULL, even if the schema declares
   * the column non-null; or its row is rejected.
   */
  readonly valuePolicy?: ValuePolicy;
  /** With identity `transaction`: where the `_tx_id` of each microbatch comes from. By default rows have `_id`. */
  readonly transactionIds?: TransactionIds | null;
}

/**
 * Encodes Arrow batches of one schema as rows of COPY BINARY: binds the columns to a
 * batch, measures a chunk of rows column by column, then writes it. What the encoder
 * remembers between batches belongs to the microbatch. After an error the bytes that
 * the call reserved are worthless, and the microbatch must be begun again.
 */
export class RowEncoder {
  readonly #plan: TablePlan;
  readonly #sizes = new Float64Array(CHUNK_ROWS);
  readonly #writer: RowWriter;

  readonly #nul: NulPolicy;
  readonly #json = new JsonBudget();
  readonly #badValues: BadValues;
  readonly #dictionaries = new Dictionaries();
  #log: ValueLog;

  constructor(plan: TablePlan, hash: Hash64, options: EncoderOptions = {}) {
    const { nulPolicy = "replace", valuePolicy = "fail", transactionIds = null } = options;
    this.#plan = plan;
    this.#writer = new RowWriter(plan, hash, transactionIds, this.#sizes);
    this.#nul = new NulPolicy(nulPolicy);
    this.#badValues = new BadValues(valuePolicy);
    this.#log = new ValueLog(plan, this.#dictionaries);
  }

  /** To be called before the first batch of each microbatch, with the blocks of the microbatch. */
  beginMicrobatch(range: Blocks): void {
    if (range.start < 0n || range.end < range.start || range.end >= BLOCK_LIMIT) {
      const { start, end } = range;
      throw new AmpsyncError("SY101", `Blocks ${start} to ${end} are not a range below block 2^48 - 1`);
    }
    this.#writer.beginMicrobatch(range);
    this.#log = new ValueLog(this.#plan, this.#dictionaries);
  }

  /** Takes a dictionary for the batches that follow, whatever their microbatch: it belongs to the stream. */
  takeDictionary(dictionary: ArrowDictionary): void {
    this.#dictionaries.take(dictionary);
  }

  /** All rows encoded since the microbatch was begun. */
  get ledger(): Ledger {
    return this.#writer.ledger;
  }

  /** What the policies did to values since the microbatch was begun. */
  get report(): ValueReport {
    return this.#log.report;
  }

  /**
   * Encodes the rows of a batch, without header and trailer of the COPY. Pauses so
   * often that other work gets its turn, whatever the batch is made of: yields how many
   * rows were encoded, not counting rejected ones, since the last pause, and returns
   * how many were encoded after it.
   */
  *encode(batch: ArrowBatch, sink: ByteSink): Generator<number, number> {
    this.#nul.reset();
    this.#badValues.reset();
    if (batch.rowCount === 0) {
      return 0; // Writers omit the buffers of no rows.
    }
    const work = new EncodeWork(sink, batch.body.byteLength);
    let blocks: BlockNumbers | null = null;
    try {
      const bound = yield* this.#bind(batch, work);
      blocks = bound.blocks;
      blocks?.check(this.#writer.range, this.#writer.lastBlock);
      yield* this.#encode(batch, bound, work);
      return work.rows;
    } catch (error) {
      throw error instanceof BadValue ? error.toError(placeOf(error.row, blocks, this.#writer.range)) : error;
    }
  }

  *#bind(batch: ArrowBatch, work: EncodeWork): Generator<number, BoundBatch<Column>> {
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

  /** Measures and writes by chunk. A chunk ends where a column of long values stops measuring; columns that are ahead wait. */
  *#encode(batch: ArrowBatch, bound: BoundBatch<Column>, work: EncodeWork): Generator<number> {
    const { rowCount, blocks, columns } = bound;
    const { prefixBytes } = this.#writer;
    const { end: rangeEnd } = this.#writer.range;
    const sizes = this.#sizes;
    const blockOf = (row: number) => (blocks === null ? rangeEnd : BigInt(blocks.at(row)));
    /** By column, the row up to which the column is measured. */
    const measured = new Int32Array(columns.length);
    for (let first = 0, sized = 0; first < rowCount; ) {
      let end = Math.min(first + CHUNK_ROWS, rowCount);
      sizes.fill(prefixBytes, sized - first, end - first);
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

  /** Writes measured rows, except those that are rejected. */
  *#write(bound: BoundBatch<Column>, first: number, end: number, work: EncodeWork): Generator<number> {
    const { rejected } = this.#badValues;
    const count = end - first;
    for (let done = 0; done < count; ) {
      if (rejected.has(first + done)) {
        this.#writer.skipRow();
        done++;
        continue;
      }
      const rows = this.#writer.write(bound, first, done, this.#endOfRun(first, done, count), work);
      work.rows += rows;
      done += rows;
      if (work.isDue) {
        yield* work.pause();
      }
    }
  }

  /** The first rejected row of the chunk from row `done` on; the end of the chunk if there is none. */
  #endOfRun(first: number, done: number, count: number): number {
    const { rejected } = this.#badValues;
    let end = rejected.size === 0 ? count : done;
    while (end < count && !rejected.has(first + end)) {
      end++;
    }
    return end;
  }

  /** Rejects rows that are too long, or throws, depending on the policy. */
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
}

/** The block or blocks of a row, in words. */
function placeOf(row: number, blocks: BlockNumbers | null, range: Blocks): string {
  return blocks === null ? `blocks ${range.start} to ${range.end}` : `block ${blocks.at(row)}`;
}
