import * as zlib from "node:zlib";
import { AmpsyncError } from "../errors.ts";
import type { ArrowBatch, ArrowBuffer } from "../model/arrow-batch.ts";
import { decodeLz4Frame } from "./lz4.ts";

/** Codecs, as the format numbers them. */
const LZ4_FRAME = 0;
const ZSTD = 1;

/** The one method of the format: every buffer by itself, behind its length as int64. */
const BY_BUFFER = 0;
const PREFIX_BYTES = 8;

/** The length of a buffer that did not become smaller and is stored as it is. */
const STORED = -1n;

/** A header alone could otherwise ask for memory without end. */
const MAX_BODY_BYTES = 512 * 1024 * 1024;

const ALIGNMENT = 8;

/** A batch with its buffers decompressed, side by side in a new body. */
export function decompress(batch: ArrowBatch, codec: number, method: number): ArrowBatch {
  if (method !== BY_BUFFER || (codec !== LZ4_FRAME && codec !== ZSTD)) {
    throw new AmpsyncError("SY101", `Unknown Arrow body compression: codec ${codec}, method ${method}`);
  }
  const sources = batch.buffers.map((buffer) => compressedBuffer(batch.body, buffer));
  const buffers: ArrowBuffer[] = [];
  let size = 0;
  for (const { length } of sources) {
    buffers.push({ offset: size, length });
    size += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    if (size > MAX_BODY_BYTES) {
      throw new AmpsyncError("SY106", `A compressed record batch has more than ${MAX_BODY_BYTES} bytes`, {
        hint: "Let the server send smaller batches.",
      });
    }
  }
  const body = new Uint8Array(size);
  sources.forEach((source, i) => {
    const { offset, length } = buffers[i]!;
    decodeInto(body.subarray(offset, offset + length), source, codec);
  });
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
  if (prefix < 0n || prefix > BigInt(MAX_BODY_BYTES)) {
    throw broken(`a buffer promises ${prefix} bytes`);
  }
  return { bytes, stored: false, length: Number(prefix) };
}

/** Fills all of `target`, or refuses. */
function decodeInto(target: Uint8Array, { bytes, stored }: Compressed, codec: number): void {
  if (stored) {
    target.set(bytes);
  } else if (codec === LZ4_FRAME) {
    try {
      decodeLz4Frame(bytes, target);
    } catch (cause) {
      throw broken("it is no LZ4 frame of the promised length", cause);
    }
  } else {
    target.set(unzstd(bytes, target.length));
  }
}

function unzstd(bytes: Uint8Array, length: number): Uint8Array {
  if (zlib.zstdDecompressSync === undefined) {
    throw new AmpsyncError("SY202", "ZSTD-compressed record batches need Node 22.15 or newer", {
      hint: "Upgrade Node, or turn off the Arrow body compression of the server.",
    });
  }
  let plain: Uint8Array;
  try {
    plain = zlib.zstdDecompressSync(bytes, { maxOutputLength: Math.max(length, 1) });
  } catch (cause) {
    throw broken("it is no ZSTD frame of the promised length", cause);
  }
  if (plain.length !== length) {
    throw broken(`${plain.length} bytes where ${length} were promised`);
  }
  return plain;
}

function broken(detail: string, cause?: unknown): AmpsyncError {
  return new AmpsyncError("SY101", "A compressed record batch cannot be decompressed", { detail, cause });
}
