import type { Log, LogFields } from "../log.ts";

/** States in which a stream does not move: its next commit ends them. */
const ENDED_BY_COMMIT: ReadonlySet<string> = new Set(["waiting", "retrying", "reorg_pending"]);

/** Logs each change of the state of a stream once, as the database shows it, however often it is told. */
export class StateLog {
  readonly #log: Log;
  #state: string;

  constructor(log: Log, state: string) {
    this.#log = log;
    this.#state = state;
  }

  /** What the database has, as whoever told it logs it, or as a call of somebody else made it. */
  stored(state: string): void {
    this.#state = state;
  }

  live(block: bigint | null): void {
    this.#enters("live", () => this.#log.info("live", { block }));
  }

  /** A stream that is not live cannot fall behind. */
  behind(block: bigint | null): void {
    if (this.#state === "live") {
      this.#enters("backfill", () => this.#log.info("behind", { block }));
    }
  }

  reorgPending(block: bigint): void {
    this.#enters("reorg_pending", () => this.#log.warn("reorg_pending", { from_block: block }));
  }

  headBelow(fields: LogFields): void {
    this.#enters("retrying", () => this.#log.warn("head_below", fields));
  }

  /** Everything up to this block is durable; `from`: it replaced what stood from there on. */
  committed(block: bigint, from: bigint | null): void {
    this.#log.debug("watermark_saved", { block });
    if (from !== null) {
      this.#log.info("reorg_handled", { from_block: from, block });
    }
    if (ENDED_BY_COMMIT.has(this.#state)) {
      const was = this.#state;
      this.#enters("backfill", () => this.#log.info("stream_resumed", { block, was }));
    }
  }

  #enters(state: string, tell: () => void): void {
    if (this.#state !== state) {
      this.#state = state;
      tell();
    }
  }
}
