import type { Verdict } from "../db/lease-calls.ts";
import { AmpsyncError } from "../errors.ts";
import { PASS_MS, SHUTDOWN_MS } from "../model/limits.ts";

/**
 * What ends a pass from outside: the heartbeat's verdicts, its own time, the end of the process.
 *
 * Which abort ends what, the smallest first:
 * - a connection's own (StreamPass): reading its Flight stream; the pass goes on with another connection
 * - a commit queue's own (CommitQueue): its transaction, and whoever waits for it; when a commit failed, when its
 *   connection is over, when the pass is abandoned
 * - `signal`: reading, state calls and pauses, so the pass; a commit under way is waited for, unless the pass failed
 * - `abandoned`: the commit under way as well, as if its connection were lost
 * - the end of the process: `signal` at once, `abandoned` when the commit under way has had SHUTDOWN_MS
 */
export class PassControl implements Disposable {
  readonly #ended = new AbortController();
  readonly #abandoned = new AbortController();
  readonly #shutdown: AbortSignal;
  readonly #minPassMs: number;
  readonly #canEndNow: () => boolean;
  readonly #startedAt = performance.now();
  readonly #deadline: NodeJS.Timeout;
  readonly #onShutdown = () => {
    this.end();
    this.#patience = setTimeout(() => this.#abandoned.abort(), SHUTDOWN_MS);
  };
  #patience: NodeJS.Timeout | undefined;
  #mustYield = false;
  #failure: Error | null = null;

  /** `canEndNow`: whether the pass has begun nothing that should be finished first. */
  constructor(shutdown: AbortSignal, minPassMs: number, canEndNow: () => boolean) {
    this.#shutdown = shutdown;
    this.#minPassMs = minPassMs;
    this.#canEndNow = canEndNow;
    const early = (Math.random() * PASS_MS) / 3; // Hundreds of passes that began together do not end together.
    this.#deadline = setTimeout(() => this.yieldSlot(), PASS_MS - early);
    if (shutdown.aborted) {
      this.end();
    }
    shutdown.addEventListener("abort", this.#onShutdown);
  }

  /** Aborted when the pass is over. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Aborted when even the commit under way is given up, as if its connection were lost. */
  get abandoned(): AbortSignal {
    return this.#abandoned.signal;
  }

  /** The pass should end once it has finished what it began: a microbatch, a replacement, repairs. */
  get mustYield(): boolean {
    return this.#mustYield;
  }

  /** Why the pass was ended; null where it was not, or where it ends well. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Where nothing more can be committed, no answer is awaited: it may never come. */
  heed(verdict: Exclude<Verdict, "keep">): void {
    switch (verdict) {
      case "yield":
        if (performance.now() - this.#startedAt >= this.#minPassMs) {
          this.yieldSlot();
        }
        break;
      case "end":
        this.end();
        break;
      case "lost":
        this.fail(new AmpsyncError("SY001", "another worker holds the lease, or it was taken away"));
        this.#abandoned.abort();
        break;
      case "severed":
        this.fail(new AmpsyncError("SY104", "the connection to PostgreSQL fell silent"));
        this.#abandoned.abort();
        break;
    }
  }

  /** Ends the pass as soon as that loses nothing that was begun. */
  yieldSlot(): void {
    this.#mustYield = true;
    if (this.#canEndNow()) {
      this.end();
    }
  }

  end(): void {
    this.#ended.abort();
  }

  fail(error: unknown): void {
    if (!this.signal.aborted) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.end();
    }
  }

  /** Nothing that the pass began outlives it. */
  [Symbol.dispose](): void {
    this.end();
    clearTimeout(this.#deadline);
    clearTimeout(this.#patience);
    this.#shutdown.removeEventListener("abort", this.#onShutdown);
  }
}
