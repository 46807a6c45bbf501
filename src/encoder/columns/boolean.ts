import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { measureFixed, NULL_FIELD, type ScalarColumn, type ScalarType } from "../column.ts";
import type { Place } from "../place.ts";
import type { Region } from "../region.ts";

/** Arrow Boolean as boolean. */
export const boolean: ScalarType = {
  name: "boolean",
  oid: 16,
  bind: (reader, rowCount, place) => new BooleanColumn(reader, rowCount, place),
};

class BooleanColumn implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #values: Bitmap;

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.#values = reader.bitmap(rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): void {
    measureFixed(1, this.validity, sizes, first, count);
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
      view.setInt32(at, 1);
      view.setInt8(at + 4, values.isSet(first + i) ? 1 : 0);
      cursor[i] = at + 5;
    }
  }

  json(row: number): string {
    return this.#values.isSet(row) ? "true" : "false";
  }
}
