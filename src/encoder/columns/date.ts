import type { BatchReader } from "../batch-reader.ts";
import { isoDate } from "../calendar.ts";
import type { ScalarType } from "../column.ts";
import { FixedColumn } from "../fixed-column.ts";
import { BadValue, type Place } from "../place.ts";
import { int64Of } from "../words.ts";

/** Arrow Date32 as date. */
export const date32: ScalarType = {
  name: "date",
  oid: 1082,
  bind: (reader, rowCount, place) => new Date32Column(reader, rowCount, place),
};

/** Arrow Date64 as date; a value that is not midnight is a bad value. */
export const date64: ScalarType = {
  name: "date",
  oid: 1082,
  bind: (reader, rowCount, place) => new Date64Column(reader, rowCount, place),
};

/** PostgreSQL counts days from 2000-01-01: the days from 1970 to then. */
const EPOCH = 10_957;

/** In PostgreSQL's days: 4714-11-24 BC and 5874897-12-31. Beyond them, the ends of int32 would mean infinity. */
const FIRST = -2_451_545;
const LAST = 2_145_031_948;

const WORD = 2 ** 32;

/** A day has 1000 × 86,400 ms: two divisors small enough for exact remainders in doubles. */
const MS_PER_SECOND = 1000;
const SECONDS_PER_DAY = 86_400;

abstract class DateColumn extends FixedColumn {
  protected readonly payloadBytes = 4;

  /** Days from 1970-01-01. */
  protected abstract days(row: number): number;

  protected abstract received(row: number): string;

  protected override check(row: number): void {
    const days = this.days(row) - EPOCH;
    if (days < FIRST || days > LAST) {
      throw new BadValue(this.place, row, "the date is outside the range of PostgreSQL", this.received(row));
    }
  }

  protected put(view: DataView, at: number, row: number): void {
    view.setInt32(at, this.days(row) - EPOCH);
  }

  json(row: number): string {
    this.check(row);
    return `"${isoDate(this.days(row))}"`;
  }
}

class Date32Column extends DateColumn {
  readonly #days: Int32Array;

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    super(reader, rowCount, place);
    this.#days = reader.words(rowCount);
  }

  protected days(row: number): number {
    return this.#days[row]!;
  }

  protected received(row: number): string {
    return `${this.#days[row]} days after 1970-01-01`;
  }
}

class Date64Column extends DateColumn {
  readonly #words: Int32Array;

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    super(reader, rowCount, place);
    this.#words = reader.words(2 * rowCount);
  }

  protected days(row: number): number {
    const high = this.#words[2 * row + 1]!;
    const low = this.#words[2 * row]! >>> 0;

    const secondsHigh = Math.floor(high / MS_PER_SECOND);
    let dividend = (high - secondsHigh * MS_PER_SECOND) * WORD + low;
    const secondsLow = Math.floor(dividend / MS_PER_SECOND);
    const ms = dividend - secondsLow * MS_PER_SECOND;

    const daysHigh = Math.floor(secondsHigh / SECONDS_PER_DAY);
    dividend = (secondsHigh - daysHigh * SECONDS_PER_DAY) * WORD + secondsLow;
    const daysLow = Math.floor(dividend / SECONDS_PER_DAY);
    const seconds = dividend - daysLow * SECONDS_PER_DAY;

    if (ms !== 0 || seconds !== 0) {
      throw new BadValue(this.place, row, "the date is not midnight", this.received(row));
    }
    return daysHigh * WORD + daysLow;
  }

  protected received(row: number): string {
    return `${int64Of(this.#words, row)} ms after 1970-01-01`;
  }
}
