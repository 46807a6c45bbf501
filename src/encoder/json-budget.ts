import { BadValue, type Place } from "./place.ts";

/** The limits of one value: PostgreSQL accepts 256 MiB of JSON, but a value is rendered without a pause. */
const MAX_VALUES = 2 ** 19;
const MAX_BYTES = 2 ** 26;

/**
 * Limits the JSON of one value. Views, runs and dictionaries let many items share the
 * same bytes, so that a few bytes can describe an endless text.
 */
export class JsonBudget {
  readonly #maxBytes: number;
  #values = 0;
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** To be called before each value of a column. */
  begin(): void {
    this.#values = 0;
    this.#bytes = 0;
  }

  /** Counts `values` that are about to be rendered, and the known bytes of their text; throws BadValue. */
  take(values: number, bytes: number, place: Place, index: number): void {
    if (this.#values + values > MAX_VALUES) {
      const problem = `JSON of more than ${MAX_VALUES} values`;
      throw new BadValue(place, index, problem, `${this.#values + values} values`, "SY106");
    }
    if (this.#bytes + bytes > this.#maxBytes) {
      const problem = `JSON of more than ${this.#maxBytes} bytes`;
      throw new BadValue(place, index, problem, `${this.#bytes + bytes} bytes`, "SY106");
    }
    this.#values += values;
    this.#bytes += bytes;
  }
}
