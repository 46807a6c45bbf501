import type { BatchReader } from "./batch-reader.ts";
import type { Bitmap } from "./bitmap.ts";
import { NULL_FIELD } from "./column.ts";
import { checkFieldLength, type Place } from "./place.ts";
import { copyBytes, type Region, regionOf } from "./region.ts";

/** What Binary and Utf8 columns share: values of any length, one behind the other, and their offsets. */
export class VariableBytes {
  readonly place: Place;
  readonly validity: Bitmap | null;
  protected readonly offsets: Int32Array;
  protected readonly values: Region;

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.offsets = reader.offsets(rowCount);
    this.values = regionOf(reader.bytes(this.offsets[rowCount]!));
  }

  measure(sizes: Float64Array, first: number, count: number): void {
    const { offsets, validity, place } = this;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      const length = offsets[row + 1]! - offsets[row]!;
      checkFieldLength(length, place, row);
      sizes[i]! += 4 + length;
    }
  }

  write(target: Region, cursor: Int32Array, first: number, count: number): void {
    const { offsets, validity, values } = this;
    const { view } = target;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      const from = offsets[row]!;
      const length = offsets[row + 1]! - from;
      view.setInt32(at, length);
      copyBytes(values, from, target, at + 4, length);
      cursor[i] = at + 4 + length;
    }
  }

  protected value(row: number): Uint8Array {
    return this.values.bytes.subarray(this.offsets[row]!, this.offsets[row + 1]!);
  }
}
