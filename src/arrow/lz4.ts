const FRAME_MAGIC = 0x184d2204;

/** Bits of the frame's flags. */
const BLOCK_CHECKSUMS = 0x10;
const CONTENT_SIZE = 0x08;
const DICTIONARY_ID = 0x01;
const VERSION = 0x40;
const VERSION_MASK = 0xc0;

/** The bit of a block's length that means: the block is not compressed. */
const UNCOMPRESSED = 0x8000_0000;

/** The longest block that the format allows, decompressed. */
const MAX_BLOCK_BYTES = 4 * 1024 * 1024;

const MIN_MATCH = 4;
/** A length nibble that continues in the next bytes. */
const LONG = 15;

/**
 * Decodes one LZ4 frame, which must fill `target` exactly, block by block; other work
 * may run between two blocks. Checksums are not checked: gRPC and TLS have their own.
 * Any error in the frame ends in a RangeError; nothing is read or written outside the
 * two arrays.
 */
export function* lz4Blocks(frame: Uint8Array, target: Uint8Array): Generator<void> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const flags = view.getUint8(4);
  if (view.getUint32(0, true) !== FRAME_MAGIC || (flags & VERSION_MASK) !== VERSION) {
    throw new RangeError("not an LZ4 frame of version 1");
  }
  // Magic number, flags, block size, then the fields that the flags announce, then a checksum of one byte.
  let at = 7 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY_ID ? 4 : 0);
  let filled = 0;
  for (let size = view.getUint32(at, true); size !== 0; size = view.getUint32(at, true)) {
    at += 4;
    const length = size & ~UNCOMPRESSED;
    const end = at + length;
    if (end > frame.length) {
      throw new RangeError("a block reaches beyond the frame");
    }
    const blockTarget = target.subarray(0, filled + MAX_BLOCK_BYTES);
    if (size >= UNCOMPRESSED) {
      blockTarget.set(frame.subarray(at, end), filled);
      filled += length;
    } else {
      filled = decodeBlock(frame.subarray(at, end), blockTarget, filled);
    }
    at = end + (flags & BLOCK_CHECKSUMS ? 4 : 0);
    yield;
  }
  if (filled !== target.length) {
    throw new RangeError(`the frame ends after ${filled} bytes`);
  }
}

/** Decodes a block: alternating literals and copies of earlier bytes. Returns where it ends in `target`. */
function decodeBlock(block: Uint8Array, target: Uint8Array, begin: number): number {
  let at = 0;
  let filled = begin;
  const longLength = (nibble: number): number => {
    let length = nibble;
    let more = nibble === LONG ? 255 : 0;
    while (more === 255) {
      more = byteAt(block, at++);
      length += more;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literals = longLength(token >> 4);
    if (at + literals > block.length) {
      throw new RangeError("literals reach beyond their block");
    }
    if (filled + literals > target.length) {
      throw new RangeError("literals reach beyond what was promised");
    }
    target.set(block.subarray(at, at + literals), filled);
    at += literals;
    filled += literals;
    if (at === block.length) {
      return filled; // The last sequence has no copy.
    }
    const distance = byteAt(block, at) | (byteAt(block, at + 1) << 8);
    at += 2;
    const length = MIN_MATCH + longLength(token & 15);
    if (distance === 0 || distance > filled || filled + length > target.length) {
      throw new RangeError("a copy reaches outside of what was decoded");
    }
    // The copy may include bytes that it writes itself: each round doubles what the next one can copy.
    for (let done = 0; done < length; ) {
      const count = Math.min(length - done, distance + done);
      target.copyWithin(filled + done, filled - distance, filled - distance + count);
      done += count;
    }
    filled += length;
  }
  throw new RangeError("a block has no last literals");
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) {
    throw new RangeError("a block ends too early");
  }
  return byte;
}
