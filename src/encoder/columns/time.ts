import type { ArrowUnit } from "../../arrow/type.ts";
import type { BatchReader } from "../batch-reader.ts";
import { isoTime } from "../calendar.ts";
import type { ScalarType } from "../column.ts";
import { FixedColumn } from "../fixed-column.ts";
import { BadValue, type Place } from "../place.ts";
import { FRACTION_DIGITS } from "../units.ts";
import { int64Of } from "../words.ts";

/** Arrow Time32 (s, ms) and Time64 (µs, ns) as time; nanoseconds are floored. */
export function time(unit: ArrowUnit): ScalarType {
  return {
    name: "time without time zone",
    oid: 1083,
    bind: (reader, rowCount, place) => new TimeColumn(unit, reader, rowCount, place),
  };
}

const WORD = 2 ** 32;
const SECONDS_PER_DAY = 86_400;

class TimeColumn extends FixedColumn {
  protected readonly payloadBytes = 8;
  readonly #digits: number;
  /** Words of a value: one for s and ms, two for µs and ns. */
  readonly #length: number;
  readonly #words: Int32Array;

  constructor(unit: ArrowUnit, reader: BatchReader, rowCount: number, place: Place) {
    super(reader, rowCount, place);
    this.#digits = FRACTION_DIGITS[unit];
    this.#length = this.#digits <= 3 ? 1 : 2;
    this.#words = reader.words(this.#length * rowCount);
  }

  /** Times of day are below 2^53 in every unit, hence exact; a number that is rounded is far out of range. */
  #count(row: number): number {
    return this.#length === 1
      ? this.#words[row]!
      : this.#words[2 * row + 1]! * WORD + (this.#words[2 * row]! >>> 0);
  }

  protected override check(row: number): void {
    const count = this.#count(row);
    // The floored fraction of a microsecond may come after 24:00:00.
    const beyond = (SECONDS_PER_DAY * 10 ** 6 + 1) * 10 ** (this.#digits - 6);
    if (count < 0 || count >= beyond) {
      const value = this.#length === 1 ? count : int64Of(this.#words, row);
      const problem = "the time is outside 00:00:00 to 24:00:00";
      throw new BadValue(this.place, row, problem, `${value} × 10^-${this.#digits} s`);
    }
  }

  protected put(view: DataView, at: number, row: number): void {
    const count = this.#count(row);
    const micros =
      this.#digits > 6 ? Math.floor(count / 10 ** (this.#digits - 6)) : count * 10 ** (6 - this.#digits);
    view.setInt32(at, Math.floor(micros / WORD));
    view.setUint32(at + 4, micros % WORD);
  }

  /** ISO 8601 with all digits of the unit. */
  json(row: number): string {
    this.check(row);
    const count = this.#count(row);
    const perSecond = 10 ** this.#digits;
    const seconds = Math.floor(count / perSecond);
    const fraction = String(count - seconds * perSecond).padStart(this.#digits, "0");
    return `"${isoTime(seconds)}${this.#digits === 0 ? "" : `.${fraction}`}"`;
  }
}
