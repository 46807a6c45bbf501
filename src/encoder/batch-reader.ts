import { AmpsyncError } from "../errors.ts";
import type { ArrowBatch, ArrowNode } from "../model/arrow-batch.ts";
import { Bitmap } from "./bitmap.ts";

const NO_OFFSETS = Int32Array.of(0);

/** What 32-bit offsets can address; without it a header alone could ask for rows without end. */
const MAX_ROWS = 2 ** 31 - 1;

/**
 * Hands out the nodes and buffers of a batch in the order of the schema's
 * fields. Everything is held against the body here, once per batch, so that the
 * loops over the rows need no check: a batch that lies about its lengths is
 * refused with SY101.
 */
export class BatchReader {
  readonly #batch: ArrowBatch;
  #nodes = 0;
  #buffers = 0;

  constructor(batch: ArrowBatch) {
    this.#batch = batch;
    if (!Number.isInteger(batch.rowCount) || batch.rowCount < 0 || batch.rowCount > MAX_ROWS) {
      throw malformed(`${batch.rowCount} rows`);
    }
  }

  /** The node of the next field, which must have `rowCount` values. */
  node(rowCount: number): ArrowNode {
    const node = this.#nextNode();
    const { length, nullCount } = node;
    if (length !== rowCount) {
      throw malformed(`node ${this.#nodes} has ${length} values where ${rowCount} are expected`);
    }
    if (!Number.isSafeInteger(nullCount) || nullCount < 0 || nullCount > length) {
      throw malformed(`node ${this.#nodes} has ${nullCount} nulls among ${length} values`);
    }
    this.#nodes++;
    return node;
  }

  /** How many values the next field has, for the items of lists: at least `needed`. */
  nextLength(needed: number): number {
    const { length } = this.#nextNode();
    if (!Number.isSafeInteger(length) || length < needed) {
      throw malformed(`node ${this.#nodes} has ${length} values where its list needs ${needed}`);
    }
    return length;
  }

  /** The validity of a node's values; null where none of them is NULL. */
  validity(node: ArrowNode): Bitmap | null {
    const buffer = this.#buffer(node.nullCount === 0 ? 0 : Math.ceil(node.length / 8));
    return node.nullCount === 0 ? null : new Bitmap(buffer);
  }

  bitmap(length: number): Bitmap {
    return new Bitmap(this.#buffer(Math.ceil(length / 8)));
  }

  /** All bytes of the buffer, at least `length`. */
  bytes(length: number): Uint8Array {
    return this.#buffer(length);
  }

  /** `count` 32-bit words; 64- and 128-bit values are two or four, the lowest first. */
  words(count: number): Int32Array {
    const bytes = this.#buffer(4 * count);
    if (count === 0) {
      return new Int32Array(0);
    }
    if (bytes.byteOffset % 4 !== 0) {
      throw malformed(`buffer ${this.#buffers - 1} is not aligned to its values`);
    }
    return new Int32Array(bytes.buffer, bytes.byteOffset, count);
  }

  /** The `count + 1` offsets of variable-length values, which never fall. */
  offsets(count: number): Int32Array {
    if (count === 0) {
      this.#buffer(0); // Writers may leave out the one offset of no values.
      return NO_OFFSETS;
    }
    const offsets = this.words(count + 1);
    let previous = 0;
    for (let i = 0; i <= count; i++) {
      const offset = offsets[i]!;
      if (offset < previous) {
        throw malformed(`offset ${i} of buffer ${this.#buffers - 1} is ${offset} after ${previous}`);
      }
      previous = offset;
    }
    return offsets;
  }

  /** To be called after the last field: the batch must hold nothing else. */
  end(): void {
    const { nodes, buffers } = this.#batch;
    if (nodes.length !== this.#nodes || buffers.length !== this.#buffers) {
      throw malformed(
        `${nodes.length} nodes and ${buffers.length} buffers where the schema has ${this.#nodes} and ${this.#buffers}`,
      );
    }
  }

  #nextNode(): ArrowNode {
    const node = this.#batch.nodes[this.#nodes];
    if (node === undefined) {
      throw malformed(`the schema has more fields than the ${this.#nodes} nodes of the batch`);
    }
    return node;
  }

  #buffer(needed: number): Uint8Array {
    const { buffers, body } = this.#batch;
    const index = this.#buffers++;
    const buffer = buffers[index];
    if (buffer === undefined) {
      throw malformed(`the schema has more buffers than the ${buffers.length} of the batch`);
    }
    const { offset, length } = buffer;
    const inside =
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(length) &&
      offset >= 0 &&
      length >= 0 &&
      offset + length <= body.byteLength;
    if (!inside) {
      throw malformed(`buffer ${index} has ${length} bytes at ${offset} of a body of ${body.byteLength}`);
    }
    if (length < needed) {
      throw malformed(`buffer ${index} has ${length} bytes where the rows need ${needed}`);
    }
    return body.subarray(offset, offset + length);
  }
}

function malformed(found: string): AmpsyncError {
  return new AmpsyncError("SY101", `Malformed Arrow record batch: ${found}`);
}
