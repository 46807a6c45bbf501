import type { BatchReader } from "./batch-reader.ts";
import type { Bitmap } from "./bitmap.ts";
import { type Place, valueError } from "./place.ts";
import type { Region } from "./region.ts";

/** The field length that COPY reads as NULL. */
export const NULL_FIELD = -1;

/** How the values of one Arrow type are rendered inside JSON: chosen once per schema. */
export interface NestedType<C extends NestedColumn = NestedColumn> {
  /** Takes this field's nodes and buffers from the reader, in the order of the schema. */
  bind(reader: BatchReader, rowCount: number, place: Place): C;
}

/** How the values of one Arrow type are stored in a column of their own. */
export interface ColumnType extends NestedType<Column> {
  /** The PostgreSQL type as `format_type` prints it. */
  readonly name: string;
}

/** A type that can also be the element of an array. */
export interface ElementType extends ColumnType {
  /** Arrays carry it. Built-in types have the same OID in every database. */
  readonly oid: number;
}

/** One field of one batch; `row` counts from the first row of the batch. */
export interface NestedColumn {
  readonly place: Place;
  /** A set bit is a value, a clear one NULL; null where there is no NULL. */
  readonly validity: Bitmap | null;
  /** A value that is not NULL as JSON text. */
  json(row: number): string;
}

/** One column of one batch. Each row is measured once and then written once, in order. */
export interface Column extends NestedColumn {
  /** Adds the length of field `first + i` (its 4 bytes of length included) to `sizes[i]`. */
  measure(sizes: Float64Array, first: number, count: number): void;
  /** Writes field `first + i` at `cursor[i]` and moves `cursor[i]` behind it. */
  write(target: Region, cursor: Int32Array, first: number, count: number): void;
}

/** Whether a value is NULL, which is an error where the schema promises that it is not. */
export function isNull(column: NestedColumn, row: number): boolean {
  if (column.validity === null || column.validity.isSet(row)) {
    return false;
  }
  if (column.place.notNull) {
    throw valueError(column.place, row, "NULL in a field that the schema declares as non-null", "NULL");
  }
  return true;
}

/** Measures fields of which all that are not NULL have a payload of `bytes` bytes. */
export function measureFixed(
  bytes: number,
  validity: Bitmap | null,
  sizes: Float64Array,
  first: number,
  count: number,
): void {
  if (validity === null) {
    for (let i = 0; i < count; i++) {
      sizes[i]! += 4 + bytes;
    }
    return;
  }
  for (let i = 0; i < count; i++) {
    sizes[i]! += validity.isSet(first + i) ? 4 + bytes : 4;
  }
}
