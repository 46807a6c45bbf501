import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { NULL_FIELD, type ScalarColumn, type ScalarType } from "../column.ts";
import { NumericDigits } from "../numeric-digits.ts";
import { BadValue, type Place } from "../place.ts";
import type { Region } from "../region.ts";
import { integerOf } from "../words.ts";

/** PostgreSQL declares numerics of up to 1000 digits. */
const MAX_NUMERIC_PRECISION = 1000;

/** The most digits with which every value fits into a type's bits. */
const MAX_PRECISION = { 32: 9, 64: 18, 128: 38, 256: 76 } as const;

type Bits = keyof typeof MAX_PRECISION;

/**
 * Arrow Decimal(precision, scale) of any width as a numeric with room for all its
 * values; null if there is none. A negative scale means trailing zeros, a scale
 * above the precision leading ones: the SQL standard knows neither.
 */
export function decimal(bits: Bits, precision: number, scale: number): ScalarType | null {
  const digits = Math.max(precision, scale, precision - scale);
  if (precision < 1 || precision > MAX_PRECISION[bits] || digits > MAX_NUMERIC_PRECISION) {
    return null;
  }
  return {
    name: `numeric(${digits},${Math.max(scale, 0)})`,
    oid: 1700,
    bind: (reader, rowCount, place) => new DecimalColumn(bits, precision, scale, reader, rowCount, place),
  };
}

const WORD = 2 ** 32;

/** From this precision on, no value below 2^64 has too many digits. */
const MIN_PAIR_PRECISION = 20;

class DecimalColumn implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;
  /** 32-bit words of a value. */
  readonly #length: number;
  readonly #precision: number;
  readonly #scale: number;
  /** The factor that moves the decimal point between two groups of four digits. */
  readonly #factor: number;
  /** Groups after the point; negative for zero groups before it. */
  readonly #fraction: number;
  /** 10^precision, lowest word first: the lowest magnitude with a digit too many. */
  readonly #limit: readonly number[];
  readonly #words: Int32Array;
  /** True if every value below 2^64 fits without scaling, as most amounts of wei do. */
  readonly #hasPairs: boolean;
  readonly #digits = new NumericDigits();
  /** The magnitude times the factor, which may take one more word; at least the two words that the digits need. */
  readonly #magnitude: Float64Array;

  constructor(
    bits: Bits,
    precision: number,
    scale: number,
    reader: BatchReader,
    rowCount: number,
    place: Place,
  ) {
    this.place = place;
    const length = bits / 32;
    this.#length = length;
    this.#precision = precision;
    this.#magnitude = new Float64Array(length + 1);
    this.#scale = scale;
    this.#fraction = Math.ceil(scale / 4);
    this.#factor = 10 ** (4 * this.#fraction - scale);
    this.#hasPairs = this.#factor === 1 && precision >= MIN_PAIR_PRECISION;
    const limit = 10n ** BigInt(precision);
    this.#limit = Array.from({ length }, (_, i) => Number(BigInt.asUintN(32, limit >> BigInt(32 * i))));
    this.validity = reader.validity(reader.node(rowCount));
    this.#words = reader.words(length * rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    const validity = this.validity;
    const digits = this.#digits;
    const words = this.#words;
    const length = this.#length;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
      } else if (this.#isPair(row)) {
        sizes[i]! += 4 + digits.pairBytes(words[length * row]! >>> 0, words[length * row + 1]! >>> 0);
      } else {
        this.#load(row);
        sizes[i]! += 4 + digits.payloadBytes;
      }
    }
    return count;
  }

  write({ view }: Region, cursor: Int32Array, first: number, count: number): void {
    const validity = this.validity;
    const digits = this.#digits;
    const fraction = this.#fraction;
    const displayed = Math.max(this.#scale, 0);
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      if (validity !== null && !validity.isSet(first + i)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      const negative = this.#load(first + i);
      const length = digits.payloadBytes;
      view.setInt32(at, length);
      digits.write(view, at + 4, negative, fraction, displayed);
      cursor[i] = at + 4 + length;
    }
  }

  /** A string, because JSON readers round numbers of more than 15 digits. */
  json(row: number): string {
    const negative = this.#load(row);
    const value = integerOf(this.#words, row, this.#length);
    const unscaled = String(negative ? -value : value);
    const sign = negative ? "-" : "";
    const scale = this.#scale;
    if (scale <= 0) {
      return `"${sign}${value === 0n ? "0" : unscaled.padEnd(unscaled.length - scale, "0")}"`;
    }
    const padded = unscaled.padStart(scale + 1, "0");
    return `"${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}"`;
  }

  /** Sets the digits to the magnitude of a value; returns whether the value is negative. */
  #load(row: number): boolean {
    const words = this.#words;
    const magnitude = this.#magnitude;
    const length = this.#length;
    if (this.#isPair(row)) {
      this.#digits.setPair(words[length * row]! >>> 0, words[length * row + 1]! >>> 0);
      return false;
    }
    const negative = words[length * row + length - 1]! < 0;

    // The magnitude of a negative number is its complement plus one.
    let carry = negative ? 1 : 0;
    const flip = negative ? -1 : 0;
    for (let i = 0; i < length; i++) {
      const sum = ((words[length * row + i]! ^ flip) >>> 0) + carry;
      carry = sum === WORD ? 1 : 0;
      magnitude[i] = sum - carry * WORD;
    }
    this.#checkPrecision(row);

    const factor = this.#factor;
    carry = 0;
    for (let i = 0; i < length; i++) {
      const product = magnitude[i]! * factor + carry;
      carry = Math.floor(product / WORD);
      magnitude[i] = product - carry * WORD;
    }
    magnitude[length] = carry;
    this.#digits.setWords(magnitude, length + 1);
    return negative;
  }

  #isPair(row: number): boolean {
    const words = this.#words;
    const begin = this.#length * row;
    for (let i = this.#length - 1; i >= 2; i--) {
      if (words[begin + i] !== 0) {
        return false;
      }
    }
    return this.#hasPairs;
  }

  #checkPrecision(row: number): void {
    const magnitude = this.#magnitude;
    const limit = this.#limit;
    let i = limit.length - 1;
    while (i > 0 && magnitude[i] === limit[i]) {
      i--;
    }
    if (magnitude[i]! >= limit[i]!) {
      throw new BadValue(
        this.place,
        row,
        `the decimal has more than the ${this.#precision} digits of its type`,
        `${integerOf(this.#words, row, this.#length)} × 10^${-this.#scale}`,
      );
    }
  }
}
