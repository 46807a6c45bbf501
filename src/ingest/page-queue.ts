import type { Budget } from "../commit/budget.ts";
import { Condition } from "../commit/condition.ts";
import {
  FLUSH_LIMITS,
  type FlushLimits,
  SOURCE_BYTES,
  SOURCE_RECORDS,
  STREAM_FLOOR_BYTES,
} from "../model/limits.ts";
import type { Permits } from "../model/permits.ts";
import { HeldBytes } from "./held-bytes.ts";
import type { Page } from "./page.ts";

export interface PageQueueOptions {
  readonly limits?: FlushLimits;
  /** Limits of the process: how many transactions write at once, and how many bytes wait to be written. */
  readonly permits: Pick<Permits, "take">;
  readonly budget: Budget;
  /** One transaction: the records of these pages, oldest first, and the positions after them. */
  readonly write: (pages: readonly Page[], signal: AbortSignal) => Promise<void>;
  readonly onCommitted: () => void;
  /** Nothing more can be written. What was not committed is lost, and will be asked for again. */
  readonly onFailed: (error: unknown) => void;
  /** Aborted when even the commit under way is given up. */
  readonly abandoned: AbortSignal;
}

/** A page of a new source is not taken to be smaller. */
const SMALLEST_PAGE = 64 * 1024;

/**
 * Whole pages wait here for their commit. The first one does not wait, so that its rows are seen at once; later ones
 * gather until a commit is worth it, or nothing more is coming. One commit at a time: others gather meanwhile.
 */
export class PageQueue implements AsyncDisposable {
  readonly #options: PageQueueOptions;
  readonly #limits: FlushLimits;
  readonly #changed = new Condition();
  /** Ends every wait; its reason is why nothing more is written. */
  readonly #givenUp = new AbortController();
  readonly #writing: Promise<void>;
  /** Oldest first, and when each came, by performance.now(). */
  readonly #waiting: { readonly page: Page; readonly at: number }[] = [];
  #waitingRecords = 0;
  #waitingBytes = 0;
  /** Those of the commit under way. */
  #committing: readonly Page[] = [];
  /** Bytes of pages that are here or under way; one under way counts as the largest that has come. */
  #held = 0;
  #largest = SMALLEST_PAGE;
  #hasCommitted = false;
  #isMoreComing = true;
  #settling = 0;
  #clock: NodeJS.Timeout | undefined;

  constructor(options: PageQueueOptions) {
    const { abandoned } = options;
    const { signal } = this.#givenUp;
    this.#options = options;
    this.#limits = options.limits ?? FLUSH_LIMITS;
    signal.addEventListener("abort", () => this.#changed.notifyAll());
    abandoned.addEventListener("abort", () => this.#givenUp.abort(abandoned.reason), { signal });
    this.#writing = this.#write();
  }

  /** Resolves when a page came or was committed. */
  get changed(): Promise<void> {
    return this.#changed.next;
  }

  get isEmpty(): boolean {
    return this.#waiting.length + this.#committing.length === 0;
  }

  /** How many further pages may be asked for. */
  get room(): number {
    if (this.#records >= SOURCE_RECORDS) return 0;
    const bytes = this.#options.budget.isExhausted ? STREAM_FLOOR_BYTES : SOURCE_BYTES;
    const fewest = this.#held === 0 ? 1 : 0; // However large a page is, one at a time gets through.
    return Math.max(fewest, Math.floor((bytes - this.#held) / this.#largest));
  }

  /** The memory of a page that is asked for now. It is released if the page does not become one of the queue. */
  expectPage(): HeldBytes {
    const source = {
      take: (bytes: number) => this.#hold(bytes),
      give: (bytes: number) => this.#hold(-bytes),
    };
    return new HeldBytes(source, this.#options.budget, this.#largest);
  }

  add(page: Page): void {
    this.#largest = Math.max(this.#largest, page.body.length);
    this.#waiting.push({ page, at: performance.now() });
    this.#waitingRecords += page.records.count;
    this.#waitingBytes += page.body.length;
    this.#wind();
    this.#changed.notifyAll();
  }

  /** Where nothing more is coming for now, those that wait need not wait for more. */
  expectMore(isMoreComing: boolean): void {
    if (this.#isMoreComing !== isMoreComing) {
      this.#isMoreComing = isMoreComing;
      this.#changed.notifyAll();
    }
  }

  /** Resolves when every page that is here is committed, or every one of a part. */
  async settle(part?: string): Promise<void> {
    const isHere = (page: Page) => part === undefined || page.part === part;
    this.#settling++;
    this.#changed.notifyAll();
    await this.#until(
      () => !this.#committing.some(isHere) && !this.#waiting.some(({ page }) => isHere(page)),
    );
    this.#settling--;
  }

  /** Rolls back what is not committed and releases all memory. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#givenUp.abort(new Error("this pass is over"));
    await this.#writing;
    clearTimeout(this.#clock);
    for (const { held } of [...this.#committing, ...this.#waiting.map(({ page }) => page)]) {
      held.release();
    }
  }

  async #write(): Promise<void> {
    const { permits, write, onCommitted, onFailed } = this.#options;
    const { signal } = this.#givenUp;
    try {
      while (true) {
        await this.#until(() => this.#isDue);
        using _permit = await permits.take(signal);
        this.#committing = this.#next(); // Only now: more may have gathered meanwhile.
        await write(this.#committing, signal);
        this.#committing = [];
        this.#hasCommitted = true;
        onCommitted();
        this.#wind();
        this.#changed.notifyAll();
      }
    } catch (error) {
      if (!signal.aborted) {
        this.#givenUp.abort(error);
        onFailed(error);
      }
    }
  }

  get #isDue(): boolean {
    const [oldest] = this.#waiting;
    if (oldest === undefined) return false;
    const { budget } = this.#options;
    const limits = this.#limits;
    return (
      !this.#hasCommitted ||
      !this.#isMoreComing ||
      this.#settling > 0 ||
      this.#waitingRecords >= limits.records ||
      this.#waitingBytes >= limits.bytes ||
      performance.now() - oldest.at >= limits.waitMs ||
      budget.isExhausted
    );
  }

  /** Takes the oldest pages that make one commit. */
  #next(): readonly Page[] {
    const limits = this.#limits;
    const taken: Page[] = [];
    let records = 0;
    let bytes = 0;
    for (const { page } of this.#waiting) {
      records += page.records.count;
      if (taken.length > 0 && (records > limits.mostRecords || bytes >= limits.bytes)) break;
      bytes += page.body.length;
      taken.push(page);
    }
    this.#waiting.splice(0, taken.length);
    this.#waitingRecords -= recordsOf(taken);
    this.#waitingBytes -= bytes;
    return taken;
  }

  /** Looks again when the oldest page has waited long enough. */
  #wind(): void {
    clearTimeout(this.#clock);
    const [oldest] = this.#waiting;
    if (oldest !== undefined) {
      const left = oldest.at + this.#limits.waitMs - performance.now();
      this.#clock = setTimeout(() => this.#changed.notifyAll(), Math.max(0, left) + 1);
    }
  }

  get #records(): number {
    return recordsOf(this.#committing) + this.#waitingRecords;
  }

  #hold(bytes: number): void {
    this.#held += bytes;
    if (bytes < 0) this.#changed.notifyAll();
  }

  async #until(isSo: () => boolean): Promise<void> {
    const { signal } = this.#givenUp;
    signal.throwIfAborted();
    while (!isSo()) {
      await this.#changed.next;
      signal.throwIfAborted();
    }
  }
}

function recordsOf(pages: readonly Page[]): number {
  return pages.reduce((sum, { records }) => sum + records.count, 0);
}
