import { Bitmap } from "../bitmap.ts";
import { NULL_FIELD, type ScalarColumn, type ScalarType } from "../column.ts";
import type { Place } from "../place.ts";
import type { Region } from "../region.ts";

/** Arrow Null as text that is always NULL. */
export const nothing: ScalarType = {
  name: "text",
  oid: 25,
  bind: (reader, rowCount, place) => {
    reader.node(rowCount); // It has no buffers.
    return new NullColumn(rowCount, place);
  },
};

class NullColumn implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;

  constructor(rowCount: number, place: Place) {
    this.place = place;
    this.validity = Bitmap.none(rowCount);
  }

  measure(sizes: Float64Array, _first: number, count: number): number {
    for (let i = 0; i < count; i++) {
      sizes[i]! += 4;
    }
    return count;
  }

  write({ view }: Region, cursor: Int32Array, _first: number, count: number): void {
    for (let i = 0; i < count; i++) {
      view.setInt32(cursor[i]!, NULL_FIELD);
      cursor[i]! += 4;
    }
  }

  json(): string {
    return "null";
  }
}
