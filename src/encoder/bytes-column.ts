import type { BytesLayout } from "../arrow/type.ts";
import type { BatchReader } from "./batch-reader.ts";
import type { Bitmap } from "./bitmap.ts";
import { NULL_FIELD } from "./column.ts";
import { checkFieldLength, type Place } from "./place.ts";
import { copyBytes, type Region } from "./region.ts";
import { byteSpans } from "./spans.ts";

/** What binary and text columns share: values of any length somewhere in the body. */
export class BytesColumn {
  readonly place: Place;
  validity: Bitmap | null;
  protected readonly starts: Int32Array;
  protected readonly ends: Int32Array;
  protected readonly values: Region;

  constructor(layout: BytesLayout, reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    const { starts, ends, values } = byteSpans(layout, reader, rowCount, this.validity);
    this.starts = starts;
    this.ends = ends;
    this.values = values;
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    const { starts, ends, validity, place } = this;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      const length = ends[row]! - starts[row]!;
      checkFieldLength(length, place, row);
      sizes[i]! += 4 + length;
    }
    return count;
  }

  write(target: Region, cursor: Int32Array, first: number, count: number): void {
    const { starts, ends, validity, values } = this;
    const { view } = target;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      const from = starts[row]!;
      const length = ends[row]! - from;
      view.setInt32(at, length);
      copyBytes(values, from, target, at + 4, length);
      cursor[i] = at + 4 + length;
    }
  }

  protected value(row: number): Uint8Array {
    return this.values.bytes.subarray(this.starts[row]!, this.ends[row]!);
  }
}
