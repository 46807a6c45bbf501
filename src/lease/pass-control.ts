import type { Verdict } from "../db/lease-calls.ts";
import { AmpsyncError } from "../errors.ts";
import { PASS_MS, SHUTDOWN_MS } from "../model/limits.ts";

/** How the pass of a source ends. */
export interface EndTimes {
  /** A pass keeps its slot for at least this long, in milliseconds. */
  readonly minPassMs: number;
  /** What is under way when the process stops gets so many milliseconds to end by itself. */
  readonly shutdownMs: number;
}

/**
 * What ends a pass from outside: the heartbeat's verdicts, its own time, the end of the process.
 *
 * Which abort ends what, the smallest first:
 * - a connection's own (StreamPass): reading its Flight stream; the pass goes on with another connection
 * - a commit queue's own (CommitQueue): its transaction, and whoever waits for it; when a commit failed, when its
 *   connection is over, when the pass is abandoned
 * - `yielding`: nothing new is begun; what is under way goes on
 * - `signal`: reading, state calls and pauses, so the pass; a commit under way is waited for, unless the pass failed
 * - `abandoned`: the commit under way as well, as if its connection were lost
 * - the end of the process: `signal` at once, or where a pass has `shutdownMs` `yielding` at once and `signal` after that;
 *   `abandoned` when the commit under way has had SHUTDOWN_MS more
 */
export class PassControl implements Disposable {
  readonly #ended = new AbortController();
  readonly #abandoned = new AbortController();
  readonly #shutdown: AbortSignal;
  readonly #times: EndTimes;
  readonly #canEndNow: () => boolean;
  readonly #startedAt = performance.now();
  readonly #deadline: NodeJS.Timeout;
  readonly #onShutdown = () => this.#shutDown();
  readonly #yielding = new AbortController();
  #patience: NodeJS.Timeout | undefined;
  #failure: Error | null = null;

  /** `canEndNow`: whether the pass has begun nothing that should be finished first. */
  constructor(shutdown: AbortSignal, times: EndTimes, canEndNow: () => boolean) {
    this.#shutdown = shutdown;
    this.#times = times;
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

  /** Aborted when the pass should end once it has finished what it began. */
  get yielding(): AbortSignal {
    return this.#yielding.signal;
  }

  /** The pass should end once it has finished what it began: a microbatch, a replacement, repairs. */
  get mustYield(): boolean {
    return this.yielding.aborted;
  }

  /** Why the pass was ended; null where it was not, or where it ends well. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Where nothing more can be committed, no answer is awaited: it may never come. */
  heed(verdict: Exclude<Verdict, "keep">): void {
    switch (verdict) {
      case "yield":
        if (performance.now() - this.#startedAt >= this.#times.minPassMs) {
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
    this.#yielding.abort();
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

  #shutDown(): void {
    const { shutdownMs } = this.#times;
    if (shutdownMs === 0) {
      this.end();
      this.#patience = setTimeout(() => this.#abandoned.abort(), SHUTDOWN_MS);
    } else {
      this.yieldSlot();
      this.#patience = setTimeout(() => {
        this.end();
        this.#patience = setTimeout(() => this.#abandoned.abort(), SHUTDOWN_MS);
      }, shutdownMs);
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
