import type { Budget } from "./budget.ts";
import { Change } from "./change.ts";
import type { BufferView, MicrobatchBuffer, MicrobatchEnd } from "./microbatch-buffer.ts";

/**
 * The buffer between a reader and a writer that wait for each other. It is changed through `change` alone, which
 * tells both the budget and whoever waits: no change can forget to wake anybody.
 */
export class SharedBuffer<Begin, End extends MicrobatchEnd> {
  readonly #buffer: MicrobatchBuffer<Begin, End>;
  readonly #budget: Pick<Budget, "take" | "give">;
  readonly #signal: AbortSignal;
  readonly #changed = new Change();

  /** The signal ends all waiting, with its reason. */
  constructor(
    buffer: MicrobatchBuffer<Begin, End>,
    budget: Pick<Budget, "take" | "give">,
    signal: AbortSignal,
  ) {
    this.#buffer = buffer;
    this.#budget = budget;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#changed.tell());
  }

  get view(): BufferView<Begin, End> {
    return this.#buffer;
  }

  change<Result>(work: (buffer: MicrobatchBuffer<Begin, End>) => Result): Result {
    const { bytes } = this.#buffer;
    try {
      return work(this.#buffer);
    } finally {
      const held = this.#buffer.bytes - bytes;
      if (held > 0) {
        this.#budget.take(held);
      } else if (held < 0) {
        this.#budget.give(-held);
      }
      this.#changed.tell();
    }
  }

  /** Resolves once this is so; looks again with each change, and when `other` says so. */
  async until(isSo: () => boolean, other?: () => Promise<void>): Promise<void> {
    this.#signal.throwIfAborted();
    while (!isSo()) {
      await Promise.race([this.#changed.next, ...(other === undefined ? [] : [other()])]);
      this.#signal.throwIfAborted();
    }
  }
}
