import { AmpsyncError } from "../errors.ts";
import { type CommitLimits, STREAM_BYTES, STREAM_FLOOR_BYTES } from "../model/limits.ts";
import type { Budget } from "./budget.ts";
import { endOf, type Microbatch, MicrobatchBuffer, type MicrobatchEnd } from "./microbatch-buffer.ts";
import type { Permits } from "./permits.ts";
import { SharedBuffer } from "./shared-buffer.ts";
import type { Transaction } from "./transaction.ts";

/** The statements that the transactions of a source begin and end with. */
export interface CommitStatements<Begin, End> {
  begin(begin: Begin | null): string;
  /** Ends a commit of these microbatches, oldest first, at least one. */
  end(microbatches: readonly End[]): string;
}

export interface CommitQueueOptions<Begin, End> {
  readonly statements: CommitStatements<Begin, End>;
  /** `end` is null where it is not known yet. The signal ends the transaction, even while it waits for a lock. */
  readonly open: (begin: string, end: string | null, signal: AbortSignal) => Promise<Transaction>;
  readonly limits: CommitLimits;
  /** Limits of the process: how many transactions write at once, and how many bytes wait to be written. */
  readonly permits: Pick<Permits, "take">;
  readonly budget: Budget;
  /** Everything up to and including this microbatch is durable; `begin` is what the commit began with. */
  readonly onCommitted: (last: End, begin: Begin | null, size: CommitSize) => void;
  /** Nothing more can be written. What was not committed is lost, and will be sent again. */
  readonly onFailed: (error: unknown) => void;
  /** Aborted when even the commit under way is given up. */
  readonly abandoned: AbortSignal;
}

/** What one commit took in, and how long PostgreSQL took for it. */
export interface CommitSize {
  readonly microbatches: number;
  readonly rows: number;
  readonly bytes: number;
  /** Opening the transaction and handing over its rows, without waiting for more of them. */
  readonly copyMs: number;
  /** From the end of its rows to the answer to COMMIT. */
  readonly commitMs: number;
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
  /** Ends every wait; its reason is why nothing more is written. */
  readonly #givenUp = new AbortController();
  readonly #writing: Promise<void>;
  /** The reader waits for room: only the writer can be counted on to make some. */
  #needsRoom = false;
  /** How long the transaction under way has kept the writer waiting. */
  #copyMs = 0;
  /** Runs while the writer, with its transaction open, waits for the reader. */
  #silence: NodeJS.Timeout | undefined;

  constructor(options: CommitQueueOptions<Begin, End>) {
    const { limits, budget, abandoned } = options;
    const { signal } = this.#givenUp;
    this.#options = options;
    this.#buffer = new SharedBuffer(new MicrobatchBuffer(limits), budget, signal);
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
    this.#silence?.refresh();
    this.#needsRoom = this.#isFull;
    if (this.#silence !== undefined || this.#needsRoom) {
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
    await (whole.length > 0 ? this.#commitWhole(whole) : this.#commitSpilled());
  }

  /** Everything is known, so the transaction is one message. */
  async #commitWhole(microbatches: readonly Microbatch<Begin, End>[]): Promise<void> {
    const transaction = await this.#begin(microbatches[0]?.begin ?? null, this.#endStatement(microbatches));
    for (const microbatch of microbatches) {
      await this.#send(transaction, microbatch);
    }
    await this.#commit(transaction, microbatches);
  }

  /**
   * The transaction begins before its last microbatch is finished, and follows it as
   * it grows. A microbatch that its source gives up is rolled back alone: what was
   * written before it, in the middle of a replacement, stays.
   */
  async #commitSpilled(): Promise<void> {
    const [first] = this.#buffer.view.microbatches;
    if (first === undefined) {
      return; // It was dropped while we waited for the permit.
    }
    const transaction = await this.#begin(first.begin, null);
    const written: Microbatch<Begin, End>[] = [];
    for (let microbatch = first; ; microbatch = await this.#microbatchAfter(written)) {
      const canBeDropped = microbatch.end === null;
      if (canBeDropped && written.length > 0) {
        await transaction.savepoint();
      }
      await this.#follow(transaction, microbatch);
      if (!microbatch.isDropped) {
        written.push(microbatch);
      } else if (written.length > 0) {
        await transaction.rollbackToSavepoint();
      } else {
        transaction.abort(); // The next one may begin with something else.
        return;
      }
      if (microbatch.mayCommit) {
        break;
      }
    }
    await this.#commit(transaction, written);
  }

  async #microbatchAfter(written: readonly unknown[]): Promise<Microbatch<Begin, End>> {
    const { view } = this.#buffer;
    while (true) {
      const next = view.microbatches[written.length];
      if (next === undefined) {
        await this.#untilOrSilence(() => view.microbatches.length > written.length);
      } else if (next.begin === null) {
        return next;
      } else {
        throw new Error("what a commit begins with cannot come in its middle");
      }
    }
  }

  /** Writes a microbatch as it grows, until it is finished or dropped. */
  async #follow(transaction: Transaction, microbatch: Microbatch<Begin, End>): Promise<void> {
    while (true) {
      const isComplete = microbatch.isDropped || microbatch.end !== null; // Before: rows may come during any await.
      await this.#send(transaction, microbatch);
      if (isComplete) {
        return;
      }
      if (this.#buffer.view.hasUnsealed) {
        this.#buffer.change((buffer) => buffer.seal()); // It is the open microbatch, and there is nothing else to write.
      } else {
        await this.#untilOrSilence(
          () => microbatch.chunks.length > 0 || microbatch.isDropped || microbatch.end !== null,
        );
      }
    }
  }

  async #begin(begin: Begin | null, end: string | null): Promise<Transaction> {
    const { statements, open } = this.#options;
    this.#givenUp.signal.throwIfAborted();
    this.#copyMs = 0;
    return await this.#copying(open(statements.begin(begin), end, this.#givenUp.signal));
  }

  async #send(transaction: Transaction, microbatch: Microbatch<Begin, End>): Promise<void> {
    while (microbatch.chunks.length > 0) {
      const chunk = this.#buffer.change((buffer) => buffer.take(microbatch));
      const refusals = await this.#copying(transaction.write(chunk));
      this.#buffer.change((buffer) => buffer.written(microbatch, chunk, refusals));
      this.#givenUp.signal.throwIfAborted();
    }
  }

  async #commit(transaction: Transaction, microbatches: readonly Microbatch<Begin, End>[]): Promise<void> {
    const since = performance.now();
    await transaction.commit(() => this.#endStatement(microbatches));
    const commitMs = performance.now() - since;
    const ends = microbatches.map(endOf);
    const size = {
      microbatches: ends.length,
      rows: ends.reduce((sum, { ledger }) => sum + ledger.rows, 0),
      bytes: microbatches.reduce((sum, { bytes }) => sum + bytes, 0),
      copyMs: this.#copyMs,
      commitMs,
    };
    const begin = microbatches[0]?.begin ?? null;
    this.#buffer.change((buffer) => buffer.committed(microbatches.length));
    this.#options.onCommitted(ends.at(-1)!, begin, size);
  }

  async #copying<T>(work: Promise<T>): Promise<T> {
    const since = performance.now();
    const done = await work;
    this.#copyMs += performance.now() - since;
    return done;
  }

  #endStatement(microbatches: readonly Microbatch<Begin, End>[]): string {
    return this.#options.statements.end(microbatches.map(endOf));
  }

  /** Waits with a transaction open: not for ever, should the server fall silent. */
  async #untilOrSilence(isSo: () => boolean): Promise<void> {
    const { stallMs } = this.#options.limits;
    const { promise: stalled, reject } = Promise.withResolvers<never>();
    this.#silence = setTimeout(
      () =>
        reject(new AmpsyncError("SY104", `no bytes for ${stallMs / 1000} s in the middle of a microbatch`)),
      stallMs,
    );
    try {
      await Promise.race([this.#buffer.until(isSo), stalled]);
    } finally {
      clearTimeout(this.#silence);
      this.#silence = undefined;
    }
  }
}
