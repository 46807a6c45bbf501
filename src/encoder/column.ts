import type { BatchReader } from "./batch-reader.ts";
import type { Bitmap } from "./bitmap.ts";
import { BadValue, type Place } from "./place.ts";
import type { Region } from "./region.ts";

/** The field length that COPY reads as NULL. */
export const NULL_FIELD = -1;

/** How the values of one Arrow type are rendered inside JSON: chosen once per schema. */
export interface NestedType {
  /** Takes this field's nodes and buffers from the reader, in the order of the schema. */
  bind(reader: BatchReader, rowCount: number, place: Place): NestedColumn;
}

/** How the values of one Arrow type are stored in a column of their own. */
export interface ColumnType {
  /** The PostgreSQL type as `format_type` prints it. */
  readonly name: string;
  bind(reader: BatchReader, rowCount: number, place: Place): Column;
}

/** A type that can also be the element of an array. */
export interface ElementType extends ColumnType {
  /** The OID that arrays carry. Built-in types have the same OID in every database. */
  readonly oid: number;
}

/** A type that can be anything: a column, an element, a value inside JSON. */
export interface ScalarType extends ElementType {
  bind(reader: BatchReader, rowCount: number, place: Place): ScalarColumn;
}

/** One field of one batch; `row` counts from the first row of the batch. */
interface Field {
  readonly place: Place;
  /** A set bit means a value, a clear bit NULL; null if there are no NULLs. */
  readonly validity: Bitmap | null;
}

export interface NestedColumn extends Field {
  /** The JSON text of a value that is not NULL; throws BadValue. */
  json(row: number): string;
}

/** A column stops measuring after the value that reaches this many bytes, because long values take time. */
export const MEASURED_BYTES = 512 * 1024;

/**
 * One column of one batch. Rows are measured in chunks, each of which is measured
 * as a whole before it is written, and written before the next is measured.
 */
export interface Column extends Field {
  /** The encoder clears the bits of bad values. */
  validity: Bitmap | null;
  /**
   * Adds the length of field `first + i` (including its 4 bytes of length) to
   * `sizes[i]`, or throws BadValue before adding anything for that row. Returns the
   * number of measured rows, at least one: a column of long values stops early.
   * Measured rows can be written.
   */
  measure(sizes: Float64Array, first: number, count: number): number;
  /** Writes field `first + i` at `cursor[i]` and moves `cursor[i]` past the field. */
  write(target: Region, cursor: Int32Array, first: number, count: number): void;
}

export interface ScalarColumn extends Column, NestedColumn {
  validity: Bitmap | null;
}

/** Whether a value is NULL; throws BadValue if the schema declares the field non-null. */
export function isNull(column: Field, row: number): boolean {
  if (column.validity === null || column.validity.isSet(row)) {
    return false;
  }
  if (column.place.notNull) {
    throw unexpectedNull(column.place, row);
  }
  return true;
}

export function unexpectedNull(place: Place, row: number): BadValue {
  return new BadValue(place, row, "NULL in a field that the schema declares non-null", "NULL");
}

/** Measures fields that all have a payload of `bytes` bytes, unless they are NULL. */
export function measureFixed(
  bytes: number,
  validity: Bitmap | null,
  sizes: Float64Array,
  first: number,
  count: number,
): number {
  if (validity === null) {
    for (let i = 0; i < count; i++) {
      sizes[i]! += 4 + bytes;
    }
    return count;
  }
  for (let i = 0; i < count; i++) {
    sizes[i]! += validity.isSet(first + i) ? 4 + bytes : 4;
  }
  return count;
}
