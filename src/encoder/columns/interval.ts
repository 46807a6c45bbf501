import type { ArrowUnit } from "../../arrow/type.ts";
import type { BatchReader } from "../batch-reader.ts";
import type { ScalarType } from "../column.ts";
import { FixedColumn } from "../fixed-column.ts";
import { BadValue, type Place } from "../place.ts";
import { Micros, secondsText } from "../units.ts";
import { int64Of } from "../words.ts";

/** Arrow Duration as interval, entirely in microseconds; nanoseconds are floored. */
export function duration(unit: ArrowUnit): ScalarType {
  return interval((reader, rowCount, place) => new DurationColumn(unit, reader, rowCount, place));
}

/** Arrow Interval(YearMonth) as interval. */
export const yearMonth: ScalarType = interval(
  (reader, rowCount, place) => new YearMonthColumn(reader, rowCount, place),
);

/** Arrow Interval(DayTime) as interval: days and milliseconds, nothing carried between them. */
export const dayTime: ScalarType = interval(
  (reader, rowCount, place) => new DayTimeColumn(reader, rowCount, place),
);

/** Arrow Interval(MonthDayNano) as interval, nothing carried between its three parts; nanoseconds are floored. */
export const monthDayNano: ScalarType = interval(
  (reader, rowCount, place) => new MonthDayNanoColumn(reader, rowCount, place),
);

function interval(bind: ScalarType["bind"]): ScalarType {
  return { name: "interval", oid: 1186, bind };
}

/** Microseconds, days, months, as PostgreSQL keeps them apart. */
abstract class IntervalColumn extends FixedColumn {
  protected readonly payloadBytes = 16;
  protected readonly words: Int32Array;

  constructor(wordsPerValue: number, reader: BatchReader, rowCount: number, place: Place) {
    super(reader, rowCount, place);
    this.words = reader.words(wordsPerValue * rowCount);
  }
}

function putInterval(view: DataView, at: number, high: number, low: number, days: number, months: number) {
  view.setInt32(at, high);
  view.setUint32(at + 4, low);
  view.setInt32(at + 8, days);
  view.setInt32(at + 12, months);
}

class DurationColumn extends IntervalColumn {
  readonly #unit: ArrowUnit;
  readonly #micros: Micros;

  constructor(unit: ArrowUnit, reader: BatchReader, rowCount: number, place: Place) {
    super(2, reader, rowCount, place);
    this.#unit = unit;
    this.#micros = new Micros(unit);
  }

  #load(row: number): Micros {
    this.#micros.set(this.words[2 * row]!, this.words[2 * row + 1]!);
    return this.#micros;
  }

  protected override check(row: number): void {
    if (!this.#load(row).fits) {
      const value = `${secondsText(int64Of(this.words, row), this.#unit)} s`;
      throw new BadValue(this.place, row, "the duration is outside the range of PostgreSQL", value);
    }
  }

  protected put(view: DataView, at: number, row: number): void {
    const { high, low } = this.#load(row);
    putInterval(view, at, high, low, 0, 0);
  }

  /** An ISO 8601 period with all digits of the unit. */
  json(row: number): string {
    this.check(row);
    return `"PT${secondsText(int64Of(this.words, row), this.#unit)}S"`;
  }
}

class YearMonthColumn extends IntervalColumn {
  constructor(reader: BatchReader, rowCount: number, place: Place) {
    super(1, reader, rowCount, place);
  }

  protected put(view: DataView, at: number, row: number): void {
    putInterval(view, at, 0, 0, 0, this.words[row]!);
  }

  json(row: number): string {
    return `"P${this.words[row]}M"`;
  }
}

class DayTimeColumn extends IntervalColumn {
  readonly #micros = new Micros("ms");

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    super(2, reader, rowCount, place);
  }

  protected put(view: DataView, at: number, row: number): void {
    const ms = this.words[2 * row + 1]!;
    this.#micros.set(ms, ms < 0 ? -1 : 0);
    putInterval(view, at, this.#micros.high, this.#micros.low, this.words[2 * row]!, 0);
  }

  json(row: number): string {
    const ms = BigInt(this.words[2 * row + 1]!);
    return `"P${this.words[2 * row]}DT${secondsText(ms, "ms")}S"`;
  }
}

class MonthDayNanoColumn extends IntervalColumn {
  readonly #micros = new Micros("ns");

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    super(4, reader, rowCount, place);
  }

  protected put(view: DataView, at: number, row: number): void {
    const words = this.words;
    this.#micros.set(words[4 * row + 2]!, words[4 * row + 3]!);
    putInterval(view, at, this.#micros.high, this.#micros.low, words[4 * row + 1]!, words[4 * row]!);
  }

  json(row: number): string {
    const words = this.words;
    const ns = int64Of(words, 2 * row + 1);
    return `"P${words[4 * row]}M${words[4 * row + 1]}DT${secondsText(ns, "ns")}S"`;
  }
}
