import { AmpsyncError } from "../errors.ts";
import type { Ledger } from "../model/ledger.ts";
import { type CommitLimits, STREAM_BYTES, STREAM_FLOOR_BYTES } from "../model/limits.ts";
import { joinReports, reportBytes, type ValueReport } from "../model/value-report.ts";
import type { Budget } from "./budget.ts";
import { Change } from "./change.ts";
import type { Permits } from "./permits.ts";
import type { Refusals, Transaction } from "./transaction.ts";

/** What is known of a microbatch once it is finished; its source adds to it what its own commits need. */
interface MicrobatchEnd {
  /** Of its rows. */
  readonly ledger: Ledger;
  /** Of its values. */
  readonly report: ValueReport;
}

/** Encoded rows of one microbatch, and what is known of it so far. */
interface Microbatch<Begin, End> {
  /** What its commit begins with; null where it may join the commit of the one before. */
  readonly begin: Begin | null;
  /** Not yet handed to the connection. */
  chunks: Uint8Array[];
  bytes: number;
  rows: number;
  /** What PostgreSQL refused of it, and was handled by policy. */
  refusals: Refusals[];
  /** Given up by the server: nothing of it may be committed. */
  isDropped: boolean;
  /** Null while more may come. */
  end: End | null;
  /** A commit may end with this microbatch. */
  mayCommit: boolean;
}

/** What a source commits: the statements that its transactions begin and end with. */
export interface CommitStatements<Begin, End> {
  begin(begin: Begin | null): string;
  /** Of a commit of these microbatches, oldest first, at least one. */
  end(microbatches: readonly End[]): string;
}

export interface CommitQueueOptions<Begin, End> {
  readonly statements: CommitStatements<Begin, End>;
  /** With `end` where it is known already. The signal ends the transaction, also one that still waits for a lock. */
  readonly open: (begin: string, end: string | null, signal: AbortSignal) => Promise<Transaction>;
  readonly limits: CommitLimits;
  /** Of the process: how many transactions write at once, and how many bytes wait to. */
  readonly permits: Pick<Permits, "take">;
  readonly budget: Budget;
  /** Everything up to and including this microbatch is durable. */
  readonly onCommitted: (last: End) => void;
  /** Nothing more can be written; what was not committed is lost, and will be sent again. */
  readonly onFailed: (error: unknown) => void;
  /** Aborted when not even the commit under way is waited for any more. */
  readonly abandoned: AbortSignal;
}

/** The first chunk of a microbatch is small, because at the head most are; later ones suit the socket. */
const FIRST_CHUNK_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Writes the microbatches of one pass: rows are encoded into the newest one
 * while finished ones are committed, several in one transaction if several wait.
 *
 * A commit starts whenever none is under way and a finished microbatch waits, so
 * at the head each is committed as it ends, and in a backfill, where PostgreSQL
 * is the slower side, they gather by themselves up to the limits of a commit.
 * A microbatch that is large begins its transaction unfinished.
 */
export class CommitQueue<Begin, End extends MicrobatchEnd> {
  readonly #options: CommitQueueOptions<Begin, End>;
  /** Oldest first; only the last one may be unfinished. */
  #queue: Microbatch<Begin, End>[] = [];
  #chunk = new Uint8Array(0);
  #chunkUsed = 0;
  #bytes = 0;
  #writing: Promise<void> | null = null;
  /** Ends whatever the writer waits for. */
  readonly #givenUp = new AbortController();
  #failure: { readonly error: unknown } | null = null;
  /** Told with every change of the queue, and when the writer is done: the reader and the writer wait for each other by it. */
  readonly #changed = new Change();
  /** Runs while the writer waits for the reader with its transaction open. */
  #silence: NodeJS.Timeout | undefined;

  constructor(options: CommitQueueOptions<Begin, End>) {
    this.#options = options;
    const { abandoned } = options;
    const { signal } = this.#givenUp;
    abandoned.addEventListener("abort", () => this.#giveUp(abandoned.reason), { signal });
  }

  /** Whether nothing is left to commit. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Begins a microbatch; with something for its commit to begin with, a commit as well. */
  openMicrobatch(begin: Begin | null): void {
    this.#queue.push({
      begin,
      chunks: [],
      bytes: 0,
      rows: 0,
      refusals: [],
      isDropped: false,
      end: null,
      mayCommit: false,
    });
    this.#changed.tell();
  }

  /** Gives up the unfinished microbatch. What the writer has of it already is taken back there. */
  dropMicrobatch(): void {
    const last = this.#queue.at(-1);
    if (last === undefined || last.end !== null) {
      return;
    }
    this.#sealChunk();
    this.#queue.pop();
    last.isDropped = true;
    for (const chunk of last.chunks.splice(0)) {
      this.#release(chunk.length);
    }
    this.#changed.tell();
  }

  /** ByteSink of the encoder: a region of the open microbatch. */
  reserve(size: number): { readonly bytes: Uint8Array; readonly at: number } {
    if (this.#chunkUsed + size > this.#chunk.length) {
      this.#sealChunk();
      const minimum = this.#open().bytes === 0 ? FIRST_CHUNK_BYTES : CHUNK_BYTES;
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(size, minimum));
    }
    const at = this.#chunkUsed;
    this.#chunkUsed += size;
    this.#hold(size);
    return { bytes: this.#chunk, at };
  }

  addRows(rows: number): void {
    this.#open().rows += rows;
  }

  /** Ends the open microbatch. */
  finishMicrobatch(end: End, mayCommit: boolean): void {
    const open = this.#open();
    this.#sealChunk();
    this.#hold(reportBytes(end.report));
    open.end = end;
    open.mayCommit = mayCommit;
    this.#changed.tell();
    this.#write(false);
  }

  /** Resolves when there is room for more rows. Asked after each message, so it also says that the server is there. */
  async room(): Promise<void> {
    if (this.#silence !== undefined) {
      this.#silence.refresh();
      this.#sealChunk(); // Wakes the writer, which has nothing else to do.
    }
    while (true) {
      this.#throwIfFailed();
      this.#write(false);
      const isFull = this.#bytes >= STREAM_BYTES;
      const mustShare = this.#options.budget.isExhausted && this.#bytes >= STREAM_FLOOR_BYTES;
      if (!isFull && !mustShare) {
        return;
      }
      this.#sealChunk(); // It may hold all of it: a long row has a chunk to itself.
      this.#write(true);
      await Promise.race([this.#changed.next, this.#options.budget.freed]);
    }
  }

  /** Resolves when every finished microbatch that may be committed is. */
  async settle(): Promise<void> {
    this.#write(false);
    while (this.#writing !== null && this.#queue.some((each) => each.mayCommit)) {
      await this.#changed.next;
    }
    this.#throwIfFailed();
  }

  /** Rolls back what is not committed and gives all memory back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#giveUp(new Error("this connection is over")); // Nobody's failure: the pass may go on with another one.
    await this.#writing?.catch(() => {});
    this.#release(this.#bytes);
  }

  #open(): Microbatch<Begin, End> {
    const last = this.#queue.at(-1);
    if (last === undefined || last.end !== null) {
      throw new Error("no microbatch is open");
    }
    return last;
  }

  #sealChunk(): void {
    if (this.#chunkUsed > 0) {
      const open = this.#open();
      open.chunks.push(this.#chunk.subarray(0, this.#chunkUsed));
      this.#chunk = this.#chunk.subarray(this.#chunkUsed);
      this.#chunkUsed = 0;
      this.#changed.tell();
    }
  }

  /** Starts the next transaction, if none is under way and there is something to write. */
  #write(mustSpill: boolean): void {
    if (this.#writing !== null || this.#failure !== null) {
      return;
    }
    const isLarge = this.#bytes >= (mustSpill ? 1 : this.#options.limits.spillBytes);
    if (!isLarge && this.#committable().length === 0) {
      return;
    }
    this.#writing = this.#writeNext()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#writing = null;
        this.#changed.tell();
        this.#write(false);
      });
  }

  /** One transaction. What goes into it is decided when there is a permit for it: more may have gathered by then. */
  async #writeNext(): Promise<void> {
    using _permit = await this.#options.permits.take(this.#givenUp.signal);
    const whole = this.#committable();
    await (whole.length > 0 ? this.#commitWhole(whole) : this.#commitSpilled());
  }

  /** The oldest microbatches that make one commit; none while the end of a replacement is missing. */
  #committable(): readonly Microbatch<Begin, End>[] {
    const { limits } = this.#options;
    let rows = 0;
    let bytes = 0;
    let end = 0;
    for (const [index, microbatch] of this.#queue.entries()) {
      const beginsCommit = index > 0 && microbatch.begin !== null;
      const isEnough = end > 0 && (rows >= limits.rows || bytes >= limits.bytes);
      if (microbatch.end === null || beginsCommit || isEnough) {
        break;
      }
      rows += microbatch.rows;
      bytes += microbatch.bytes;
      if (microbatch.mayCommit) {
        end = index + 1;
      }
    }
    return this.#queue.slice(0, end);
  }

  /** Everything is known: one message. */
  async #commitWhole(microbatches: readonly Microbatch<Begin, End>[]): Promise<void> {
    const transaction = await this.#begin(microbatches[0]?.begin ?? null, this.#endStatement(microbatches));
    for (const microbatch of microbatches) {
      await this.#send(transaction, microbatch);
    }
    await this.#commit(transaction, microbatches);
  }

  /**
   * The transaction begins before its last microbatch is finished, and follows it as
   * it grows. One that the server gives up is taken back alone: what was written
   * before it, in the middle of a replacement, stays.
   */
  async #commitSpilled(): Promise<void> {
    let microbatch = this.#queue[0];
    if (microbatch === undefined) {
      return; // Given up while we waited for the permit.
    }
    const transaction = await this.#begin(microbatch.begin, null);
    const written: Microbatch<Begin, End>[] = [];
    while (!written.at(-1)?.mayCommit) {
      microbatch ??= await this.#microbatchAfter(written);
      const canBeDropped = microbatch.end === null;
      if (canBeDropped && written.length > 0) {
        await transaction.mark();
      }
      await this.#follow(transaction, microbatch);
      if (!microbatch.isDropped) {
        written.push(microbatch);
      } else if (written.length > 0) {
        await transaction.takeBack();
      } else {
        transaction.abort(); // The next one may begin with another removal.
        return;
      }
      microbatch = undefined;
    }
    await this.#commit(transaction, written);
  }

  async #microbatchAfter(written: readonly Microbatch<Begin, End>[]): Promise<Microbatch<Begin, End>> {
    while (true) {
      const next = this.#queue[written.length];
      if (next !== undefined) {
        if (next.begin !== null) {
          throw new Error("what a commit begins with cannot come in its middle");
        }
        return next;
      }
      await this.#moreOrSilence();
    }
  }

  /** Writes a microbatch as it grows, until it is finished or dropped. */
  async #follow(transaction: Transaction, microbatch: Microbatch<Begin, End>): Promise<void> {
    while (true) {
      await this.#send(transaction, microbatch);
      if (microbatch.isDropped || microbatch.end !== null) {
        return;
      }
      if (this.#chunkUsed > 0) {
        this.#sealChunk(); // It is the open one, and there is nothing else to write.
      } else {
        await this.#moreOrSilence();
      }
    }
  }

  async #begin(begin: Begin | null, end: string | null): Promise<Transaction> {
    this.#throwIfFailed();
    const { statements, open } = this.#options;
    return await open(statements.begin(begin), end, this.#givenUp.signal);
  }

  async #send(transaction: Transaction, microbatch: Microbatch<Begin, End>): Promise<void> {
    for (let chunk = microbatch.chunks.shift(); chunk !== undefined; chunk = microbatch.chunks.shift()) {
      const refusals = await transaction.write(chunk);
      if (refusals !== null) {
        microbatch.refusals.push(refusals);
      }
      this.#throwIfFailed();
      this.#release(chunk.length);
    }
  }

  #endStatement(microbatches: readonly Microbatch<Begin, End>[]): string {
    return this.#options.statements.end(microbatches.map(endOf));
  }

  async #commit(transaction: Transaction, microbatches: readonly Microbatch<Begin, End>[]): Promise<void> {
    await transaction.commit(() => this.#endStatement(microbatches));
    for (const { end } of microbatches) {
      this.#release(end === null ? 0 : reportBytes(end.report));
    }
    this.#queue = this.#queue.slice(microbatches.length);
    this.#options.onCommitted(endOf(microbatches.at(-1)!));
  }

  /** Resolves with the next change; a transaction that is open does not wait for a silent server for ever. */
  async #moreOrSilence(): Promise<void> {
    const { stallMs } = this.#options.limits;
    const { promise: stalled, reject } = Promise.withResolvers<never>();
    this.#silence = setTimeout(
      () =>
        reject(new AmpsyncError("SY104", `no bytes for ${stallMs / 1000} s in the middle of a microbatch`)),
      stallMs,
    );
    try {
      await Promise.race([this.#changed.next, stalled]);
    } finally {
      clearTimeout(this.#silence);
      this.#silence = undefined;
    }
    this.#throwIfFailed();
  }

  #hold(bytes: number): void {
    this.#open().bytes += bytes;
    this.#bytes += bytes;
    this.#options.budget.take(bytes);
  }

  /** Tells who waits for room, in whatever stream. */
  #release(bytes: number): void {
    this.#bytes -= bytes;
    this.#options.budget.give(bytes);
  }

  #fail(error: unknown): void {
    if (this.#failure === null) {
      this.#giveUp(error);
      this.#options.onFailed(error);
    }
  }

  #giveUp(error: unknown): void {
    this.#failure ??= { error };
    this.#givenUp.abort();
    this.#changed.tell();
  }

  #throwIfFailed(): void {
    if (this.#failure !== null) {
      throw this.#failure.error;
    }
  }
}

/** What a finished microbatch tells, less what PostgreSQL refused of it: the target does not hold that. */
function endOf<End extends MicrobatchEnd>({ end, refusals }: Microbatch<unknown, End>): End {
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
