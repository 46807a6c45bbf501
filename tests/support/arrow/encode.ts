import xxhash from "xxhash-wasm";

import type { ArrowBatch } from "../../../src/arrow/batch.ts";
import type { ByteSink } from "../../../src/encoder/byte-sink.ts";
import { planTable } from "../../../src/encoder/plan.ts";
import { type EncoderOptions, RowEncoder } from "../../../src/encoder/row-encoder.ts";
import { type BuildOptions, buildBatch, type TestColumn } from "./arrow.ts";
import { MemorySink, parseRows } from "./memory-sink.ts";

export const { h64Raw } = await xxhash();

/** Encodes a batch in one go; returns how many rows were not left out. */
export function encodeBatch(encoder: RowEncoder, batch: ArrowBatch, sink: ByteSink): number {
  const parts = encoder.encode(batch, sink);
  let part = parts.next();
  let rows = part.value;
  while (!part.done) {
    part = parts.next();
    rows += part.value;
  }
  return rows;
}

/** Encodes columns as one batch of a microbatch and returns the bytes of the rows. */
function encode(columns: readonly TestColumn[], options: BuildOptions & EncoderOptions = {}): Uint8Array {
  const { schema, batch, dictionaries } = buildBatch(columns, options);
  const encoder = new RowEncoder(planTable("t", schema), h64Raw, options);
  const sink = new MemorySink();
  encoder.beginMicrobatch({ start: 0n, end: 1000n });
  for (const dictionary of dictionaries) {
    encoder.takeDictionary(dictionary);
  }
  encodeBatch(encoder, batch, sink);
  return sink.bytes();
}

/** The payloads of a single user column, in hexadecimal. */
export function payloads(column: TestColumn, options?: BuildOptions & EncoderOptions): (string | null)[] {
  return parseRows(encode([column], options)).map((row) => row[3]!);
}
