import { Bitmap } from "./bitmap.ts";
import { type Column, unexpectedNull } from "./column.ts";
import { BadValue } from "./place.ts";

/** What becomes of a value that its column cannot hold. */
export type ValuePolicy = "fail" | "null" | "quarantine";

/**
 * Measures the columns of one batch after the other. A bad value is thrown,
 * becomes NULL, or has its row rejected, by policy.
 */
export class BadValues {
  readonly #policy: ValuePolicy;
  #nulled: BadValue[] = [];
  readonly #rejected = new Map<number, BadValue>();
  /** Of the columns of the batch that have a bad value: it is measured, and written, as NULL. */
  readonly #ownValidity = new Map<Column, Bitmap>();

  constructor(policy: ValuePolicy) {
    this.#policy = policy;
  }

  /** To be called before each batch. */
  reset(): void {
    this.#nulled = [];
    this.#rejected.clear();
    this.#ownValidity.clear();
  }

  /** In the order of rows within 1024 rows of a column. */
  get nulled(): readonly BadValue[] {
    return this.#nulled;
  }

  /** By row, the first bad value of each. */
  get rejected(): ReadonlyMap<number, BadValue> {
    return this.#rejected;
  }

  /** As `column.measure`, for a batch of `rowCount` rows. */
  measure(column: Column, rowCount: number, sizes: Float64Array, first: number, count: number): void {
    for (let done = 0; ; ) {
      try {
        column.measure(done === 0 ? sizes : sizes.subarray(done), first + done, count - done);
        return;
      } catch (error) {
        if (!(error instanceof BadValue)) {
          throw error;
        }
        this.#take(error);
        this.#makeNull(column, rowCount, error.row);
        done = error.row - first; // Rows before it are measured.
      }
    }
  }

  /** Takes the NULLs of a column that the schema promises to have none. */
  takeNulls({ place, validity }: Column, rowCount: number): void {
    for (let row = 0; validity !== null && row < rowCount; row++) {
      if (!validity.isSet(row)) {
        this.#take(unexpectedNull(place, row));
      }
    }
  }

  #take(bad: BadValue): void {
    if (this.#policy === "fail") {
      throw bad;
    }
    if (this.#policy === "null") {
      this.#nulled.push(bad);
    } else if (!this.#rejected.has(bad.row)) {
      this.#rejected.set(bad.row, bad);
    }
  }

  #makeNull(column: Column, rowCount: number, row: number): void {
    const { place, validity } = column;
    let own = this.#ownValidity.get(column);
    if (own === undefined) {
      own = Bitmap.of(rowCount, (each) => validity === null || validity.isSet(each));
      this.#ownValidity.set(column, own);
      column.validity = own;
    }
    if (!own.isSet(row)) {
      throw new Error(`${place.field} refused row ${row} although it is NULL`);
    }
    own.clear(row);
  }
}
