import type { ArrowUnit } from "../arrow/type.ts";

/** The digits of a fraction of a second. */
export const FRACTION_DIGITS: Readonly<Record<ArrowUnit, number>> = { s: 0, ms: 3, µs: 6, ns: 9 };

const WORD = 2 ** 32;

/**
 * Converts 64-bit counts of a unit to microseconds; nanoseconds are floored. It
 * computes with the high and the low 32 bits separately, each exact in a double,
 * because the counts exceed 2^53. Holds one value at a time.
 */
export class Micros {
  /** Signed; beyond 32 bits if the microseconds do not fit 64 bits. */
  high = 0;
  /** 0 … 2^32 - 1. */
  low = 0;
  readonly #multiplier: number;
  readonly #divisor: number;

  constructor(unit: ArrowUnit) {
    this.#multiplier = 10 ** Math.max(6 - FRACTION_DIGITS[unit], 0);
    this.#divisor = 10 ** Math.max(FRACTION_DIGITS[unit] - 6, 0);
  }

  set(low: number, high: number): void {
    const divisor = this.#divisor;
    const quotient = Math.floor(high / divisor);
    const product =
      Math.floor(((high - quotient * divisor) * WORD + (low >>> 0)) / divisor) * this.#multiplier;
    const carry = Math.floor(product / WORD);
    this.high = quotient * this.#multiplier + carry;
    this.low = product - carry * WORD;
  }

  get fits(): boolean {
    return this.high >= -(2 ** 31) && this.high < 2 ** 31;
  }
}

/** A count of a unit as seconds with all digits of the unit. */
export function secondsText(count: bigint, unit: ArrowUnit): string {
  const digits = FRACTION_DIGITS[unit];
  const sign = count < 0n ? "-" : "";
  const text = String(count < 0n ? -count : count).padStart(digits + 1, "0");
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
