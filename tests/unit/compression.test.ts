// Takes 11 s.
import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";

import { CompressionType } from "apache-arrow/fb/compression-type";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { ArrowBatch } from "../../src/arrow/batch.ts";
import { lz4Blocks } from "../../src/arrow/lz4.ts";
import { decodePlain } from "../../src/arrow/message.ts";
import { buildBatch } from "../support/arrow/arrow.ts";
import { batchMessage } from "../support/arrow/arrow-messages.ts";
import { compressed, LZ4, lz4Frame } from "../support/arrow/compressed.ts";
import { turnsDuring } from "../support/turns.ts";

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

const MIB = 1024 * 1024;

async function decode(batch: ArrowBatch, codec: CompressionType, maxBytes = 32 * MIB): Promise<ArrowBatch> {
  const decoded = await decodePlain(batchMessage(batch, codec), maxBytes);
  if (decoded?.kind !== "batch") expect.unreachable("it is a batch");
  return decoded.batch;
}

const hash = (bytes: readonly number[]) => createHash("sha1").update(Uint8Array.from(bytes)).digest("hex");

const contents = ({ buffers, body }: ArrowBatch) =>
  buffers.map(({ offset, length }) => [...body.subarray(offset, offset + length)]);

describe("compressed bodies", () => {
  test.each([
    ["ZSTD", CompressionType.ZSTD, (bytes: Uint8Array) => zstdCompressSync(bytes)],
    ["LZ4", CompressionType.LZ4_FRAME, LZ4.compress],
    ["LZ4 that did not become smaller", CompressionType.LZ4_FRAME, lz4Stored],
  ] as const)("%s, buffer by buffer, some of them stored", async (_, codec, encode) => {
    expect(contents(await decode(compressed(built.batch, encode), codec))).toEqual(contents(built.batch));
  });

  test.each([
    ["ZSTD", CompressionType.ZSTD, (bytes: Uint8Array) => zstdCompressSync(bytes)],
    ["LZ4", CompressionType.LZ4_FRAME, LZ4.compress],
  ] as const)("%s of long buffers", async (_, codec, encode) => {
    const values = Array.from({ length: 5000 }, (_value, i) => `${i} `.repeat(300));
    const { batch } = buildBatch([{ name: "a", type: { kind: "utf8", layout: "offsets" }, values }]);
    expect(batch.body.length).toBeGreaterThan(4 * MIB); // Than a piece, and than a block.
    const decoded = await decode(compressed(batch, encode), codec);
    expect(contents(decoded).map(hash)).toEqual(contents(batch).map(hash));
  });

  test("a promise that the bytes do not keep is refused with SY101", async () => {
    const short = compressed(built.batch, (bytes) => zstdCompressSync(bytes.subarray(1)));
    await expect(decode(short, CompressionType.ZSTD)).rejects.toMatchObject({ code: "SY101" });
    const long = compressed(built.batch, (bytes) => zstdCompressSync(Buffer.concat([bytes, bytes])));
    await expect(decode(long, CompressionType.ZSTD)).rejects.toMatchObject({ code: "SY101" });
    const none = compressed(built.batch, (bytes) => bytes);
    await expect(decode(none, CompressionType.LZ4_FRAME)).rejects.toMatchObject({ code: "SY101" });
  });

  test("a promise beyond the limit is SY106 with both numbers, before memory is taken", async () => {
    const batch = compressed(built.batch, zstdCompressSync);
    new DataView(batch.body.buffer).setBigInt64(batch.buffers[3]!.offset, 2n ** 40n, true);
    await expect(decode(batch, CompressionType.ZSTD)).rejects.toMatchObject({
      code: "SY106",
      message: expect.stringMatching(/promises 10995116\d+ bytes, and the limit is 33554432$/),
    });
    new DataView(batch.body.buffer).setBigInt64(batch.buffers[3]!.offset, 2n ** 62n, true);
    await expect(decode(batch, CompressionType.ZSTD)).rejects.toMatchObject({ code: "SY101" });
  });

  /** A batch of one buffer that says it has `promised` bytes. */
  function bomb(promised: number, bytes: Uint8Array): ArrowBatch {
    const body = Buffer.alloc(8 + bytes.length);
    body.writeBigInt64LE(BigInt(promised));
    body.set(bytes, 8);
    return { ...built.batch, buffers: [{ offset: 0, length: body.length }], body };
  }

  test.each([
    ["ZSTD", CompressionType.ZSTD, (bytes: Uint8Array) => zstdCompressSync(bytes)],
    ["LZ4", CompressionType.LZ4_FRAME, LZ4.compress],
  ] as const)(
    "%s: a small buffer that becomes a large one lets others work meanwhile",
    async (_, codec, encode) => {
      const size = 96 * MIB;
      const packed = encode(new Uint8Array(size));
      expect(packed.length).toBeLessThan(MIB);
      const turns = await turnsDuring(async () => {
        const { body } = await decode(bomb(size, packed), codec, 128 * MIB);
        expect(body.length).toBe(size);
      });
      expect(turns).toBeGreaterThan(0);
      // Half of what it says: no more is made than was promised.
      await expect(decode(bomb(size / 2, packed), codec, 128 * MIB)).rejects.toMatchObject({ code: "SY101" });
    },
  );
});

function decodeFrame(frame: Uint8Array, target: Uint8Array): void {
  for (const _block of lz4Blocks(frame, target)) {
    // Nobody waits.
  }
}

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
        decodeFrame(lz4Frame(bytes), target);
        expect(target).toEqual(bytes);
      }),
    );
  });

  test("copies may reach into what they write", () => {
    // Literals "ab", then 11 bytes from 2 back, then the last literal.
    const target = new Uint8Array(14);
    decodeFrame(frame([0x27, 97, 98, 2, 0, 0x10, 99]), target);
    expect(text(target)).toBe("ababababababac");
  });

  test("lengths go on in further bytes", () => {
    const target = new Uint8Array(15 + 255 + 3);
    decodeFrame(frame([0xf0, 255, 3, ...Array<number>(273).fill(120)]), target);
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
    expect(() => decodeFrame(frame(block), new Uint8Array(20))).toThrow(RangeError);
  });
});
