import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import * as zlib from "node:zlib";
import { AmpsyncError } from "../errors.ts";
import { Slice } from "../model/slice.ts";
import { tooLarge } from "../model/too-large.ts";
import type { ArrowBatch, ArrowBuffer } from "./batch.ts";
import { lz4Blocks } from "./lz4.ts";

export type Codec = "lz4" | "zstd";

/** In the order of their numbers in the format. */
const CODECS: readonly Codec[] = ["lz4", "zstd"];

/** The only method of the format: each buffer is compressed separately, after its length as int64. */
const BY_BUFFER = 0;
const PREFIX_BYTES = 8;

/** The length given for a buffer that is stored uncompressed, because it did not become smaller. */
const STORED = -1n;

const ALIGNMENT = 8;

/** Longer buffers are decompressed outside the event loop, in pieces of this many bytes. */
const PIECE_BYTES = 1024 * 1024;

export function codecOf(codec: number, method: number): Codec {
  const known = CODECS[codec];
  if (method !== BY_BUFFER || known === undefined) {
    throw new AmpsyncError("SY101", `Unknown Arrow body compression: codec ${codec}, method ${method}`);
  }
  return known;
}

/**
 * A batch with its buffers decompressed into a new body of at most `maxBytes`. A few
 * bytes can promise gigabytes: the promised lengths are checked against the limit before
 * anything is allocated, and decompression never goes beyond them.
 */
export async function decompress(batch: ArrowBatch, codec: Codec, maxBytes: number): Promise<ArrowBatch> {
  const sources = batch.buffers.map((buffer) => compressedBuffer(batch.body, buffer));
  const buffers: ArrowBuffer[] = [];
  let size = 0;
  for (const { length } of sources) {
    buffers.push({ offset: size, length });
    size += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
  }
  if (size > maxBytes) {
    throw tooLarge("A compressed record batch promises", size, "bytes", maxBytes);
  }
  const body = new Uint8Array(size);
  const slice = new Slice();
  for (const [i, source] of sources.entries()) {
    const { offset, length } = buffers[i]!;
    const target = body.subarray(offset, offset + length);
    if (source.stored) {
      target.set(source.bytes);
    } else if (codec === "zstd") {
      await unzstd(source.bytes, target);
    } else {
      await unlz4(source.bytes, target, slice);
    }
    await breathe(slice);
  }
  return { ...batch, buffers, body };
}

interface Compressed {
  readonly bytes: Uint8Array;
  readonly stored: boolean;
  /** After decompression. */
  readonly length: number;
}

function compressedBuffer(body: Uint8Array, { offset, length }: ArrowBuffer): Compressed {
  const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!inside || offset + length > body.length) {
    throw broken(`a buffer of ${length} bytes at ${offset} of a body of ${body.length}`);
  }
  if (length === 0) {
    return { bytes: body.subarray(0, 0), stored: true, length: 0 };
  }
  if (length < PREFIX_BYTES) {
    throw broken(`a buffer of ${length} bytes has no room for its length`);
  }
  const prefix = new DataView(body.buffer, body.byteOffset + offset).getBigInt64(0, true);
  const bytes = body.subarray(offset + PREFIX_BYTES, offset + length);
  if (prefix === STORED) {
    return { bytes, stored: true, length: bytes.length };
  }
  if (prefix < 0n || prefix > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw broken(`a buffer promises ${prefix} bytes`);
  }
  return { bytes, stored: false, length: Number(prefix) };
}

async function unlz4(bytes: Uint8Array, target: Uint8Array, slice: Slice): Promise<void> {
  try {
    for (const _block of lz4Blocks(bytes, target)) {
      await breathe(slice);
    }
  } catch (cause) {
    throw broken("the buffer is not an LZ4 frame of the promised length", cause);
  }
}

async function unzstd(bytes: Uint8Array, target: Uint8Array): Promise<void> {
  if (zlib.zstdDecompressSync === undefined) {
    throw new AmpsyncError("SY202", "ZSTD-compressed record batches need Node.js 22.15 or newer", {
      hint: "Upgrade Node.js, or turn off Arrow body compression on the server.",
    });
  }
  let filled = 0;
  try {
    if (target.length <= PIECE_BYTES) {
      const plain = zlib.zstdDecompressSync(bytes, { maxOutputLength: Math.max(target.length, 1) });
      target.set(plain);
      filled = plain.length;
    } else {
      filled = await unzstdInPieces(bytes, target);
    }
  } catch (cause) {
    throw broken("the buffer is not a ZSTD frame of the promised length", cause);
  }
  if (filled !== target.length) {
    throw broken(`${filled} bytes where ${target.length} were promised`);
  }
}

/** Fills `target` piece by piece, so that no second copy of the whole is held. */
async function unzstdInPieces(bytes: Uint8Array, target: Uint8Array): Promise<number> {
  const stream = zlib.createZstdDecompress({ chunkSize: PIECE_BYTES });
  let filled = 0;
  try {
    stream.end(bytes);
    for await (const piece of stream) {
      target.set(piece, filled); // Throws beyond the end.
      filled += piece.length;
    }
    return filled;
  } finally {
    if (!stream.closed) {
      stream.destroy();
      await once(stream, "close");
    }
  }
}

async function breathe(slice: Slice): Promise<void> {
  if (slice.isOver) {
    await setImmediate();
    slice.begin();
  }
}

function broken(detail: string, cause?: unknown): AmpsyncError {
  return new AmpsyncError("SY101", "A compressed record batch cannot be decompressed", { detail, cause });
}
