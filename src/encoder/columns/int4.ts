import type { ArrowInt } from "../../arrow/type.ts";
import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { measureFixed, NULL_FIELD, type ScalarColumn, type ScalarType } from "../column.ts";
import type { Place } from "../place.ts";
import type { Region } from "../region.ts";

/** Arrow Int32 and UInt16 as integer. */
export function int4(type: ArrowInt): ScalarType {
  return {
    name: "integer",
    oid: 23,
    bind: (reader, rowCount, place) => new Int4Column(type, reader, rowCount, place),
  };
}

class Int4Column implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #values: Int32Array;

  constructor(type: ArrowInt, reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.#values = reader.integers(type, rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    return measureFixed(4, this.validity, sizes, first, count);
  }

  write({ view }: Region, cursor: Int32Array, first: number, count: number): void {
    const validity = this.validity;
    const values = this.#values;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      if (validity !== null && !validity.isSet(first + i)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      view.setInt32(at, 4);
      view.setInt32(at + 4, values[first + i]!);
      cursor[i] = at + 8;
    }
  }

  json(row: number): string {
    return String(this.#values[row]!);
  }
}
