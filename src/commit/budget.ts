import { Condition } from "./condition.ts";

/** Counts the bytes of one kind that all streams of a process hold, and knows when they are too many. */
export class Budget {
  readonly #limit: number;
  readonly #freed = new Condition();
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isExhausted(): boolean {
    return this.#bytes >= this.#limit;
  }

  /** Resolves when any stream gives bytes back. */
  get freed(): Promise<void> {
    return this.#freed.next;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    this.#freed.notifyAll();
  }
}
