/** A 256-bit value times 1000 has 81 decimal digits: 21 groups of four. */
const MAX_GROUPS = 21;
const WORD = 2 ** 32;

/**
 * The base-10000 digits of an unsigned integer, as PostgreSQL's numeric keeps
 * them. Divides 32-bit words by doubles, which is exact: no intermediate value
 * exceeds 10000 × 2^32. Holds one value at a time.
 */
export class NumericDigits {
  /** The lowest group first. */
  readonly #groups = new Uint16Array(MAX_GROUPS);
  #top = 0;
  #bottom = 0;

  /** Takes a value of two words, each 0 … 2^32 - 1. */
  setPair(low: number, high: number): void {
    this.#setPair(low, high, 0);
  }

  /** Takes a value of `length` ≥ 2 words, the lowest first, and leaves them in ruins. */
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

  /** Digit groups to be sent: leading and trailing zero groups are left out. */
  get count(): number {
    return this.#top - this.#bottom;
  }

  /** Bytes of the payload that `write` writes. */
  get payloadBytes(): number {
    return 8 + 2 * this.count;
  }

  /**
   * Writes the payload of a numeric. The lowest `fraction` groups of the value
   * stand behind the decimal point; a negative number means zero groups before it.
   */
  write(view: DataView, at: number, negative: boolean, fraction: number, scale: number): void {
    const groups = this.#groups;
    const count = this.count;
    view.setInt16(at, count);
    view.setInt16(at + 2, count === 0 ? 0 : this.#top - 1 - fraction);
    view.setUint16(at + 4, negative ? 0x4000 : 0);
    view.setInt16(at + 6, scale);
    let next = at + 8;
    for (let i = this.#top - 1; i >= this.#bottom; i--) {
      view.setInt16(next, groups[i]!);
      next += 2;
    }
  }

  #setPair(low: number, high: number, from: number): void {
    const groups = this.#groups;
    let top = from;
    let upper = high;
    let lower = low;
    while (upper !== 0) {
      const quotient = Math.floor(upper / 10000);
      const dividend = (upper - quotient * 10000) * WORD + lower;
      upper = quotient;
      lower = Math.floor(dividend / 10000);
      groups[top++] = dividend - lower * 10000;
    }
    lower >>>= 0; // Below 2^32 by now; the shifts tell the compiler so.
    while (lower !== 0) {
      const quotient = (lower / 10000) >>> 0;
      groups[top++] = lower - quotient * 10000;
      lower = quotient;
    }
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
