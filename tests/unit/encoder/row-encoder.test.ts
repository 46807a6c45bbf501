import * as arrow from "apache-arrow";
import { expect, test } from "vitest";

import { planTable } from "../../../src/encoder/plan.ts";
import { RowEncoder } from "../../../src/encoder/row-encoder.ts";
import { buildBatch } from "../../support/arrow/arrow.ts";
import { encodeBatch, h64Raw } from "../../support/arrow/encode.ts";
import { MemorySink, parseRows } from "../../support/arrow/memory-sink.ts";

function regionsOf(lengths: readonly number[]): Uint8Array[] {
  const values = lengths.map((length) => "x".repeat(length));
  const { schema, batch } = buildBatch([{ name: "c", type: new arrow.Utf8(), values }]);
  const encoder = new RowEncoder(planTable("t", schema), h64Raw);
  const sink = new MemorySink();
  encoder.beginMicrobatch({ start: 0n, end: 0n });
  expect(encodeBatch(encoder, batch, sink)).toBe(lengths.length);
  expect(parseRows(sink.bytes()).map((row) => row[3]!.length / 2)).toEqual(lengths);
  return sink.regions;
}

test("regions hold whole rows and at most 512 KiB", () => {
  const regions = regionsOf(Array(3000).fill(500));
  expect(regions.length).toBeGreaterThan(2);
  for (const region of regions) {
    expect(region.length).toBeLessThanOrEqual(512 * 1024);
    expect(parseRows(region).length).toBeGreaterThan(0);
  }
});

test("a row of more than 512 KiB has a region of its own", () => {
  const regions = regionsOf([10, 600 * 1024, 10, 20]);
  expect(regions.map((region) => parseRows(region).length)).toEqual([1, 1, 2]);
});
