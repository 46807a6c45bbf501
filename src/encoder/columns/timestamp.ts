import { TimeUnit } from "apache-arrow";
import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { type Column, type ElementType, measureFixed, NULL_FIELD } from "../column.ts";
import { type Place, valueError } from "../place.ts";
import type { Region } from "../region.ts";
import { int64Of } from "../words.ts";

/** Arrow Timestamp as timestamptz where the type names a zone (the value is an instant then), else as timestamp. */
export function timestamp(unit: TimeUnit, zoned: boolean): ElementType {
  return {
    name: zoned ? "timestamp with time zone" : "timestamp without time zone",
    oid: zoned ? 1184 : 1114,
    bind: (reader, rowCount, place) => new TimestampColumn(unit, zoned, reader, rowCount, place),
  };
}

const WORD = 2 ** 32;

/** PostgreSQL counts microseconds from 2000-01-01; these are the microseconds from 1970 to it. */
const EPOCH_HIGH = Math.floor(946_684_800_000_000 / WORD);
const EPOCH_LOW = 946_684_800_000_000 % WORD;

/** The first timestamp of PostgreSQL, 4714-11-24 BC, and the first beyond its last, 294277-01-01, in words. */
const FIRST_HIGH = Number(-211_813_488_000_000_000n >> 32n);
const FIRST_LOW = Number(BigInt.asUintN(32, -211_813_488_000_000_000n));
const BEYOND_HIGH = Number(9_223_371_331_200_000_000n >> 32n);
const BEYOND_LOW = Number(BigInt.asUintN(32, 9_223_371_331_200_000_000n));

/** Digits of a second's fraction. */
const FRACTION_DIGITS: Readonly<Record<TimeUnit, number>> = {
  [TimeUnit.SECOND]: 0,
  [TimeUnit.MILLISECOND]: 3,
  [TimeUnit.MICROSECOND]: 6,
  [TimeUnit.NANOSECOND]: 9,
};

class TimestampColumn implements Column {
  readonly place: Place;
  readonly validity: Bitmap | null;
  readonly #fractionDigits: number;
  readonly #zoned: boolean;
  readonly #words: Int32Array;

  constructor(unit: TimeUnit, zoned: boolean, reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.#fractionDigits = FRACTION_DIGITS[unit];
    this.#zoned = zoned;
    this.validity = reader.validity(reader.node(rowCount));
    this.#words = reader.words(2 * rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): void {
    measureFixed(8, this.validity, sizes, first, count);
  }

  /**
   * Computes with the high and the low 32 bits apart, each exact in a double: an
   * instant in microseconds exceeds 2^53. Nanoseconds are floored, so that
   * instants before 1970 do not move forward.
   */
  write({ view }: Region, cursor: Int32Array, first: number, count: number): void {
    const validity = this.validity;
    const words = this.#words;
    const multiplier = 10 ** Math.max(6 - this.#fractionDigits, 0);
    const divisor = 10 ** Math.max(this.#fractionDigits - 6, 0);
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      let high = words[2 * row + 1]!;
      let low = words[2 * row]! >>> 0;

      const quotient = Math.floor(high / divisor);
      low = Math.floor(((high - quotient * divisor) * WORD + low) / divisor);
      low *= multiplier;
      const carry = Math.floor(low / WORD);
      high = quotient * multiplier + carry - EPOCH_HIGH;
      low -= carry * WORD + EPOCH_LOW;
      if (low < 0) {
        low += WORD;
        high--;
      }

      if (
        high < FIRST_HIGH ||
        (high === FIRST_HIGH && low < FIRST_LOW) ||
        high > BEYOND_HIGH ||
        (high === BEYOND_HIGH && low >= BEYOND_LOW)
      ) {
        throw this.#outOfRange(row);
      }
      view.setInt32(at, 8);
      view.setInt32(at + 4, high);
      view.setUint32(at + 8, low);
      cursor[i] = at + 12;
    }
  }

  /** ISO 8601 with all digits of the unit. */
  json(row: number): string {
    const value = int64Of(this.#words, row);
    const perSecond = 10n ** BigInt(this.#fractionDigits);
    const fraction = ((value % perSecond) + perSecond) % perSecond;
    const date = new Date(Number((value - fraction) / perSecond) * 1000);
    if (Number.isNaN(date.getTime())) {
      throw this.#outOfRange(row);
    }
    const seconds = date.toISOString().slice(0, -".000Z".length);
    const digits =
      this.#fractionDigits === 0 ? "" : `.${String(fraction).padStart(this.#fractionDigits, "0")}`;
    return `"${seconds}${digits}${this.#zoned ? "Z" : ""}"`;
  }

  #outOfRange(row: number): Error {
    const value = `${int64Of(this.#words, row)} × 10^-${this.#fractionDigits} s after 1970-01-01`;
    return valueError(this.place, row, "the timestamp is outside the range of PostgreSQL", value);
  }
}
