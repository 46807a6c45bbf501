import { expect, test } from "vitest";

import type { BlockHash } from "../../src/protocol/block-range.ts";
import { cursorOf } from "../../src/protocol/cursor.ts";

const hash: BlockHash = `0x${"ea".repeat(32)}`;

test("the cursor names the last block of the watermark and its hash, by network", () => {
  const watermark = { start: 15000000n, end: 15000004n, hash, prevHash: null };
  expect(cursorOf(watermark, "mainnet")).toBe(`{"mainnet":{"number":15000004,"hash":"${hash}"}}`);
});

test("a number beyond 2^53 keeps all its digits", () => {
  const watermark = { start: 0n, end: 9007199254740993n, hash, prevHash: null };
  expect(cursorOf(watermark, "mainnet")).toContain('"number":9007199254740993,');
});

test("a network with a quote in its name stays one JSON text", () => {
  const watermark = { start: 0n, end: 1n, hash, prevHash: null };
  expect(JSON.parse(cursorOf(watermark, 'a"b'))).toEqual({ 'a"b': { number: 1, hash } });
});
