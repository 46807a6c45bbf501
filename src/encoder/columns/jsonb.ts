import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import {
  type Column,
  type ElementType,
  MEASURED_BYTES,
  type NestedColumn,
  type NestedType,
  NULL_FIELD,
} from "../column.ts";
import { checkFieldLength, type Place } from "../place.ts";
import type { Region } from "../region.ts";

/** Any type that renders JSON as jsonb. */
export function jsonb(type: NestedType): ElementType {
  return {
    name: "jsonb",
    oid: 3802,
    bind: (reader, rowCount, place) => new JsonbColumn(type, reader, rowCount, place),
  };
}

/** The version byte before the text. */
const JSONB_VERSION = 1;

const encoder = new TextEncoder();

class JsonbColumn implements Column {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #value: NestedColumn;
  /** Texts by row, kept from measuring a chunk until measuring the next one: a value may serve many rows. */
  readonly #texts = new Map<number, Uint8Array>();
  #written = false;

  constructor(type: NestedType, reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.#value = type.bind(reader, rowCount, place);
    this.validity = this.#value.validity;
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    if (this.#written) {
      this.#texts.clear();
      this.#written = false;
    }
    const validity = this.validity;
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      const text = this.#texts.get(row) ?? this.#render(row);
      checkFieldLength(1 + text.length, this.place, row);
      this.#texts.set(row, text);
      sizes[i]! += 5 + text.length;
      bytes += text.length;
      if (bytes >= MEASURED_BYTES) {
        return i + 1;
      }
    }
    return count;
  }

  #render(row: number): Uint8Array {
    const { json, field, column } = this.place;
    if (field === column) {
      json.begin(); // Not for the elements of an array, which share the limits of one value.
    }
    json.take(1, 0, this.place, row);
    return encoder.encode(this.#value.json(row));
  }

  write({ bytes, view }: Region, cursor: Int32Array, first: number, count: number): void {
    this.#written = true;
    const validity = this.validity;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      const text = this.#texts.get(row)!;
      view.setInt32(at, 1 + text.length);
      view.setInt8(at + 4, JSONB_VERSION);
      bytes.set(text, at + 5);
      cursor[i] = at + 5 + text.length;
    }
  }
}
