import type { ArrowBatch } from "./batch.ts";
import { type Codec, codecOf } from "./compression.ts";
import type { FlatTable } from "./flatbuffer.ts";

const ALIGNMENT = 8;

/** A batch as received: with a codec, each of its buffers is still compressed. */
export interface ReceivedBatch {
  readonly batch: ArrowBatch;
  readonly codec: Codec | null;
}

/**
 * Reads a RecordBatch, whose slots are: rows, nodes, buffers, compression,
 * variadic counts. The numbers are not checked against the body here: the
 * reader of the columns does that.
 */
export function readBatch(header: FlatTable, body: Uint8Array): ReceivedBatch {
  const batch: ArrowBatch = {
    rowCount: Number(header.int64(0)),
    nodes: [...header.longs(1, 2)].map(([length, nullCount]) => ({
      length: Number(length),
      nullCount: Number(nullCount),
    })),
    buffers: [...header.longs(2, 2)].map(([offset, length]) => ({
      offset: Number(offset),
      length: Number(length),
    })),
    variadicCounts: [...header.longs(4, 1)].map(([count]) => Number(count)),
    body: aligned(body),
  };
  const compression = header.table(3);
  return { batch, codec: compression === null ? null : codecOf(compression.int8(0), compression.int8(1)) };
}

/** A protobuf field begins at any byte; a typed array must begin at a multiple of its width. */
function aligned(body: Uint8Array): Uint8Array {
  if (body.byteOffset % ALIGNMENT === 0) {
    return body;
  }
  const copy = Buffer.allocUnsafeSlow(body.length);
  copy.set(body);
  return copy;
}
