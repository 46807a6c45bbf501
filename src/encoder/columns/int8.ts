import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { measureFixed, NULL_FIELD, type ScalarColumn, type ScalarType } from "../column.ts";
import type { Place } from "../place.ts";
import type { Region } from "../region.ts";
import { int64Of } from "../words.ts";

/** Arrow UInt32 as bigint. */
export const uint32: ScalarType = {
  name: "bigint",
  oid: 20,
  bind: (reader, rowCount, place) => new Uint32Column(reader, rowCount, place),
};

/** Arrow Int64 as bigint. */
export const int64: ScalarType = {
  name: "bigint",
  oid: 20,
  bind: (reader, rowCount, place) => new Int64Column(reader, rowCount, place),
};

class Uint32Column implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #values: Int32Array;

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.#values = reader.words(rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    return measureFixed(8, this.validity, sizes, first, count);
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
      view.setInt32(at, 8);
      view.setInt32(at + 4, 0);
      view.setInt32(at + 8, values[first + i]!);
      cursor[i] = at + 12;
    }
  }

  json(row: number): string {
    return String(this.#values[row]! >>> 0);
  }
}

/** Reads pairs of 32-bit words, Arrow's low one first, COPY's high one first: no BigInt per value. */
class Int64Column implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #words: Int32Array;

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.#words = reader.words(2 * rowCount);
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    return measureFixed(8, this.validity, sizes, first, count);
  }

  write({ view }: Region, cursor: Int32Array, first: number, count: number): void {
    const validity = this.validity;
    const words = this.#words;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      view.setInt32(at, 8);
      view.setInt32(at + 4, words[2 * row + 1]!);
      view.setInt32(at + 8, words[2 * row]!);
      cursor[i] = at + 12;
    }
  }

  /** A string, because JSON readers round numbers beyond 2^53. */
  json(row: number): string {
    return `"${int64Of(this.#words, row)}"`;
  }
}
