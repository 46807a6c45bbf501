/** A 256-bit value times 1000 has 81 decimal digits: 21 groups of four. */
const MAX_GROUPS = 21;
const WORD = 2 ** 32;

/** Number of digits, weight, sign, scale. */
const HEADER_BYTES = 8;

/** Below this high word, a double holds a value of two words exactly. */
const EXACT_HIGH = 2 ** 21;

/** The words of 10^16, which a double does not hold exactly. */
const SIXTEEN_DIGITS_HIGH = 0x23_86f2;
const SIXTEEN_DIGITS_LOW = 0x6fc1_0000;

/**
 * The base-10000 digits of an unsigned integer, as in PostgreSQL's numeric. Divides
 * doubles, which below 2^53 never round up to the next integer. Holds one value at
 * a time.
 */
export class NumericDigits {
  /** The lowest group first; groups are written in pairs, so the top one may be zero. */
  readonly #groups = new Uint16Array(MAX_GROUPS + 1);
  #top = 0;
  #bottom = 0;

  /**
   * The bytes of the payload of a value of two words, each 0 … 2^32 - 1. Most values
   * need no digits for that: 10000 = 16 × 625, so a value that is not a multiple of
   * 16 does not end in a zero group, and its magnitude gives the number of groups.
   */
  pairBytes(low: number, high: number): number {
    if ((low & 15) === 0) {
      this.setPair(low, high);
      return this.payloadBytes;
    }
    if (high === 0) {
      return HEADER_BYTES + (low < 10_000 ? 2 : low < 100_000_000 ? 4 : 6);
    }
    if (high < EXACT_HIGH) {
      return HEADER_BYTES + (high * WORD + low < 1e12 ? 6 : 8);
    }
    const isLong = high > SIXTEEN_DIGITS_HIGH || (high === SIXTEEN_DIGITS_HIGH && low >= SIXTEEN_DIGITS_LOW);
    return HEADER_BYTES + (isLong ? 10 : 8);
  }

  /** Takes a value of two words, each 0 … 2^32 - 1. */
  setPair(low: number, high: number): void {
    this.#setPair(low, high, 0);
  }

  /** Takes a value of `length` ≥ 2 words, the lowest first, and destroys the words. */
  setWords(words: Float64Array, length: number): void {
    let top = 0;
    let used = length;
    for (;;) {
      while (used > 2 && words[used - 1] === 0) {
        used--;
      }
      if (used === 2) {
        break;
      }
      let rest = 0;
      for (let i = used - 1; i >= 0; i--) {
        const dividend = rest * WORD + words[i]!;
        const quotient = Math.floor(dividend / 10000);
        words[i] = quotient;
        rest = dividend - quotient * 10000;
      }
      this.#groups[top++] = rest;
    }
    this.#setPair(words[0]!, words[1]!, top);
  }

  /** Bytes of the payload that `write` writes. */
  get payloadBytes(): number {
    return HEADER_BYTES + 2 * (this.#top - this.#bottom);
  }

  /**
   * Writes the payload of a numeric: digit groups without leading and trailing zero
   * groups. The lowest `fraction` groups of the value come after the decimal point; a
   * negative number means zero groups before the point.
   */
  write(view: DataView, at: number, negative: boolean, fraction: number, scale: number): void {
    const groups = this.#groups;
    const bottom = this.#bottom;
    const count = this.#top - bottom;
    const weight = count === 0 ? 0 : this.#top - 1 - fraction;
    view.setInt32(at, (count << 16) | (weight & 0xffff));
    view.setInt32(at + 4, (negative ? 0x4000_0000 : 0) | scale);
    let next = at + HEADER_BYTES;
    for (let i = this.#top - 1; i >= bottom; i--) {
      view.setInt16(next, groups[i]!);
      next += 2;
    }
  }

  #setPair(low: number, high: number, from: number): void {
    const groups = this.#groups;
    let top = from;
    let value: number;
    if (high < EXACT_HIGH) {
      value = high * WORD + low;
    } else {
      const upper = Math.floor(high / 10000);
      const dividend = (high - upper * 10000) * WORD + low;
      const lower = Math.floor(dividend / 10000);
      groups[top++] = dividend - lower * 10000;
      value = upper * WORD + lower;
    }
    // Eight digits at a time: 2^53 / 10^8 fits 31 bits, and the shifts tell the compiler so.
    while (value >= 100_000_000) {
      const quotient = Math.floor(value / 100_000_000);
      const rest = (value - quotient * 100_000_000) >>> 0;
      const upper = (rest / 10000) >>> 0;
      groups[top] = rest - upper * 10000;
      groups[top + 1] = upper;
      top += 2;
      value = quotient;
    }
    const rest = value >>> 0;
    const upper = (rest / 10000) >>> 0;
    groups[top] = rest - upper * 10000;
    groups[top + 1] = upper;
    top += 2;

    while (top > 0 && groups[top - 1] === 0) {
      top--;
    }
    let bottom = 0;
    while (bottom < top && groups[bottom] === 0) {
      bottom++;
    }
    this.#top = top;
    this.#bottom = bottom;
  }
}
