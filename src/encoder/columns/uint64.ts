import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { NULL_FIELD, type ScalarColumn, type ScalarType } from "../column.ts";
import { NumericDigits } from "../numeric-digits.ts";
import type { Place } from "../place.ts";
import type { Region } from "../region.ts";
import { uint64Of } from "../words.ts";

/** Arrow UInt64 as numeric(20,0): its upper half does not fit bigint, and chains use it. */
export const uint64: ScalarType = {
  name: "numeric(20,0)",
  oid: 1700,
  bind: (reader, rowCount, place) => new Uint64Column(reader, rowCount, place),
};

class Uint64Column implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #words: Int32Array;
  readonly #digits = new NumericDigits();

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.#words = reader.words(2 * rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    const validity = this.validity;
    const words = this.#words;
    const digits = this.#digits;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      sizes[i]! += 4 + digits.pairBytes(words[2 * row]! >>> 0, words[2 * row + 1]! >>> 0);
    }
    return count;
  }

  write({ view }: Region, cursor: Int32Array, first: number, count: number): void {
    const validity = this.validity;
    const words = this.#words;
    const digits = this.#digits;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      digits.setPair(words[2 * row]! >>> 0, words[2 * row + 1]! >>> 0);
      const length = digits.payloadBytes;
      view.setInt32(at, length);
      digits.write(view, at + 4, false, 0, 0);
      cursor[i] = at + 4 + length;
    }
  }

  /** A string, because JSON readers round numbers beyond 2^53. */
  json(row: number): string {
    return `"${uint64Of(this.#words, row)}"`;
  }
}
