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

/** Makes one column of a batch of `count` rows. */
export type ColumnGenerator = (blocks: readonly BlockRows[], count: number) => EncodedColumn;

/** Any column, cell by cell: for tables of which a benchmark reads few rows. */
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

/** A 64-bit value that all rows of a block share. */
export function sameInBlock64(value: (block: GeneratedBlock) => bigint): ColumnGenerator {
  return (blocks, count) => {
    const values = new BigUint64Array(count);
    let at = 0;
    for (const { block, from, to } of blocks) {
      values.fill(value(block), at, at + to - from);
      at += to - from;
    }
    return withoutNulls(count, values);
  };
}

export function uint32(value: (row: number) => number): ColumnGenerator {
  return (blocks, count) => {
    const values = new Uint32Array(count);
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

/** A value of `width` words a row, never null. */
export function words(
  width: number,
  write: (target: Uint32Array, at: number, block: GeneratedBlock, row: number) => void,
): ColumnGenerator {
  return (blocks, count) => {
    const values = new Uint32Array(count * width);
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

/** Random words, null in about `nullsOf256` of 256 rows. `salt` tells columns apart. */
export function nullableWords(
  random: RandomWords,
  width: number,
  salt: number,
  nullsOf256: number,
): ColumnGenerator {
  return (blocks, count) => {
    const values = new Uint32Array(count * width);
    const bitmap = new Uint8Array(Math.ceil(count / 8));
    let nullCount = 0;
    let at = 0;
    for (const { block, from, to } of blocks) {
      for (let row = from; row < to; row++) {
        const key = hash32(block.key ^ salt, row);
        if (key >>> 24 < nullsOf256) {
          nullCount += 1;
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

/** Random bytes of 32, 64, 96 or 128 bytes a row, like the data of most logs. */
export function wordsOfAnyLength(random: RandomWords, salt: number): ColumnGenerator {
  return (blocks, count) => {
    const offsets = new Int32Array(count + 1);
    const values = new Uint32Array(count * 32);
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
