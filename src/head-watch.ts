import type { Log } from "./log.ts";
import { HEAD_POLL_MS, LIVE_AFTER_MS } from "./model/limits.ts";

export interface HeadWatchOptions {
  /** Last block committed before; null where there is none. */
  readonly checkpoint: bigint | null;
  readonly maxBlock: (signal: AbortSignal) => Promise<bigint | null>;
  readonly onHead: (head: bigint) => void;
  /** The head lies below what was committed when it was asked for. True: the stream is not live because of that. */
  readonly onBelow: (head: bigint) => Promise<boolean>;
  /** The stream stands at the head. */
  readonly onLive: () => Promise<void>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Finds out where the head is and when a stream stands there. Nothing on the
 * stream itself tells it: a batch query asks for the newest block while the
 * stream catches up, and afterwards the newest committed block is the head. A
 * stream is live once nothing follows a commit for a moment.
 */
export class HeadWatch {
  readonly #options: HeadWatchOptions;
  #poll: NodeJS.Timeout | null = null;
  #silence: NodeJS.Timeout | null = null;
  #block: bigint | null;
  #newestHead: bigint | null = null;
  #isLive = false;

  constructor(options: HeadWatchOptions) {
    this.#options = options;
    this.#block = options.checkpoint;
  }

  start(): void {
    this.#poll = setInterval(() => this.#ask(), HEAD_POLL_MS);
    this.#ask();
  }

  /** A message came: more may follow. */
  heard(): void {
    if (this.#silence !== null) {
      clearTimeout(this.#silence);
      this.#silence = null;
    }
  }

  committed(block: bigint): void {
    this.#block = block;
    if (this.#newestHead === null || block > this.#newestHead || this.#isLive) {
      this.#newestHead = block;
      this.#options.onHead(block);
    }
    this.#awaitSilence();
  }

  /** The stream connects anew: it is live when it stands at the head again. */
  reconnects(): void {
    if (this.#isLive) {
      this.#isLive = false;
      this.start();
    }
  }

  close(): void {
    clearInterval(this.#poll ?? undefined);
    clearTimeout(this.#silence ?? undefined);
  }

  #ask(): void {
    this.#seek().catch((error: unknown) => {
      if (!this.#options.signal.aborted) {
        this.#options.log.debug("head_unknown", {
          error: error instanceof Error ? error.message : String(error),
        });
      }
    });
  }

  async #seek(): Promise<void> {
    const before = this.#block; // Commits go on meanwhile.
    const head = await this.#options.maxBlock(this.#options.signal);
    if (head === null || this.#isLive) {
      return;
    }
    this.#newestHead = head;
    this.#options.onHead(head);
    if (before !== null && head < before && (await this.#options.onBelow(head))) {
      return;
    }
    // A stream that resumes at the head is sent nothing at all.
    if (this.#block !== null && head <= this.#block) this.#awaitSilence();
  }

  #awaitSilence(): void {
    if (!this.#isLive && this.#silence === null) {
      this.#silence = setTimeout(() => this.#live(), LIVE_AFTER_MS);
    }
  }

  #live(): void {
    this.#isLive = true;
    clearInterval(this.#poll ?? undefined);
    this.#options.onLive().catch((error: unknown) => {
      this.#isLive = false;
      this.#options.log.warn("mark_live_failed", {
        error: error instanceof Error ? error.message : String(error),
      });
    });
  }
}
