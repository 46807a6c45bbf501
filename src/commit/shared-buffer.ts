import type { Budget } from "./budget.ts";
import { Condition } from "./condition.ts";
import type { BufferView, MicrobatchBuffer, MicrobatchEnd } from "./microbatch-buffer.ts";

/**
 * The buffer between a reader and a writer that wait for each other. It can be changed only through `change`, which
 * informs the budget and wakes everybody who waits: no change can forget to.
 */
export class SharedBuffer<Begin, End extends MicrobatchEnd> {
  readonly #buffer: MicrobatchBuffer<Begin, End>;
  readonly #budget: Pick<Budget, "take" | "give">;
  readonly #signal: AbortSignal;
  readonly #changed = new Condition();

  /** The signal ends every wait, with its reason. */
  constructor(
    buffer: MicrobatchBuffer<Begin, End>,
    budget: Pick<Budget, "take" | "give">,
    signal: AbortSignal,
  ) {
    this.#buffer = buffer;
    this.#budget = budget;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#changed.notifyAll());
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
      this.#changed.notifyAll();
    }
  }

  /** Resolves once `isSo` is true. It is asked again at each change, and whenever `other` resolves. */
  async until(isSo: () => boolean, other?: () => Promise<void>): Promise<void> {
    this.#signal.throwIfAborted();
    while (!isSo()) {
      await Promise.race([this.#changed.next, ...(other === undefined ? [] : [other()])]);
      this.#signal.throwIfAborted();
    }
  }
}
