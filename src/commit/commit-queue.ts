import { AmpsyncError } from "../errors.ts";
import { type CommitLimits, STREAM_BYTES, STREAM_FLOOR_BYTES } from "../model/limits.ts";
import type { Permits } from "../model/permits.ts";
import type { Budget } from "./budget.ts";
import { CommitWriter, type CommitWriterOptions } from "./commit-writer.ts";
import { MicrobatchBuffer, type MicrobatchEnd } from "./microbatch-buffer.ts";
import { SharedBuffer } from "./shared-buffer.ts";

export interface CommitQueueOptions<Begin, End> extends CommitWriterOptions<Begin, End> {
  readonly limits: CommitLimits;
  /** Limits of the process: how many transactions write at once, and how many bytes wait to be written. */
  readonly permits: Pick<Permits, "take">;
  readonly budget: Budget;
  /** Nothing more can be written. What was not committed is lost, and will be sent again. */
  readonly onFailed: (error: unknown) => void;
  /** Aborted when even the commit under way is given up. */
  readonly abandoned: AbortSignal;
}

/**
 * Commits the microbatches of one connection: rows are encoded into the newest one
 * while finished ones are committed, several in one transaction if several wait.
 *
 * A commit starts whenever none is under way and a finished microbatch waits. So at
 * the head each microbatch is committed as it ends; in a backfill, where PostgreSQL
 * is the slower side, microbatches gather up to the limits of a commit. A large
 * microbatch begins its transaction before it is finished.
 */
export class CommitQueue<Begin, End extends MicrobatchEnd> implements AsyncDisposable {
  readonly #options: CommitQueueOptions<Begin, End>;
  readonly #buffer: SharedBuffer<Begin, End>;
  readonly #writer: CommitWriter<Begin, End>;
  /** Ends every wait; its reason is why nothing more is written. */
  readonly #givenUp = new AbortController();
  readonly #writing: Promise<void>;
  /** The reader waits for room: only the writer can be counted on to make some. */
  #needsRoom = false;

  constructor(options: CommitQueueOptions<Begin, End>) {
    const { limits, budget, abandoned } = options;
    const { signal } = this.#givenUp;
    this.#options = options;
    this.#buffer = new SharedBuffer(new MicrobatchBuffer(limits), budget, signal);
    this.#writer = new CommitWriter(options, this.#buffer, limits.stallMs, signal);
    abandoned.addEventListener("abort", () => this.#givenUp.abort(abandoned.reason), { signal });
    this.#writing = this.#write();
  }

  /** Whether nothing is left to commit. */
  get isEmpty(): boolean {
    return this.#buffer.view.microbatches.length === 0;
  }

  /**
   * Begins a microbatch; where `begin` is not null it also begins a commit. With `beginsEarly` the transaction does
   * not wait for its rows: what it begins with takes its time, and is done while they come.
   */
  openMicrobatch(begin: Begin | null, beginsEarly = false): void {
    this.#buffer.change((buffer) => buffer.open(begin, beginsEarly));
  }

  /** Gives up the unfinished microbatch. What is already written of it is rolled back. */
  dropMicrobatch(): void {
    this.#buffer.change((buffer) => buffer.drop());
  }

  /** A region of the open microbatch: the queue is the encoder's ByteSink. */
  reserve(size: number): { readonly bytes: Uint8Array; readonly at: number } {
    return this.#buffer.change((buffer) => buffer.reserve(size));
  }

  addRows(rows: number): void {
    this.#buffer.change((buffer) => buffer.addRows(rows));
  }

  /** Ends the open microbatch. */
  finishMicrobatch(end: End, mayCommit: boolean): void {
    this.#buffer.change((buffer) => buffer.finish(end, mayCommit));
  }

  /** Resolves when there is room for more rows. Called after each message, so it also shows that the server is there. */
  async room(): Promise<void> {
    this.#writer.heard();
    this.#needsRoom = this.#isFull;
    if (this.#writer.isWaiting || this.#needsRoom) {
      // The writer has nothing else to do; or everything held is unsealed, for a long row has a chunk to itself.
      this.#buffer.change((buffer) => buffer.seal());
    }
    await this.#buffer.until(
      () => !this.#isFull,
      () => this.#options.budget.freed,
    );
    this.#needsRoom = false;
    this.#limitReports();
  }

  /** Resolves when every finished microbatch that may be committed is committed. */
  async settle(): Promise<void> {
    await this.#buffer.until(() => !this.#buffer.view.hasCommit);
  }

  /** Rolls back what is not committed and releases all memory. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#givenUp.abort(new Error("this connection is over")); // No failure: the pass may go on with another connection.
    await this.#writing;
    this.#buffer.change((buffer) => buffer.clear());
  }

  /** Counts only what becomes less without the reader: the end of a replacement, and with it its commit, is yet to be read. */
  get #isFull(): boolean {
    const { bytes, reportBytes, hasCommit } = this.#buffer.view;
    const held = hasCommit ? bytes : bytes - reportBytes;
    const mustShare = this.#options.budget.isExhausted && held >= STREAM_FLOOR_BYTES;
    return held >= STREAM_BYTES || mustShare;
  }

  /** A replacement is committed whole, and so is what is told of its values. */
  #limitReports(): void {
    const { reportBytes, hasCommit } = this.#buffer.view;
    if (reportBytes >= STREAM_BYTES && !hasCommit) {
      throw new AmpsyncError("SY203", "more rows than can be held would be rejected in one replacement", {
        detail: `What is told of them takes ${reportBytes} bytes before the replacement has ended, and the limit is ${STREAM_BYTES}.`,
      });
    }
  }

  /** Writes one transaction after the other, until the queue is given up. */
  async #write(): Promise<void> {
    try {
      while (true) {
        await this.#buffer.until(() => this.#hasWork);
        await this.#writeNext();
      }
    } catch (error) {
      if (!this.#givenUp.signal.aborted) {
        this.#givenUp.abort(error);
        this.#options.onFailed(error);
      }
    }
  }

  get #hasWork(): boolean {
    const { view } = this.#buffer;
    const spillBytes = this.#needsRoom ? 1 : this.#options.limits.spillBytes;
    return view.hasCommit || view.bytes >= spillBytes || view.microbatches[0]?.beginsEarly === true;
  }

  /** Writes one transaction. Its microbatches are chosen once there is a permit for it: more may have gathered by then. */
  async #writeNext(): Promise<void> {
    using _permit = await this.#options.permits.take(this.#givenUp.signal);
    const whole = this.#buffer.view.nextCommit();
    await (whole.length > 0 ? this.#writer.commitWhole(whole) : this.#writer.commitSpilled());
  }
}
