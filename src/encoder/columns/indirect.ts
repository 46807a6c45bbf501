import { Bitmap } from "../bitmap.ts";
import {
  type Column,
  type ColumnType,
  MEASURED_BYTES,
  type NestedColumn,
  type NestedType,
  NULL_FIELD,
} from "../column.ts";
import type { Indirection, IndirectionLayout } from "../indirection.ts";
import type { Place } from "../place.ts";
import type { Region } from "../region.ts";

/** A column whose rows point at values. */
export function indirectColumn(layout: IndirectionLayout, { bind }: ColumnType): ColumnType["bind"] {
  return (reader, rowCount, place) =>
    new IndirectColumn(layout(bind, reader, rowCount, place), rowCount, place);
}

/** The same column inside JSON. */
export function indirectNested(layout: IndirectionLayout, { bind }: NestedType): NestedType {
  return {
    bind: (reader, rowCount, place) =>
      new IndirectNested(layout(bind, reader, rowCount, place), rowCount, place),
  };
}

/** A row is NULL if its index is NULL, or its value. */
function mergedValidity(values: Indirection<NestedColumn | Column>, rowCount: number): Bitmap | null {
  if (values.validity === null && values.parts.every(({ column }) => column.validity === null)) {
    return null;
  }
  return Bitmap.of(rowCount, (row) => {
    if (values.validity !== null && !values.validity.isSet(row)) {
      return false;
    }
    const { column, first } = values.find(row);
    return column.validity === null || column.validity.isSet(values.positions[row]! - first);
  });
}

/** Values are measured and written one by one: each may serve many rows. */
class IndirectColumn implements Column {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #values: Indirection<Column>;
  readonly #size = new Float64Array(1);

  constructor(values: Indirection<Column>, rowCount: number, place: Place) {
    this.place = place;
    this.#values = values;
    this.validity = mergedValidity(values, rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    const { validity } = this;
    const values = this.#values;
    const size = this.#size;
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      const part = values.find(row);
      size[0] = 0;
      part.column.measure(size, values.positions[row]! - part.first, 1);
      sizes[i]! += size[0]!;
      bytes += size[0]!;
      if (bytes >= MEASURED_BYTES) {
        return i + 1;
      }
    }
    return count;
  }

  write(target: Region, cursor: Int32Array, first: number, count: number): void {
    const { validity } = this;
    const values = this.#values;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        target.view.setInt32(cursor[i]!, NULL_FIELD);
        cursor[i]! += 4;
        continue;
      }
      const part = values.find(row);
      part.column.write(target, cursor.subarray(i, i + 1), values.positions[row]! - part.first, 1);
    }
  }
}

class IndirectNested implements NestedColumn {
  readonly place: Place;
  readonly validity: Bitmap | null;
  readonly #values: Indirection<NestedColumn>;

  constructor(values: Indirection<NestedColumn>, rowCount: number, place: Place) {
    this.place = place;
    this.#values = values;
    this.validity = mergedValidity(values, rowCount);
  }

  json(row: number): string {
    const { column, first } = this.#values.find(row);
    return column.json(this.#values.positions[row]! - first);
  }
}
