import type { AmpsyncError } from "../errors.ts";
import { Bitmap } from "./bitmap.ts";
import type { Column } from "./column.ts";
import { BadValue } from "./place.ts";

/** A value that became NULL. */
export interface NulledValue {
  readonly column: string;
  /** Of the batch, from 0. */
  readonly row: number;
  /** SY203 as it would have been thrown. */
  readonly error: AmpsyncError;
}

/** Measures columns, and makes bad values NULL or throws what is wrong with them. */
export class BadValues {
  readonly #policy: "fail" | "null";
  #nulled: NulledValue[] = [];
  /** Of the columns of the batch in which a value became NULL. */
  readonly #ownValidity = new Map<Column, Bitmap>();

  constructor(policy: "fail" | "null") {
    this.#policy = policy;
  }

  /** To be called before each batch. */
  reset(): void {
    this.#nulled = [];
    this.#ownValidity.clear();
  }

  get nulled(): readonly NulledValue[] {
    return this.#nulled;
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
        this.#makeNull(column, rowCount, error);
        done = error.row - first; // Rows before it are measured.
      }
    }
  }

  #makeNull(column: Column, rowCount: number, bad: BadValue): void {
    const { place, validity } = column;
    if (this.#policy === "fail" || place.notNull) {
      throw bad.toError();
    }
    let own = this.#ownValidity.get(column);
    if (own === undefined) {
      own = Bitmap.of(rowCount, (row) => validity === null || validity.isSet(row));
      this.#ownValidity.set(column, own);
      column.validity = own;
    }
    if (!own.isSet(bad.row)) {
      throw new Error(`${place.field} refused row ${bad.row} although it is NULL`);
    }
    own.clear(bad.row);
    this.#nulled.push({ column: place.column, row: bad.row, error: bad.toError() });
  }
}
