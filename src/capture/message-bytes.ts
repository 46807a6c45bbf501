import { AmpsyncError } from "../errors.ts";

/**
 * A value of a row: its text form, null, or, in a new row, the mark of a value that is stored apart and did not change. A
 * value too long for a text of ours is its number of bytes.
 */
export type Value = string | null | typeof UNCHANGED | number;
export const UNCHANGED: unique symbol = Symbol("unchanged");

/** Values above this are not made into text: no row that has one can be stored. */
export const VALUE_BYTES = 64 * 1024 * 1024;

const REPLACEMENT = "\uFFFD";
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** One message of pgoutput, read from front to back. */
export class MessageBytes {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#next(1));
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#next(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#next(4));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#next(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#next(8));
  }

  lsn(): bigint {
    return this.#bytes.readBigUInt64BE(this.#next(8));
  }

  /** A length, which is never negative. */
  count(): number {
    const count = this.int32();
    return count >= 0 ? count : broken(`the length ${count}`);
  }

  /** Bits of this mask alone may be set. */
  flags(mask: number): number {
    const flags = this.uint8();
    return (flags & ~mask) === 0 ? flags : broken(`the flags ${flags}`);
  }

  expect(type: string): void {
    const found = String.fromCharCode(this.uint8());
    if (found !== type) broken(`${JSON.stringify(found)} where ${type} should be`);
  }

  /** Up to a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) broken("a name without an end");
    const text = this.#decoded(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  bytes(length: number): Buffer {
    const from = this.#next(length);
    return this.#bytes.subarray(from, from + length);
  }

  value(): Value {
    switch (this.uint8()) {
      case 0x6e: // n
        return null;
      case 0x75: // u
        return UNCHANGED;
      case 0x74: {
        const length = this.count();
        const from = this.#next(length);
        return length > VALUE_BYTES ? length : this.#decoded(from, from + length);
      }
      default:
        return broken("a value in a form that was not asked for");
    }
  }

  end(): void {
    if (this.left > 0) broken(`a message with ${this.left} bytes behind its end`);
  }

  #next(length: number): number {
    const from = this.#at;
    if (length > this.#bytes.length - from) {
      broken(`a message of ${this.#bytes.length} bytes that should have ${from + length}`);
    }
    this.#at = from + length;
    return from;
  }

  /** Bytes that are no text become replacement characters, which are looked at again: a text may have such itself. */
  #decoded(from: number, to: number): string {
    const text = this.#bytes.toString("utf8", from, to);
    if (text.includes("\0")) broken("a text with a zero byte");
    if (!text.includes(REPLACEMENT)) return text;
    try {
      return STRICT.decode(this.#bytes.subarray(from, to));
    } catch {
      return broken("a text that is not UTF-8");
    }
  }
}

export function broken(found: string): never {
  throw new AmpsyncError("SY404", "the stream of changes cannot be read", {
    detail: `It has ${found}.`,
    hint: "select * from ampsync.capture; -- the place in WAL; please report it",
  });
}
