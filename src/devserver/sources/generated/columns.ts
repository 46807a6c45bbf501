import type { DataType } from "apache-arrow";

import { encodeValues, type Value } from "../../arrow/encode-values.ts";
import type { EncodedColumn } from "../../arrow/ipc.ts";
import type { GeneratedBlock } from "./chain.ts";
import { hash32, type RandomWords } from "./random-words.ts";

/** Rows `from .. to` (exclusive) of one block, all in the same batch. */
export interface BlockRows {
  readonly block: GeneratedBlock;
  readonly from: number;
  readonly to: number;
}

/**
 * Makes one column of a batch of `count` rows. The buffers are valid until the same
 * generator runs again: they are reused, because allocating them for each batch would
 * cost more than filling them.
 */
export type ColumnGenerator = (blocks: readonly BlockRows[], count: number) => EncodedColumn;

/** Any column, cell by cell: for tables of which benchmarks read few rows. */
export function cells(type: DataType, cell: (block: GeneratedBlock, row: number) => Value): ColumnGenerator {
  return (blocks, count) => {
    const values: Value[] = new Array(count);
    let at = 0;
    for (const { block, from, to } of blocks) {
      for (let row = from; row < to; row++) {
        values[at] = cell(block, row);
        at += 1;
      }
    }
    return encodeValues(type, values);
  };
}

/** A hash that all rows of a block share. */
export function sameInBlockWords(
  width: number,
  value: (block: GeneratedBlock) => Uint32Array,
): ColumnGenerator {
  const scratch = new Scratch();
  return (blocks, count) => {
    const values = scratch.words(count * width);
    let at = 0;
    for (const { block, from, to } of blocks) {
      const end = at + (to - from) * width;
      values.set(value(block), at);
      for (let filled = at + width; filled < end; filled += filled - at) {
        values.copyWithin(filled, at, Math.min(filled, at + end - filled));
      }
      at = end;
    }
    return withoutNulls(count, values);
  };
}

/** A 64-bit value that all rows of a block share. */
export function sameInBlock64(value: (block: GeneratedBlock) => bigint): ColumnGenerator {
  const scratch = new Scratch();
  return (blocks, count) => {
    const values = scratch.longs(count);
    let at = 0;
    for (const { block, from, to } of blocks) {
      values.fill(value(block), at, at + to - from);
      at += to - from;
    }
    return withoutNulls(count, values);
  };
}

export function uint32(value: (row: number) => number): ColumnGenerator {
  const scratch = new Scratch();
  return (blocks, count) => {
    const values = scratch.words(count);
    let at = 0;
    for (const { from, to } of blocks) {
      for (let row = from; row < to; row++) {
        values[at] = value(row);
        at += 1;
      }
    }
    return withoutNulls(count, values);
  };
}

/** A value of `width` words per row, never null. */
export function words(
  width: number,
  write: (target: Uint32Array, at: number, block: GeneratedBlock, row: number) => void,
): ColumnGenerator {
  const scratch = new Scratch();
  return (blocks, count) => {
    const values = scratch.words(count * width);
    let at = 0;
    for (const { block, from, to } of blocks) {
      for (let row = from; row < to; row++) {
        write(values, at, block, row);
        at += width;
      }
    }
    return withoutNulls(count, values);
  };
}

/** Random words, null in about `nullsOf256` of 256 rows. `salt` distinguishes columns. */
export function nullableWords(
  random: RandomWords,
  width: number,
  salt: number,
  nullsOf256: number,
): ColumnGenerator {
  const scratch = new Scratch();
  return (blocks, count) => {
    const values = scratch.words(count * width);
    const bitmap = new Uint8Array(Math.ceil(count / 8));
    let nullCount = 0;
    let at = 0;
    for (const { block, from, to } of blocks) {
      for (let row = from; row < to; row++) {
        const key = hash32(block.key ^ salt, row);
        if (key >>> 24 < nullsOf256) {
          nullCount += 1;
          values.fill(0, at * width, (at + 1) * width);
        } else {
          bitmap[at >> 3]! |= 1 << (at & 7);
          random.copy(values, at * width, width, key);
        }
        at += 1;
      }
    }
    const validity = nullCount === 0 ? new Uint8Array(0) : bitmap;
    return { nodes: [{ length: count, nullCount }], buffers: [validity, bytesOf(values)] };
  };
}

/** 32, 64, 96 or 128 random bytes per row, like the data of most logs. */
export function wordsOfAnyLength(random: RandomWords, salt: number): ColumnGenerator {
  const scratch = new Scratch();
  return (blocks, count) => {
    const offsets = new Int32Array(count + 1);
    const values = scratch.words(count * 32);
    let end = 0;
    let at = 0;
    for (const { block, from, to } of blocks) {
      for (let row = from; row < to; row++) {
        const key = hash32(block.key ^ salt, row);
        const length = 8 * (1 + (key >>> 30));
        random.copy(values, end, length, key);
        end += length;
        at += 1;
        offsets[at] = end * 4;
      }
    }
    return {
      nodes: [{ length: count, nullCount: 0 }],
      buffers: [new Uint8Array(0), bytesOf(offsets), bytesOf(values.subarray(0, end))],
    };
  };
}

function withoutNulls(count: number, values: ArrayBufferView): EncodedColumn {
  return { nodes: [{ length: count, nullCount: 0 }], buffers: [new Uint8Array(0), bytesOf(values)] };
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Memory that grows and is never released; it still holds its old content. */
class Scratch {
  #buffer = new ArrayBuffer(0);

  words(count: number): Uint32Array {
    return new Uint32Array(this.#atLeast(count * 4), 0, count);
  }

  longs(count: number): BigUint64Array {
    return new BigUint64Array(this.#atLeast(count * 8), 0, count);
  }

  #atLeast(bytes: number): ArrayBuffer {
    if (this.#buffer.byteLength < bytes) {
      this.#buffer = new ArrayBuffer(bytes);
    }
    return this.#buffer;
  }
}
