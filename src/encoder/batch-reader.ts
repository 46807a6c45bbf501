import type { ArrowBatch, ArrowBuffer, ArrowNode } from "../arrow/batch.ts";
import type { ArrowInt } from "../arrow/type.ts";
import { AmpsyncError } from "../errors.ts";
import { tooLarge } from "../model/too-large.ts";
import { Bitmap } from "./bitmap.ts";
import type { Dictionaries } from "./dictionaries.ts";

/** The largest body that 32-bit positions can address. */
export const MAX_BODY_BYTES = 2 ** 31 - 1;

/** The most rows in one batch: servers send some thousands. */
const MAX_ROWS = 2 ** 22;

/**
 * Every stored value takes at least one bit of the body, except that NULLs of type Null,
 * empty values, structs and long runs take nothing. A batch may have this many of those,
 * so that a header alone cannot ask for endless values.
 */
const MAX_FREE_VALUES = 2 ** 22;

/** The most bytes of positions, which are unpacked outside the body. */
const MAX_POSITION_BYTES = 2 ** 28;

/** The bytes of positions that a batch and its dictionaries have unpacked. */
interface Unpacked {
  bytes: number;
}

interface ViewBuffers {
  readonly words: Int32Array;
  readonly at: number;
  readonly data: readonly ArrowBuffer[];
}

/**
 * Hands out the nodes and buffers of a batch in the order of the schema's fields.
 * All lengths are checked against the body here, once per batch, so that the loops
 * over the rows need no checks: a batch with wrong lengths is refused with SY101.
 */
export class BatchReader {
  readonly #batch: ArrowBatch;
  readonly #dictionaries: Dictionaries;
  readonly #unpacked: Unpacked;
  #valuesLeft: number;
  #nodes = 0;
  #buffers = 0;
  #variadics = 0;

  constructor(batch: ArrowBatch, dictionaries: Dictionaries, unpacked: Unpacked = { bytes: 0 }) {
    this.#batch = batch;
    this.#dictionaries = dictionaries;
    this.#unpacked = unpacked;
    const bodyBytes = batch.body.byteLength;
    if (bodyBytes > MAX_BODY_BYTES) {
      throw malformed(`a body of ${bodyBytes} bytes`);
    }
    this.#valuesLeft = 8 * bodyBytes + MAX_FREE_VALUES;
    this.#checkCount(batch.rowCount, "rows");
    if (batch.rowCount > MAX_ROWS) {
      throw tooLarge("A record batch has", batch.rowCount, "rows", MAX_ROWS);
    }
  }

  /** Readers for the batches of a dictionary, in the order of its values. */
  dictionary(id: bigint): readonly { readonly reader: BatchReader; readonly rowCount: number }[] {
    return this.#dictionaries.batches(id).map((batch) => ({
      reader: new BatchReader(batch, this.#dictionaries, this.#unpacked),
      rowCount: batch.rowCount,
    }));
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
    this.#checkCount(length, "values");
    this.#valuesLeft -= length;
    this.#nodes++;
    return node;
  }

  /** How many values the next field has, for the children of lists, which must have at least `needed`. */
  nextLength(needed: number): number {
    const { length } = this.#nextNode();
    if (!Number.isSafeInteger(length) || length < needed) {
      throw malformed(`node ${this.#nodes} has ${length} values where its list needs ${needed}`);
    }
    this.#checkCount(length, "values");
    return length;
  }

  /** The validity of a node's values; null if none of them is NULL. */
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

  /** `count` 32-bit words; wider values take two, four or eight of them, the lowest first. */
  words(count: number): Int32Array {
    const bytes = this.#aligned(4 * count, 4);
    return new Int32Array(bytes.buffer, bytes.byteOffset, count);
  }

  /** `count` integers of up to 32 bits, widened to 32; those of 32 bits keep their bits. */
  integers({ bits, signed }: ArrowInt, count: number): Int32Array {
    if (bits === 32) {
      return this.words(count);
    }
    const bytes = this.#buffer((bits / 8) * count);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const values = this.numbers(count);
    for (let i = 0; i < count; i++) {
      if (bits === 8) {
        values[i] = signed ? view.getInt8(i) : view.getUint8(i);
      } else {
        values[i] = signed ? view.getInt16(2 * i, true) : view.getUint16(2 * i, true);
      }
    }
    return values;
  }

  /** `count` positions; -1 stands for those that are negative or beyond 2^31 - 1. */
  positions(type: ArrowInt, count: number): Int32Array {
    const positions = this.numbers(count);
    if (type.bits === 64) {
      const words = this.words(2 * count);
      for (let i = 0; i < count; i++) {
        positions[i] = words[2 * i + 1] === 0 ? Math.max(words[2 * i]!, -1) : -1;
      }
      return positions;
    }
    const integers = this.integers(type, count);
    for (let i = 0; i < count; i++) {
      positions[i] = Math.max(integers[i]!, -1);
    }
    return positions;
  }

  /** Room for `count` positions. */
  numbers(count: number): Int32Array {
    this.#unpacked.bytes += 4 * count;
    if (this.#unpacked.bytes > MAX_POSITION_BYTES) {
      throw tooLarge("A record batch needs", this.#unpacked.bytes, "bytes of positions", MAX_POSITION_BYTES);
    }
    return new Int32Array(count);
  }

  /** The number of the buffer that is read next, for messages. */
  get bufferNumber(): number {
    return this.#buffers;
  }

  /** The whole body, for values that are found by their position in it. */
  get body(): Uint8Array {
    return this.#batch.body;
  }

  /** The buffers of a field of views: the views, their position in the body, and the buffers that hold long values. */
  views(count: number): ViewBuffers {
    const { buffers, variadicCounts } = this.#batch;
    const index = this.#buffers;
    const words = this.words(4 * count);
    const at = count === 0 ? 0 : buffers[index]!.offset;
    const dataCount = variadicCounts[this.#variadics++];
    if (dataCount === undefined || !Number.isSafeInteger(dataCount) || dataCount < 0) {
      throw malformed(`${dataCount} as the count of view buffers`);
    }
    const first = this.#buffers;
    if (first + dataCount > buffers.length) {
      throw malformed(`the schema has more buffers than the ${buffers.length} of the batch`);
    }
    for (let i = 0; i < dataCount; i++) {
      this.#buffer(0);
    }
    return { words, at, data: buffers.slice(first, first + dataCount) };
  }

  /** To be called after the last field: the batch may hold nothing else. */
  end(): void {
    const { nodes, buffers, variadicCounts } = this.#batch;
    if (nodes.length !== this.#nodes || buffers.length !== this.#buffers) {
      throw malformed(
        `${nodes.length} nodes and ${buffers.length} buffers where the schema has ${this.#nodes} and ${this.#buffers}`,
      );
    }
    if (variadicCounts.length !== this.#variadics) {
      throw malformed(
        `${variadicCounts.length} counts of view buffers where the schema has ${this.#variadics}`,
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

  #checkCount(count: number, what: string): void {
    if (!Number.isInteger(count) || count < 0 || count > this.#valuesLeft) {
      throw malformed(`${count} ${what} in a body of ${this.#batch.body.byteLength} bytes`);
    }
  }

  /** The bytes of values that are `width` bytes wide. Writers must align them; unaligned values cost a copy. */
  #aligned(needed: number, width: number): Uint8Array {
    const bytes = this.#buffer(needed);
    return bytes.byteOffset % width === 0 ? bytes : Uint8Array.from(bytes);
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

/** The error of a batch that contradicts itself. */
export function malformed(found: string): AmpsyncError {
  return new AmpsyncError("SY101", `Malformed Arrow record batch: ${found}`);
}
