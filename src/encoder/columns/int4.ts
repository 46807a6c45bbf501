import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { type Column, type ElementType, measureFixed, NULL_FIELD } from "../column.ts";
import type { Place } from "../place.ts";
import type { Region } from "../region.ts";

/** Arrow Int32 as integer. */
export const int32: ElementType = {
  name: "integer",
  oid: 23,
  bind: (reader, rowCount, place) => new Int32Column(reader, rowCount, place),
};

class Int32Column implements Column {
  readonly place: Place;
  readonly validity: Bitmap | null;
  readonly #values: Int32Array;

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.#values = reader.words(rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): void {
    measureFixed(4, this.validity, sizes, first, count);
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
