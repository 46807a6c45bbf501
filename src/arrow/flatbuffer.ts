import { tooLarge } from "../model/too-large.ts";

/**
 * The limit of all texts in one header, in bytes. Many fields may point at one text,
 * so the texts that are read can be many times as long as the header.
 */
const MAX_TEXT_BYTES = 1024 * 1024;

/** The limit of one vector: more than the buffers of any table. */
const MAX_ELEMENTS = 131_072;

/** The bytes of one header, and how many of its texts have been read. */
interface Header {
  readonly view: DataView;
  textBytes: number;
}

/**
 * Reads flatbuffers by their slots, numbered as in the Arrow format. Every access is
 * checked against the bytes, so a hostile header ends in a RangeError or in SY106,
 * never in a read outside the header or an endless loop.
 */
export class FlatTable {
  readonly #header: Header;
  readonly #view: DataView;
  readonly #at: number;
  readonly #vtable: number;
  readonly #slots: number;

  private constructor(header: Header, at: number) {
    const { view } = header;
    this.#header = header;
    this.#view = view;
    this.#at = at;
    this.#vtable = at - view.getInt32(at, true);
    this.#slots = (view.getUint16(this.#vtable, true) - 4) / 2;
  }

  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable({ view, textBytes: 0 }, follow(view, 0));
  }

  int8(slot: number): number {
    const at = this.#field(slot);
    return at === null ? 0 : this.#view.getInt8(at);
  }

  int16(slot: number, absent = 0): number {
    const at = this.#field(slot);
    return at === null ? absent : this.#view.getInt16(at, true);
  }

  int32(slot: number, absent = 0): number {
    const at = this.#field(slot);
    return at === null ? absent : this.#view.getInt32(at, true);
  }

  int64(slot: number): bigint {
    const at = this.#field(slot);
    return at === null ? 0n : this.#view.getBigInt64(at, true);
  }

  /** Null if the field is absent. */
  text(slot: number): string | null {
    const at = this.#field(slot);
    if (at === null) {
      return null;
    }
    const from = follow(this.#view, at);
    const length = this.#view.getUint32(from, true);
    const { buffer, byteOffset } = this.#view;
    if (from + 4 + length > this.#view.byteLength) {
      throw new RangeError("a string reaches beyond the end");
    }
    this.#header.textBytes += length;
    if (this.#header.textBytes > MAX_TEXT_BYTES) {
      throw tooLarge("The names of a schema take", this.#header.textBytes, "bytes", MAX_TEXT_BYTES);
    }
    return new TextDecoder().decode(new Uint8Array(buffer, byteOffset + from + 4, length));
  }

  /** A table, or the value of a union; null if the field is absent. */
  table(slot: number): FlatTable | null {
    const at = this.#field(slot);
    return at === null ? null : new FlatTable(this.#header, follow(this.#view, at));
  }

  /** A vector of tables. */
  *tables(slot: number): Generator<FlatTable> {
    for (const at of this.#elements(slot, 4)) {
      yield new FlatTable(this.#header, follow(this.#view, at));
    }
  }

  /** A vector of structs of `width` 64-bit integers. */
  *longs(slot: number, width: number): Generator<readonly bigint[]> {
    for (const at of this.#elements(slot, 8 * width)) {
      yield Array.from({ length: width }, (_, i) => this.#view.getBigInt64(at + 8 * i, true));
    }
  }

  *#elements(slot: number, bytes: number): Generator<number> {
    const field = this.#field(slot);
    if (field === null) {
      return;
    }
    const vector = follow(this.#view, field);
    const length = this.#view.getUint32(vector, true);
    if (length > MAX_ELEMENTS) {
      throw new RangeError(`a vector has ${length} elements, and the limit is ${MAX_ELEMENTS}`);
    }
    for (let i = 0; i < length; i++) {
      yield vector + 4 + i * bytes; // Reading there is checked, so the loop ends with the bytes.
    }
  }

  #field(slot: number): number | null {
    if (slot >= this.#slots) {
      return null;
    }
    const offset = this.#view.getUint16(this.#vtable + 4 + 2 * slot, true);
    return offset === 0 ? null : this.#at + offset;
  }
}

/** Follows an offset. Offsets point forward, so tables cannot form a cycle. */
function follow(view: DataView, at: number): number {
  const offset = view.getUint32(at, true);
  if (offset === 0) {
    throw new RangeError("an offset points to itself");
  }
  return at + offset;
}
