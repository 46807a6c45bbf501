import { Slice } from "../model/slice.ts";
import { Bitmap } from "./bitmap.ts";
import { type Column, unexpectedNull } from "./column.ts";
import { BadValue } from "./place.ts";

/** What becomes of a value that its column cannot hold. */
export type ValuePolicy = "fail" | "null" | "quarantine";

/** Why a row is rejected. */
export interface Rejection {
  /** Null if the row as a whole is the reason. */
  readonly column: string | null;
  readonly code: string;
  readonly reason: string;
}

/** The validity of a column as received, and as it is written after bad values became NULL. */
interface Changed {
  readonly received: Bitmap | null;
  /** Bad values are cleared here: they are measured, and written, as NULL. */
  readonly own: Bitmap;
}

/**
 * Measures the columns of each batch. A bad value is thrown, becomes NULL, or makes
 * its row rejected, depending on the policy.
 */
export class BadValues {
  readonly #policy: ValuePolicy;
  #nulled: BadValue[] = [];
  readonly #rejected = new Map<number, Rejection>();
  readonly #changed = new Map<Column, Changed>();
  /** For columns that the schema declares non-null: the row up to which NULLs were looked for. */
  readonly #nullsTaken = new Map<Column, number>();

  constructor(policy: ValuePolicy) {
    this.#policy = policy;
  }

  /** To be called before each batch. */
  reset(): void {
    this.#nulled = [];
    this.#rejected.clear();
    this.#changed.clear();
    this.#nullsTaken.clear();
  }

  /** The values that became NULL since the last call, in the order of rows within each 1024 rows of a column. */
  takeNulled(): readonly BadValue[] {
    const nulled = this.#nulled;
    this.#nulled = [];
    return nulled;
  }

  /** By row, the first bad value of each. */
  get rejected(): ReadonlyMap<number, Rejection> {
    return this.#rejected;
  }

  /** Forgets the rejected rows before `end`. */
  forget(end: number): void {
    for (const row of this.#rejected.keys()) {
      if (row < end) {
        this.#rejected.delete(row);
      }
    }
  }

  /** Rejects a row that cannot be stored as a whole, if the policy allows it. Returns whether it does. */
  reject(row: number, reason: string): boolean {
    if (this.#policy === "quarantine" && !this.#rejected.has(row)) {
      this.#rejected.set(row, { column: null, code: "SY203", reason });
    }
    return this.#policy === "quarantine";
  }

  /** Like `column.measure`, for a batch of `rowCount` rows. */
  measure(column: Column, rowCount: number, sizes: Float64Array, first: number, count: number): number {
    if (column.place.notNull && column.validity !== null) {
      this.#takeNulls(column, first + count);
    }
    let slice: Slice | null = null;
    let done = 0;
    while (done < count && !(done > 0 && slice?.isOver)) {
      try {
        done += column.measure(done === 0 ? sizes : sizes.subarray(done), first + done, count - done);
        break;
      } catch (error) {
        if (!(error instanceof BadValue)) {
          throw error;
        }
        slice ??= new Slice();
        this.#take(error);
        this.#makeNull(column, rowCount, error.row);
        done = error.row - first; // The rows before it are measured.
      }
    }
    return done;
  }

  /** Treats as bad values the NULLs of a column that the schema declares non-null. */
  #takeNulls(column: Column, end: number): void {
    const changed = this.#changed.get(column);
    const received = changed === undefined ? column.validity : changed.received;
    for (let row = this.#nullsTaken.get(column) ?? 0; received !== null && row < end; row++) {
      if (!received.isSet(row)) {
        this.#take(unexpectedNull(column.place, row));
      }
    }
    this.#nullsTaken.set(column, end);
  }

  #take(bad: BadValue): void {
    if (this.#policy === "fail") {
      throw bad;
    }
    if (this.#policy === "null") {
      this.#nulled.push(bad);
    } else if (!this.#rejected.has(bad.row)) {
      const { place, code, reason } = bad;
      this.#rejected.set(bad.row, { column: place.column, code, reason });
    }
  }

  #makeNull(column: Column, rowCount: number, row: number): void {
    let changed = this.#changed.get(column);
    if (changed === undefined) {
      const { validity: received } = column;
      const own = Bitmap.of(rowCount, (each) => received === null || received.isSet(each));
      changed = { received, own };
      this.#changed.set(column, changed);
      column.validity = own;
    }
    if (!changed.own.isSet(row)) {
      throw new Error(`${column.place.field} found a bad value in row ${row} although it is NULL`);
    }
    changed.own.clear(row);
  }
}
