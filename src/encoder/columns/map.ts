import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { isNull, type NestedColumn, type NestedType } from "../column.ts";
import { BadValue, type Place, placeInside } from "../place.ts";
import { listSpans, type Spans } from "../spans.ts";
import type { StructMember } from "./struct.ts";

/** Arrow Map inside JSON: an object if the keys are text, otherwise an array of pairs. */
export function nestedMap(key: StructMember, value: StructMember, textKeys: boolean): NestedType {
  return { bind: (reader, rowCount, place) => new MapColumn(key, value, textKeys, reader, rowCount, place) };
}

/** A list of entries: structs of a key and a value. */
class MapColumn implements NestedColumn {
  readonly place: Place;
  readonly validity: Bitmap | null;
  readonly #textKeys: boolean;
  readonly #spans: Spans;
  /** Neither an entry nor a key may be NULL. */
  readonly #entries: { readonly place: Place; readonly validity: Bitmap | null };
  readonly #keys: NestedColumn;
  readonly #values: NestedColumn;
  /** The row whose entries are being read. */
  #row = 0;

  constructor(
    key: StructMember,
    value: StructMember,
    textKeys: boolean,
    reader: BatchReader,
    rowCount: number,
    place: Place,
  ) {
    this.place = place;
    this.#textKeys = textKeys;
    this.validity = reader.validity(reader.node(rowCount));
    this.#spans = listSpans("offsets", reader, rowCount, this.validity);
    const length = reader.nextLength(this.#spans.end);
    const owner = () => this.#row;
    this.#entries = {
      place: placeInside(place, { name: "entries", notNull: true }, owner),
      validity: reader.validity(reader.node(length)),
    };
    this.#keys = key.type.bind(reader, length, placeInside(place, { ...key, notNull: true }, owner));
    this.#values = value.type.bind(reader, length, placeInside(place, value, owner));
  }

  json(row: number): string {
    const { starts, ends } = this.#spans;
    const values = this.#values;
    this.#row = row;
    this.place.json.take(2 * (ends[row]! - starts[row]!), 0, this.place, row);
    const seen = new Set<string>();
    const texts: string[] = [];
    for (let entry = starts[row]!; entry < ends[row]!; entry++) {
      isNull(this.#entries, entry); // Throws if it is.
      isNull(this.#keys, entry);
      const key = this.#keys.json(entry);
      const value = isNull(values, entry) ? "null" : values.json(entry);
      if (!this.#textKeys) {
        texts.push(`{"key":${key},"value":${value}}`);
        continue;
      }
      if (seen.has(key)) {
        throw new BadValue(this.place, row, "a key occurs twice, which jsonb cannot store", key);
      }
      seen.add(key);
      texts.push(`${key}:${value}`);
    }
    return this.#textKeys ? `{${texts.join(",")}}` : `[${texts.join(",")}]`;
  }
}
