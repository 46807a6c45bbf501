import { AmpsyncError } from "../../../errors.ts";
import type { BlockHash } from "../../../protocol/block-range.ts";

/** A JSON object from a node. */
export type Json = Readonly<Record<string, unknown>>;

export function object(value: unknown): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unexpected("an object", value);
  }
  // Checked above; its members are checked one by one.
  return value as Json;
}

/** A list; absent means empty. */
export function list(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw unexpected("a list", value);
  return value;
}

/** A hexadecimal quantity. */
export function quantity(value: unknown): bigint {
  return BigInt(hexText(value));
}

export function quantityOrNull(value: unknown): bigint | null {
  return value === undefined || value === null ? null : quantity(value);
}

/** Bytes of any length. */
export function bytes(value: unknown): Uint8Array {
  return Buffer.from(hexText(value).slice(2), "hex");
}

/** Exactly `width` bytes; a shorter quantity, such as `r` of a signature, is padded on the left. */
export function fixedBytes(value: unknown, width: number): Uint8Array {
  return Buffer.from(
    hexText(value)
      .slice(2)
      .padStart(width * 2, "0"),
    "hex",
  );
}

export function fixedBytesOrNull(value: unknown, width: number): Uint8Array | null {
  return value === undefined || value === null ? null : fixedBytes(value, width);
}

export function blockHash(value: unknown): BlockHash {
  return `0x${hexText(value).slice(2).toLowerCase().padStart(64, "0")}`;
}

function hexText(value: unknown): string {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]*$/.test(value)) {
    throw unexpected("a hexadecimal text", value);
  }
  return value;
}

function unexpected(wanted: string, value: unknown): AmpsyncError {
  return new AmpsyncError("SY101", `a node should send ${wanted}`, {
    detail: `It sent ${JSON.stringify(value)}.`,
  });
}
