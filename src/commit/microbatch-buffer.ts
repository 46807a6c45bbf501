import type { Ledger } from "../model/ledger.ts";
import type { CommitLimits } from "../model/limits.ts";
import { release } from "../model/memory.ts";
import { joinReports, reportBytes, type ValueReport } from "../model/value-report.ts";
import type { Refusals } from "./transaction.ts";

/** What is known of a finished microbatch. Each source adds what its own commits need. */
export interface MicrobatchEnd {
  /** Counts its rows. */
  readonly ledger: Ledger;
  /** What the policies did to its values. */
  readonly report: ValueReport;
}

/** The encoded rows of one microbatch, and what is known of it so far. */
export interface Microbatch<Begin, End> {
  /** What a commit begins with that this microbatch opens; null where it may join the commit of the one before. */
  readonly begin: Begin | null;
  /** Its transaction begins before there is anything to write. */
  readonly beginsEarly: boolean;
  /** Rows that the writer has not taken yet. */
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
  readonly rows: number;
  /** What PostgreSQL refused of it, as the value policy handled it. */
  readonly refusals: readonly Refusals[];
  /** Its source gave it up: nothing of it may be committed. */
  readonly isDropped: boolean;
  /** Null while more rows may come. */
  readonly end: End | null;
  /** A commit may end with this microbatch. */
  readonly mayCommit: boolean;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A buffer for those who may not change it. */
export type BufferView<Begin, End extends MicrobatchEnd> = Pick<
  MicrobatchBuffer<Begin, End>,
  "bytes" | "reportBytes" | "microbatches" | "hasUnsealed" | "hasCommit" | "nextCommit"
>;

/** The first chunk of a microbatch is small, as most microbatches at the head are; later ones suit the socket. */
const FIRST_CHUNK_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/** The microbatches that wait for their commit. Rows are added to the newest one; only that one may be unfinished. */
export class MicrobatchBuffer<Begin, End extends MicrobatchEnd> {
  readonly #limits: Pick<CommitLimits, "rows" | "bytes">;
  /** Oldest first. */
  #microbatches: Mutable<Microbatch<Begin, End>>[] = [];
  /** The chunk that rows are encoded into, and how much of it is used. */
  #chunk = new Uint8Array(0);
  #used = 0;
  /** How many sealed parts of a chunk are not written, by the memory of the chunk. */
  readonly #unwritten = new Map<ArrayBufferLike, number>();
  #bytes = 0;
  #reportBytes = 0;
  /** The number of microbatches that a commit may end with. */
  #ends = 0;

  constructor(limits: Pick<CommitLimits, "rows" | "bytes">) {
    this.#limits = limits;
  }

  /** Bytes that PostgreSQL does not have yet, and what reports of values take until they are committed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What of that is reports of values: only a commit makes it less. */
  get reportBytes(): number {
    return this.#reportBytes;
  }

  /** Oldest first; only the last one may be unfinished. */
  get microbatches(): readonly Microbatch<Begin, End>[] {
    return this.#microbatches;
  }

  /** Whether the open microbatch has rows that the writer cannot take before they are sealed. */
  get hasUnsealed(): boolean {
    return this.#used > 0;
  }

  /** Whether anything can be committed. This is asked much more often than what. */
  get hasCommit(): boolean {
    return this.#ends > 0;
  }

  /** The oldest microbatches that make one commit; none while one that a commit may end with is missing. */
  nextCommit(): readonly Microbatch<Begin, End>[] {
    let rows = 0;
    let bytes = 0;
    let end = 0;
    for (const [index, microbatch] of this.#microbatches.entries()) {
      const beginsCommit = index > 0 && microbatch.begin !== null;
      const isEnough = end > 0 && (rows >= this.#limits.rows || bytes >= this.#limits.bytes);
      if (microbatch.end === null || beginsCommit || isEnough) {
        break;
      }
      rows += microbatch.rows;
      bytes += microbatch.bytes;
      if (microbatch.mayCommit) {
        end = index + 1;
      }
    }
    return this.#microbatches.slice(0, end);
  }

  /** Begins a microbatch; where `begin` is not null it also begins a commit. */
  open(begin: Begin | null, beginsEarly = false): void {
    this.#microbatches.push({
      begin,
      beginsEarly,
      chunks: [],
      bytes: 0,
      rows: 0,
      refusals: [],
      isDropped: false,
      end: null,
      mayCommit: false,
    });
  }

  /** Gives up the open microbatch, if there is one. Chunks that the writer took of it are held until they are written. */
  drop(): void {
    const last = this.#microbatches.at(-1);
    if (last === undefined || last.end !== null) {
      return;
    }
    this.seal();
    this.#microbatches.pop();
    last.isDropped = true;
    for (const chunk of last.chunks) {
      this.#free(chunk);
    }
    last.chunks = [];
  }

  /** A region of the open microbatch for the encoder to write to. */
  reserve(size: number): { readonly bytes: Uint8Array; readonly at: number } {
    const open = this.#open();
    if (this.#used + size > this.#chunk.length) {
      this.seal();
      const minimum = open.bytes === 0 ? FIRST_CHUNK_BYTES : CHUNK_BYTES;
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(size, minimum));
    }
    const at = this.#used;
    this.#used += size;
    this.#hold(open, size);
    return { bytes: this.#chunk, at };
  }

  addRows(rows: number): void {
    this.#open().rows += rows;
  }

  /** Lets the writer take what is encoded so far, although the chunk is not full. */
  seal(): void {
    if (this.#used > 0) {
      const open = this.#open();
      const { buffer } = this.#chunk;
      open.chunks = [...open.chunks, this.#chunk.subarray(0, this.#used)];
      this.#unwritten.set(buffer, (this.#unwritten.get(buffer) ?? 0) + 1);
      this.#chunk = this.#chunk.subarray(this.#used);
      this.#used = 0;
    }
  }

  /** Ends the open microbatch. */
  finish(end: End, mayCommit: boolean): void {
    const open = this.#open();
    this.seal();
    const bytes = reportBytes(end.report);
    this.#hold(open, bytes);
    this.#reportBytes += bytes;
    open.end = end;
    open.mayCommit = mayCommit;
    this.#ends += mayCommit ? 1 : 0;
  }

  /** The oldest chunk of a microbatch, for the writer. Its bytes are held until it is `written`. */
  take(microbatch: Mutable<Microbatch<Begin, End>>): Uint8Array {
    const [chunk, ...rest] = microbatch.chunks;
    if (chunk === undefined) {
      throw new Error("no chunk is sealed");
    }
    microbatch.chunks = rest;
    return chunk;
  }

  /** A chunk of this microbatch is on its way to PostgreSQL, except for what was refused: nobody reads it any more. */
  written(microbatch: Mutable<Microbatch<Begin, End>>, chunk: Uint8Array, refusals: Refusals | null): void {
    this.#free(chunk);
    if (refusals !== null) {
      microbatch.refusals = [...microbatch.refusals, refusals];
    }
  }

  /** The oldest microbatches are durable. */
  committed(count: number): void {
    for (const { end, mayCommit } of this.#microbatches.splice(0, count)) {
      const bytes = end === null ? 0 : reportBytes(end.report);
      this.#bytes -= bytes;
      this.#reportBytes -= bytes;
      this.#ends -= mayCommit ? 1 : 0;
    }
  }

  /** Forgets everything. The memory is left to the garbage collector: a broken connection may still read it. */
  clear(): void {
    this.#microbatches = [];
    this.#chunk = new Uint8Array(0);
    this.#used = 0;
    this.#unwritten.clear();
    this.#bytes = 0;
    this.#reportBytes = 0;
    this.#ends = 0;
  }

  #free({ length, buffer }: Uint8Array): void {
    this.#bytes -= length;
    const unwritten = this.#unwritten.get(buffer)! - 1;
    this.#unwritten.set(buffer, unwritten);
    if (unwritten > 0 || (buffer === this.#chunk.buffer && this.#used > 0)) {
      return;
    }
    this.#unwritten.delete(buffer);
    if (buffer === this.#chunk.buffer) {
      this.#chunk = new Uint8Array(0);
    }
    release(buffer);
  }

  #open(): Mutable<Microbatch<Begin, End>> {
    const last = this.#microbatches.at(-1);
    if (last === undefined || last.end !== null) {
      throw new Error("no microbatch is open");
    }
    return last;
  }

  #hold(open: Mutable<Microbatch<Begin, End>>, bytes: number): void {
    open.bytes += bytes;
    this.#bytes += bytes;
  }
}

/** What is known of a finished microbatch, less what PostgreSQL refused of it: the target does not hold those rows. */
export function endOf<End extends MicrobatchEnd>({ end, refusals }: Microbatch<unknown, End>): End {
  if (end === null) {
    throw new Error("a microbatch that is not finished cannot be committed");
  }
  if (refusals.length === 0) {
    return end;
  }
  const { rows, idXor } = end.ledger;
  const ledger = {
    rows: refusals.reduce((left, { removed }) => left - removed.rows, rows),
    idXor: refusals.reduce((left, { removed }) => left ^ removed.idXor, idXor),
  };
  const report = joinReports([end.report, ...refusals.map((each) => each.report)]);
  return { ...end, ledger, report };
}
