import { AmpsyncError } from "../errors.ts";
import type { CommitSize } from "../model/commit-size.ts";
import { MeasuredTransaction } from "./measured-transaction.ts";
import { endOf, type Microbatch, type MicrobatchEnd } from "./microbatch-buffer.ts";
import type { SharedBuffer } from "./shared-buffer.ts";
import type { Transaction } from "./transaction.ts";

/** The statements that the transactions of a source begin and end with. */
export interface CommitStatements<Begin, End> {
  begin(begin: Begin | null): string;
  /** Ends a commit of these microbatches, oldest first, at least one. */
  end(microbatches: readonly End[]): string;
}

export interface CommitWriterOptions<Begin, End> {
  readonly statements: CommitStatements<Begin, End>;
  /** `end` is null where it is not known yet. The signal ends the transaction, even while it waits for a lock. */
  readonly open: (begin: string, end: string | null, signal: AbortSignal) => Promise<Transaction>;
  /** Everything up to and including this microbatch is durable; `begin` is what the commit began with. */
  readonly onCommitted: (last: End, begin: Begin | null, size: CommitSize) => void;
}

/** Writes what stands first in a buffer, one transaction at a time. */
export class CommitWriter<Begin, End extends MicrobatchEnd> {
  readonly #options: CommitWriterOptions<Begin, End>;
  readonly #buffer: SharedBuffer<Begin, End>;
  readonly #stallMs: number;
  readonly #signal: AbortSignal;
  /** Runs while the writer, with its transaction open, waits for the reader. */
  #silence: NodeJS.Timeout | undefined;

  /** The signal ends the transaction under way. */
  constructor(
    options: CommitWriterOptions<Begin, End>,
    buffer: SharedBuffer<Begin, End>,
    stallMs: number,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#buffer = buffer;
    this.#stallMs = stallMs;
    this.#signal = signal;
  }

  /** Whether it waits for the reader, with its transaction open. */
  get isWaiting(): boolean {
    return this.#silence !== undefined;
  }

  /** The server is there. */
  heard(): void {
    this.#silence?.refresh();
  }

  /** Everything is known, so the transaction is one message. */
  async commitWhole(microbatches: readonly Microbatch<Begin, End>[]): Promise<void> {
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
  async commitSpilled(): Promise<void> {
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

  async #begin(begin: Begin | null, end: string | null): Promise<MeasuredTransaction> {
    const { statements, open } = this.#options;
    this.#signal.throwIfAborted();
    return await MeasuredTransaction.open(() => open(statements.begin(begin), end, this.#signal));
  }

  async #send(transaction: Transaction, microbatch: Microbatch<Begin, End>): Promise<void> {
    while (microbatch.chunks.length > 0) {
      const chunk = this.#buffer.change((buffer) => buffer.take(microbatch));
      const refusals = await transaction.write(chunk);
      this.#buffer.change((buffer) => buffer.written(microbatch, chunk, refusals));
      this.#signal.throwIfAborted();
    }
  }

  async #commit(
    transaction: MeasuredTransaction,
    microbatches: readonly Microbatch<Begin, End>[],
  ): Promise<void> {
    await transaction.commit(() => this.#endStatement(microbatches));
    const ends = microbatches.map(endOf);
    const size = {
      microbatches: ends.length,
      rows: ends.reduce((sum, { ledger }) => sum + ledger.rows, 0),
      bytes: microbatches.reduce((sum, { bytes }) => sum + bytes, 0),
      ...transaction.times,
    };
    const begin = microbatches[0]?.begin ?? null;
    this.#buffer.change((buffer) => buffer.committed(microbatches.length));
    this.#options.onCommitted(ends.at(-1)!, begin, size);
  }

  #endStatement(microbatches: readonly Microbatch<Begin, End>[]): string {
    return this.#options.statements.end(microbatches.map(endOf));
  }

  /** Waits with a transaction open: not for ever, should the server fall silent. */
  async #untilOrSilence(isSo: () => boolean): Promise<void> {
    const stallMs = this.#stallMs;
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
