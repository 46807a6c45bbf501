import { AmpsyncError } from "../../errors.ts";

/**
 * The part of the protobuf wire format that Flight needs. Groups do not occur, and
 * fixed-width fields only where they are not read.
 */
export type WireField =
  | { readonly number: number; readonly kind: "varint"; readonly value: bigint }
  | { readonly number: number; readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly number: number; readonly kind: "fixed" };

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** The bytes that 64 bits need, with seven bits in each. */
const MAX_VARINT_BYTES = 10;
const MAX_FIELD_NUMBER = (1n << 29n) - 1n;
/** The most fields of one message, far more than any has: millions of empty fields would fit into a few MiB. */
const MAX_FIELDS = 65_536;

/**
 * The fields of one message in the order received, including unknown ones. The bytes of
 * a field are a view into `bytes`, never a copy. Bytes that do not fit the format raise
 * SY101, which names `message`.
 */
export function* readFields(bytes: Uint8Array, message: string): Generator<WireField> {
  let at = 0;

  function varint(): bigint {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = bytes[at];
      if (byte === undefined) {
        throw broken(message, "a number is cut off");
      }
      at += 1;
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) {
        return BigInt.asUintN(64, value);
      }
    }
    throw broken(message, "a number is longer than 64 bits");
  }

  function take(length: bigint): Uint8Array {
    if (length > BigInt(bytes.length - at)) {
      throw broken(message, `a field of ${length} bytes reaches beyond the end`);
    }
    const start = at;
    at += Number(length);
    return bytes.subarray(start, at);
  }

  for (let fields = 0; at < bytes.length; fields++) {
    if (fields === MAX_FIELDS) {
      throw broken(message, `it has more than ${MAX_FIELDS} fields`);
    }
    const tag = varint();
    if (tag >> 3n === 0n || tag >> 3n > MAX_FIELD_NUMBER) {
      throw broken(message, `there is no field ${tag >> 3n}`);
    }
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case VARINT:
        yield { number, kind: "varint", value: varint() };
        break;
      case BYTES:
        yield { number, kind: "bytes", value: take(varint()) };
        break;
      case FIXED64:
        take(8n);
        yield { number, kind: "fixed" };
        break;
      case FIXED32:
        take(4n);
        yield { number, kind: "fixed" };
        break;
      default:
        throw broken(message, `field ${number} has wire type ${tag & 7n}`);
    }
  }
}

/** The bytes of a length-delimited field. */
export function bytesOf(field: WireField, message: string): Uint8Array {
  if (field.kind !== "bytes") {
    throw broken(message, `field ${field.number} should hold bytes`);
  }
  return field.value;
}

/** The text of a string field. */
export function textOf(field: WireField, message: string): string {
  const bytes = bytesOf(field, message);
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw broken(message, `field ${field.number} is not UTF-8`, cause);
  }
}

/** The value of an int64 field. */
export function int64Of(field: WireField, message: string): bigint {
  if (field.kind !== "varint") {
    throw broken(message, `field ${field.number} should hold a number`);
  }
  return BigInt.asIntN(64, field.value);
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function broken(message: string, detail: string, cause?: unknown): AmpsyncError {
  return new AmpsyncError("SY101", `${message} cannot be decoded`, { detail, cause });
}

/** Collects the fields of one message; values that equal the protobuf default are omitted. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];

  int64(field: number, value: bigint): this {
    if (value !== 0n) {
      this.#parts.push(varintBytes(tag(field, VARINT)), varintBytes(BigInt.asUintN(64, value)));
    }
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.message(field, value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  /** An embedded message: written even if it is empty, because its presence has a meaning. */
  message(field: number, value: Uint8Array): this {
    this.#parts.push(varintBytes(tag(field, BYTES)), varintBytes(BigInt(value.length)), value);
    return this;
  }

  /** The message, copied into its own memory. */
  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function tag(field: number, wireType: number): bigint {
  return BigInt(field * 8 + wireType);
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
