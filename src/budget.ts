/** Counts the encoded bytes that all streams of a process hold; says when they are too many. */
export class Budget {
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isExhausted(): boolean {
    return this.#bytes >= this.#limit;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}
