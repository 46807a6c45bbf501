/** The signed value of words 2·row and 2·row + 1. */
export function int64Of(words: Int32Array, row: number): bigint {
  return (BigInt(words[2 * row + 1]!) << 32n) | BigInt(words[2 * row]! >>> 0);
}

/** The unsigned value of words 2·row and 2·row + 1. */
export function uint64Of(words: Int32Array, row: number): bigint {
  return BigInt.asUintN(64, int64Of(words, row));
}

/** The signed value of words 4·row … 4·row + 3. */
export function int128Of(words: Int32Array, row: number): bigint {
  return (int64Of(words, 2 * row + 1) << 64n) | uint64Of(words, 2 * row);
}
