import * as fc from "fast-check";
import { expect, test } from "vitest";

import { MAX_ROWS, ROWS_BYTES, RowDigests, SECOND_SEED } from "../../../src/encoder/row-digests.ts";
import { h64Raw } from "../../support/arrow/encode.ts";

const digests = new RowDigests();

/** Puts rows into the memory, one behind the other, and hashes them. */
function digestsOf(rows: readonly Uint8Array[], headBytes: number, counter: number, step: 0 | 1): bigint[][] {
  let end = 0;
  for (const [i, row] of rows.entries()) {
    digests.rows.bytes.set(row, end);
    end += row.length;
    digests.ends[i] = end;
  }
  digests.compute(rows.length, headBytes, counter, step);
  const hash = (at: number) =>
    (BigInt(digests.words[at + 1]! >>> 0) << 32n) | BigInt(digests.words[at]! >>> 0);
  return rows.map((_, i) => [hash(4 * i), hash(4 * i + 2)]);
}

/** The same by xxhash-wasm. */
function expectedOf(rows: readonly Uint8Array[], headBytes: number, counter: number, step: 0 | 1) {
  return rows.map((row, i) => {
    const seed = BigInt(counter) + BigInt(step * i);
    const content = row.subarray(headBytes);
    return [h64Raw(content, seed), h64Raw(content, BigInt.asUintN(64, SECOND_SEED + seed))];
  });
}

const head = 3;
const bytes = (maxLength: number) => fc.uint8Array({ minLength: head, maxLength });
const counter = fc.oneof(fc.constant(0), fc.maxSafeNat());
const step = fc.constantFrom(0, 1);

test("the digests of rows of any length are those of xxhash-wasm, for any counter", () => {
  const rows = fc.array(fc.oneof(bytes(12), bytes(70), bytes(700)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(rows, counter, step, (given, from, by) => {
      expect(digestsOf(given, head, from, by as 0 | 1)).toEqual(expectedOf(given, head, from, by as 0 | 1));
    }),
    { numRuns: 300 },
  );
});

test("each length up to some stripes ends right", () => {
  const rows = Array.from({ length: 140 }, (_, length) =>
    Uint8Array.from({ length: head + length }, (_, i) => (i * 151 + length) & 0xff),
  );
  expect(digestsOf(rows, head, 0, 0)).toEqual(expectedOf(rows, head, 0, 0));
});

test("there is room for as many rows as it says, and for one that fills it", () => {
  const rows = Array.from({ length: MAX_ROWS }, (_, i) => new Uint8Array(ROWS_BYTES / MAX_ROWS).fill(i));
  expect(digestsOf(rows, 0, 5, 1)).toEqual(expectedOf(rows, 0, 5, 1));
  const row = new Uint8Array(ROWS_BYTES).fill(7);
  expect(digestsOf([row], head, 0, 0)).toEqual(expectedOf([row], head, 0, 0));
});
