import { zstdCompressSync } from "node:zlib";
import { CompressionType } from "apache-arrow/fb/compression-type";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFlightMessage } from "../../src/flight/decode.ts";
import { decodeLz4Frame } from "../../src/flight/lz4.ts";
import type { ArrowBatch } from "../../src/model/arrow-batch.ts";
import { buildBatch } from "../support/arrow.ts";
import { batchMessage } from "../support/arrow-messages.ts";
import { compressed, LZ4, lz4Frame } from "../support/compressed.ts";

const built = buildBatch([
  { name: "a", type: { kind: "int", bits: 64, signed: true }, values: Array<bigint>(100).fill(7n) },
  { name: "b", type: { kind: "utf8", layout: "offsets" }, values: Array<string>(100).fill("abcabcabc") },
]);

/** A frame of one block that is stored as it is. */
function lz4Stored(bytes: Uint8Array): Uint8Array {
  const size = Buffer.alloc(4);
  size.writeUInt32LE((bytes.length | 0x8000_0000) >>> 0);
  return Buffer.concat([Buffer.from("04224d18604082", "hex"), size, bytes, Buffer.alloc(4)]);
}

function decode(batch: ArrowBatch, codec: CompressionType): ArrowBatch {
  const decoded = decodeFlightMessage(batchMessage(batch, codec));
  if (decoded?.kind !== "batch") expect.unreachable("it is a batch");
  return decoded.batch;
}

const contents = ({ buffers, body }: ArrowBatch) =>
  buffers.map(({ offset, length }) => [...body.subarray(offset, offset + length)]);

describe("compressed bodies", () => {
  test.each([
    ["ZSTD", CompressionType.ZSTD, (bytes: Uint8Array) => zstdCompressSync(bytes)],
    ["LZ4", CompressionType.LZ4_FRAME, LZ4.compress],
    ["LZ4 that did not become smaller", CompressionType.LZ4_FRAME, lz4Stored],
  ] as const)("%s, buffer by buffer, some of them stored", (_, codec, encode) => {
    expect(contents(decode(compressed(built.batch, encode), codec))).toEqual(contents(built.batch));
  });

  test("a promise that the bytes do not keep is refused with SY101", () => {
    const short = compressed(built.batch, (bytes) => zstdCompressSync(bytes.subarray(1)));
    expect(() => decode(short, CompressionType.ZSTD)).toThrow(expect.objectContaining({ code: "SY101" }));
    const long = compressed(built.batch, (bytes) => zstdCompressSync(Buffer.concat([bytes, bytes])));
    expect(() => decode(long, CompressionType.ZSTD)).toThrow(expect.objectContaining({ code: "SY101" }));
    const none = compressed(built.batch, (bytes) => bytes);
    expect(() => decode(none, CompressionType.LZ4_FRAME)).toThrow(expect.objectContaining({ code: "SY101" }));
  });

  test("a promise beyond the limit is refused before memory is taken", () => {
    const batch = compressed(built.batch, zstdCompressSync);
    new DataView(batch.body.buffer).setBigInt64(batch.buffers[3]!.offset, 2n ** 40n, true);
    expect(() => decode(batch, CompressionType.ZSTD)).toThrow(expect.objectContaining({ code: "SY101" }));
  });
});

describe("LZ4 frames", () => {
  /** A frame of one compressed block. */
  const frame = (block: readonly number[]) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    return Buffer.concat([Buffer.from("04224d18604082", "hex"), size, Buffer.from(block), Buffer.alloc(4)]);
  };
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

  test("of any bytes, with copies from near and far", () => {
    const words = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(words, fc.array(fc.nat(), { maxLength: 300 }), (parts, order) => {
        const bytes = Uint8Array.from(order.flatMap((i) => [...parts[i % parts.length]!]));
        const target = new Uint8Array(bytes.length);
        decodeLz4Frame(lz4Frame(bytes), target);
        expect(target).toEqual(bytes);
      }),
    );
  });

  test("copies may reach into what they write", () => {
    // Literals "ab", then 11 bytes from 2 back, then the last literal.
    const target = new Uint8Array(14);
    decodeLz4Frame(frame([0x27, 97, 98, 2, 0, 0x10, 99]), target);
    expect(text(target)).toBe("ababababababac");
  });

  test("lengths go on in further bytes", () => {
    const target = new Uint8Array(15 + 255 + 3);
    decodeLz4Frame(frame([0xf0, 255, 3, ...Array<number>(273).fill(120)]), target);
    expect(text(target)).toBe("x".repeat(273));
  });

  test.each<[string, readonly number[]]>([
    ["a copy from before the beginning", [0x10, 97, 2, 0, 0x10, 97]],
    ["a copy from nowhere", [0x10, 97, 0, 0, 0x10, 97]],
    ["literals beyond the block", [0x50, 97]],
    ["a copy beyond the target", [0x1f, 97, 1, 0, 255, 255, 0, 0x10, 97]],
    ["a length without end", [0xf0, 255, 255]],
    ["a block without literals at its end", [0x10, 97, 1, 0]],
  ])("%s is a RangeError", (_, block) => {
    expect(() => decodeLz4Frame(frame(block), new Uint8Array(20))).toThrow(RangeError);
  });
});
