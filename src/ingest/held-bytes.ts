import type { Budget } from "../commit/budget.ts";

type Bytes = Pick<Budget, "take" | "give">;

/**
 * The memory of one page. To its source it counts as `expected` before it is known, to the process from its first byte on;
 * to both until PostgreSQL has it.
 */
export class HeldBytes {
  readonly #source: Bytes;
  readonly #process: Bytes;
  #expected: number;
  #bytes = 0;

  constructor(source: Bytes, process: Bytes, expected: number) {
    this.#source = source;
    this.#process = process;
    this.#expected = expected;
    source.take(expected);
  }

  /** So many more have come. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#process.take(bytes);
  }

  /** It has come whole, and takes so many. */
  set(bytes: number): void {
    change(this.#source, this.#expected, bytes);
    change(this.#process, this.#bytes, bytes);
    this.#expected = bytes;
    this.#bytes = bytes;
  }

  release(): void {
    this.set(0);
  }
}

function change(counter: Bytes, from: number, to: number): void {
  if (to > from) counter.take(to - from);
  else if (to < from) counter.give(from - to);
}
