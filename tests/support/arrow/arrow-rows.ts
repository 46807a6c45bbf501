import { DataType, StructRow, type Table, TimeUnit, type Vector } from "apache-arrow";

import type { Cell, Row } from "../postgres/tables.ts";

/** The rows of Arrow tables as PostgreSQL should show them, told from their schema alone. */
export function rowsOfArrow(tables: readonly Table[]): readonly Row[] {
  return tables.flatMap((table) => {
    const columns = table.schema.fields.map(
      ({ name, type }, at) => [name, cellsOf(type, table.getChildAt(at)!)] as const,
    );
    return Array.from({ length: table.numRows }, (_, row) =>
      Object.fromEntries(columns.map(([name, cells]) => [name, cells[row]!])),
    );
  });
}

function cellsOf(type: DataType, vector: Vector): readonly Cell[] {
  if (DataType.isTimestamp(type)) {
    // get() would round nanoseconds to milliseconds.
    const values = vector.data.flatMap((data) => [
      ...(data.values as BigInt64Array).subarray(0, data.length),
    ]);
    return values.map((value, row) => (vector.isValid(row) ? timestamp(value, type.unit) : null));
  }
  return Array.from({ length: vector.length }, (_, row) => {
    const value: unknown = vector.get(row);
    if (value === null) return null;
    return DataType.isList(type) ? elements(type, value) : text(type, value);
  });
}

/** An array as to_jsonb shows it: documents as they are, everything else as text. */
function elements(type: DataType, value: unknown): readonly unknown[] {
  const item = type.children[0]!.type;
  return [...(value as Iterable<unknown>)].map((each) =>
    DataType.isStruct(item) ? document(item, each) : text(item, each),
  );
}

function text(type: DataType, value: unknown): string {
  if (value instanceof Uint8Array) return `\\x${hex(value)}`;
  return DataType.isDecimal(type) ? decimal(value).toString() : String(value);
}

/** A value inside a document. */
function document(type: DataType, value: unknown): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (value instanceof Uint8Array) return `0x${hex(value)}`;
  if (DataType.isList(type)) {
    return [...(value as Iterable<unknown>)].map((each) => document(type.children[0]!.type, each));
  }
  if (value instanceof StructRow) {
    const struct = Object.fromEntries(value);
    const members = type.children.map(
      ({ name, type: member }) => [name, document(member, struct[name])] as const,
    );
    return Object.fromEntries(members.sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1)));
  }
  return String(value);
}

/** 128 bits in four words, least significant first, scale 0. */
function decimal(value: unknown): bigint {
  const words = value as Uint32Array;
  const unsigned = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  return BigInt.asIntN(128, unsigned);
}

function timestamp(value: bigint, unit: TimeUnit): string {
  if (unit !== TimeUnit.NANOSECOND) throw new Error("only nanoseconds are expected here");
  return timestampText(value / 1_000_000_000n, (value % 1_000_000_000n) / 1000n);
}

/** As readTarget shows a time; seconds since 1970 and microseconds of the second. */
export function timestampText(seconds: bigint, microseconds = 0n): string {
  const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${date}.${String(microseconds).padStart(6, "0")}Z`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
