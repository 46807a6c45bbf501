import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { NumericDigits } from "../../../src/encoder/numeric-digits.ts";

const WORD = 2n ** 32n;
const digits = new NumericDigits();

/** The groups that a payload holds, highest first, and its weight. */
function written(): { readonly weight: number; readonly groups: readonly number[] } {
  const bytes = new Uint8Array(digits.payloadBytes);
  const view = new DataView(bytes.buffer);
  digits.write(view, 0, false, 0, 0);
  expect(view.getInt32(4)).toBe(0);
  const groups = Array.from({ length: view.getInt16(0) }, (_, i) => view.getInt16(8 + 2 * i));
  expect(bytes.length).toBe(8 + 2 * groups.length);
  return { weight: view.getInt16(2), groups };
}

function expected(value: bigint): { readonly weight: number; readonly groups: readonly number[] } {
  const groups: number[] = [];
  for (let rest = value; rest > 0n; rest /= 10_000n) {
    groups.unshift(Number(rest % 10_000n));
  }
  const weight = Math.max(groups.length - 1, 0);
  while (groups.at(-1) === 0) {
    groups.pop();
  }
  return { weight, groups };
}

function checkPair(value: bigint): void {
  const low = Number(value % WORD);
  const high = Number(value / WORD);
  const bytes = digits.pairBytes(low, high);
  digits.setPair(low, high);
  expect({ value, ...written() }).toEqual({ value, ...expected(value) });
  expect({ value, bytes }).toEqual({ value, bytes: digits.payloadBytes });
}

/** Every power of two and of ten, and what stands beside them. */
const corners = (bits: bigint): readonly bigint[] =>
  [2n, 10n]
    .flatMap((base) => Array.from({ length: 100 }, (_, exponent) => base ** BigInt(exponent)))
    .flatMap((power) => Array.from({ length: 65 }, (_, i) => power + BigInt(i) - 32n))
    .concat(0n, 2n ** bits - 1n)
    .filter((value) => value >= 0n && value < 2n ** bits);

describe("values of two words", () => {
  test("around every power of two and of ten", () => {
    corners(64n).forEach(checkPair);
  });

  test("of any size, multiples of ten to any power, and the values before them", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.nat(64),
        fc.nat(19),
        (value, bits, zeros) => {
          const smaller = value >> BigInt(bits);
          checkPair(smaller);
          const multiple = (smaller / 10n ** BigInt(zeros)) * 10n ** BigInt(zeros);
          checkPair(multiple);
          checkPair(multiple === 0n ? 0n : multiple - 1n);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

test("values of nine words around every power of two and of ten", () => {
  for (const value of corners(269n)) {
    const words = Float64Array.from({ length: 9 }, (_, i) => Number((value >> BigInt(32 * i)) % WORD));
    digits.setWords(words, 9);
    expect({ value, ...written() }).toEqual({ value, ...expected(value) });
  }
});
