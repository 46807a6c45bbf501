import type { ArrowUnit } from "../../arrow/type.ts";
import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { isoDate, isoTime } from "../calendar.ts";
import { measureFixed, NULL_FIELD, type ScalarColumn, type ScalarType } from "../column.ts";
import { BadValue, type Place } from "../place.ts";
import type { Region } from "../region.ts";
import { FRACTION_DIGITS, Micros } from "../units.ts";
import { int64Of } from "../words.ts";

/** Arrow Timestamp as timestamptz if the type names a zone (then the value is an instant), otherwise as timestamp. */
export function timestamp(unit: ArrowUnit, zoned: boolean): ScalarType {
  return {
    name: zoned ? "timestamp with time zone" : "timestamp without time zone",
    oid: zoned ? 1184 : 1114,
    bind: (reader, rowCount, place) => new TimestampColumn(unit, zoned, reader, rowCount, place),
  };
}

const WORD = 2 ** 32;

/** PostgreSQL counts microseconds from 2000-01-01: the microseconds from 1970 to then. */
const EPOCH = 946_684_800_000_000n;
const EPOCH_HIGH = Number(EPOCH >> 32n);
const EPOCH_LOW = Number(BigInt.asUintN(32, EPOCH));

/** In microseconds from 1970: PostgreSQL's first timestamp, 4714-11-24 BC, and the first one after its last, 294277-01-01. */
const FIRST = -211_813_488_000_000_000n + EPOCH;
const FIRST_HIGH = Number(FIRST >> 32n);
const FIRST_LOW = Number(BigInt.asUintN(32, FIRST));
const BEYOND = 9_223_371_331_200_000_000n + EPOCH; // Beyond 64 bits, where Micros still computes correctly.
const BEYOND_HIGH = Number(BEYOND >> 32n);
const BEYOND_LOW = Number(BigInt.asUintN(32, BEYOND));

const SECONDS_PER_DAY = 86_400n;

class TimestampColumn implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #unit: ArrowUnit;
  readonly #zoned: boolean;
  readonly #words: Int32Array;
  readonly #micros: Micros;

  constructor(unit: ArrowUnit, zoned: boolean, reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.#unit = unit;
    this.#zoned = zoned;
    this.#micros = new Micros(unit);
    this.validity = reader.validity(reader.node(rowCount));
    this.#words = reader.words(2 * rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    const validity = this.validity;
    if (this.#unit === "ns") {
      return measureFixed(8, validity, sizes, first, count); // 64 bits of nanoseconds are always in range.
    }
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      this.#check(row);
      sizes[i]! += 12;
    }
    return count;
  }

  write({ view }: Region, cursor: Int32Array, first: number, count: number): void {
    const validity = this.validity;
    const words = this.#words;
    const micros = this.#micros;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      micros.set(words[2 * row]!, words[2 * row + 1]!);
      let high = micros.high - EPOCH_HIGH;
      let low = micros.low - EPOCH_LOW;
      if (low < 0) {
        low += WORD;
        high--;
      }
      view.setInt32(at, 8);
      view.setInt32(at + 4, high);
      view.setUint32(at + 8, low);
      cursor[i] = at + 12;
    }
  }

  /** ISO 8601 with all digits of the unit. */
  json(row: number): string {
    this.#check(row);
    const value = int64Of(this.#words, row);
    const digits = FRACTION_DIGITS[this.#unit];
    const perSecond = 10n ** BigInt(digits);
    const fraction = ((value % perSecond) + perSecond) % perSecond;
    const seconds = (value - fraction) / perSecond;
    const ofDay = ((seconds % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY;
    const date = isoDate(Number((seconds - ofDay) / SECONDS_PER_DAY)); // In range, so exact.
    const decimals = digits === 0 ? "" : `.${String(fraction).padStart(digits, "0")}`;
    return `"${date}T${isoTime(Number(ofDay))}${decimals}${this.#zoned ? "Z" : ""}"`;
  }

  #check(row: number): void {
    const micros = this.#micros;
    micros.set(this.#words[2 * row]!, this.#words[2 * row + 1]!);
    const { high, low } = micros;
    if (
      high < FIRST_HIGH ||
      (high === FIRST_HIGH && low < FIRST_LOW) ||
      high > BEYOND_HIGH ||
      (high === BEYOND_HIGH && low >= BEYOND_LOW)
    ) {
      const value = `${int64Of(this.#words, row)} × 10^-${FRACTION_DIGITS[this.#unit]} s after 1970-01-01`;
      throw new BadValue(this.place, row, "the timestamp is outside the range of PostgreSQL", value);
    }
  }
}
