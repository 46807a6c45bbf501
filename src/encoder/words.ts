/** The signed value of words 2·row and 2·row + 1. */
export function int64Of(words: Int32Array, row: number): bigint {
  return (BigInt(words[2 * row + 1]!) << 32n) | BigInt(words[2 * row]! >>> 0);
}

/** The unsigned value of words 2·row and 2·row + 1. */
export function uint64Of(words: Int32Array, row: number): bigint {
  return BigInt.asUintN(64, int64Of(words, row));
}

/** The signed value of `length` words from word `length`·row on, the lowest first. */
export function integerOf(words: Int32Array, row: number, length: number): bigint {
  let value = BigInt(words[length * row + length - 1]!);
  for (let i = length - 2; i >= 0; i--) {
    value = (value << 32n) | BigInt(words[length * row + i]! >>> 0);
  }
  return value;
}
