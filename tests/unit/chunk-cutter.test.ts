import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ChunkCutter, rowsIn } from "../../src/snapshot/chunk-cutter.ts";

const LIMIT = 20;

function cut(pieces: readonly Buffer[]): Buffer[] {
  const cutter = new ChunkCutter(LIMIT);
  return [...pieces.flatMap((piece) => [...cutter.add(piece)]), ...cutter.rest()].map((chunk) =>
    Buffer.from(chunk),
  );
}

describe("text of COPY is cut", () => {
  test("at ends of rows, into chunks of at most the limit, but for one row, wherever pieces end", () => {
    const rows = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 30 });
    const places = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(rows, places, (lengths, sizes) => {
        const text = Buffer.from(lengths.map((length, n) => `${String(n % 10).repeat(length)}\n`).join(""));
        const pieces: Buffer[] = [];
        for (let at = 0, n = 0; at < text.length; at += sizes[n++ % sizes.length]!) {
          pieces.push(text.subarray(at, at + sizes[n % sizes.length]!));
        }
        const chunks = cut(pieces);
        expect(Buffer.concat(chunks).toString()).toBe(text.toString());
        expect(chunks.reduce((sum, chunk) => sum + rowsIn(chunk), 0)).toBe(lengths.length);
        for (const chunk of chunks) {
          expect(chunk.at(-1)).toBe(10);
          expect(chunk.length <= LIMIT || rowsIn(chunk) === 1).toBe(true);
        }
      }),
    );
  });

  test("into none where there is none", () => {
    expect(cut([])).toEqual([]);
    expect(cut([Buffer.alloc(0)])).toEqual([]);
  });
});
