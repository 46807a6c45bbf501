import { zstdCompressSync } from "node:zlib";

import { CompressionType } from "apache-arrow/fb/compression-type";

import type { ArrowBatch } from "../../../src/arrow/batch.ts";
import type { FlightData } from "../../../src/flight/protocol/messages.ts";
import { type ArrowStream, batchMessage, dictionaryMessage, schemaMessage } from "./arrow-messages.ts";

/** How the buffers of a body are compressed. */
export interface Compression {
  readonly codec: CompressionType;
  readonly compress: (bytes: Uint8Array) => Uint8Array;
}

export const ZSTD: Compression = {
  codec: CompressionType.ZSTD,
  compress: (bytes) => zstdCompressSync(bytes),
};
export const LZ4: Compression = { codec: CompressionType.LZ4_FRAME, compress: lz4Frame };

/** Each buffer behind its length, as the format wants it; every third is stored as it is. */
export function compressed(batch: ArrowBatch, compress: Compression["compress"]): ArrowBatch {
  const parts: Uint8Array[] = [];
  let at = 0;
  const buffers = batch.buffers.map(({ offset, length }, i) => {
    const plain = batch.body.subarray(offset, offset + length);
    const prefix = Buffer.alloc(8);
    prefix.writeBigInt64LE(i % 3 === 1 ? -1n : BigInt(length));
    const bytes = length === 0 ? plain : Buffer.concat([prefix, i % 3 === 1 ? plain : compress(plain)]);
    const begin = at;
    const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
    padded.set(bytes);
    parts.push(padded);
    at += padded.length;
    return { offset: begin, length: bytes.length };
  });
  return { ...batch, buffers, body: new Uint8Array(Buffer.concat(parts)) };
}

/** The messages of a stream with compressed bodies. */
export function compressedMessages(
  { schema, messages }: ArrowStream,
  { codec, compress }: Compression,
): readonly FlightData[] {
  return [
    schemaMessage(schema),
    ...messages.map((message) => {
      if (message.kind === "batch") {
        return batchMessage(compressed(message.batch, compress), codec);
      }
      const { dictionary } = message;
      return dictionaryMessage({ ...dictionary, batch: compressed(dictionary.batch, compress) }, codec);
    }),
  ];
}

const MIN_MATCH = 4;
/** A block ends with literals: no copy begins in its last bytes. */
const LAST_LITERALS = 12;
const MAX_DISTANCE = 0xffff;

const BLOCK_BYTES = 64 * 1024;

/** A frame of independent blocks. */
export function lz4Frame(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from("04224d18604082", "hex")];
  for (let at = 0; at < bytes.length || at === 0; at += BLOCK_BYTES) {
    const block = lz4Block(bytes.subarray(at, at + BLOCK_BYTES));
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    parts.push(size, block);
  }
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

/** Takes the last place at which the same four bytes stood, whatever follows. */
function lz4Block(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const seen = new Map<number, number>();
  const out: number[] = [];
  const long = (length: number) => {
    for (let rest = length - 15; rest >= 0; rest -= 255) out.push(Math.min(rest, 255));
  };
  let literals = 0;
  const sequence = (end: number, copied: number) => {
    const length = end - literals;
    out.push((Math.min(length, 15) << 4) | Math.min(copied, 15));
    long(length);
    out.push(...bytes.subarray(literals, end));
  };
  for (let at = 0; at + LAST_LITERALS < bytes.length; ) {
    const four = view.getInt32(at, true);
    const before = seen.get(four);
    seen.set(four, at);
    if (before === undefined || at - before > MAX_DISTANCE) {
      at++;
      continue;
    }
    let end = at + MIN_MATCH;
    while (end + LAST_LITERALS < bytes.length && bytes[end] === bytes[before + end - at]) end++;
    sequence(at, end - at - MIN_MATCH);
    out.push((at - before) & 0xff, (at - before) >> 8);
    long(end - at - MIN_MATCH);
    literals = end;
    at = end;
  }
  sequence(bytes.length, 0);
  return Uint8Array.from(out);
}
