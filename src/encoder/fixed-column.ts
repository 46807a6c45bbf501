import type { BatchReader } from "./batch-reader.ts";
import type { Bitmap } from "./bitmap.ts";
import { NULL_FIELD, type ScalarColumn } from "./column.ts";
import type { Place } from "./place.ts";
import type { Region } from "./region.ts";

/**
 * A column whose payloads all have the same length, written value by value. The types
 * that chains use by the million have their own loops instead.
 */
export abstract class FixedColumn implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;
  protected abstract readonly payloadBytes: number;

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
  }

  /** Throws BadValue if the value cannot be stored. */
  protected check(_row: number): void {}

  protected abstract put(view: DataView, at: number, row: number): void;

  abstract json(row: number): string;

  measure(sizes: Float64Array, first: number, count: number): number {
    const { validity, payloadBytes } = this;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      this.check(row);
      sizes[i]! += 4 + payloadBytes;
    }
    return count;
  }

  write({ view }: Region, cursor: Int32Array, first: number, count: number): void {
    const { validity, payloadBytes } = this;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      view.setInt32(at, payloadBytes);
      this.put(view, at + 4, row);
      cursor[i] = at + 4 + payloadBytes;
    }
  }
}
