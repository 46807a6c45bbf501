import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { isNull, type NestedColumn, type NestedType } from "../column.ts";
import { type Place, placeInside } from "../place.ts";

export interface StructMember {
  readonly name: string;
  readonly notNull: boolean;
  readonly type: NestedType;
}

/** Arrow Struct inside JSON: an object. */
export function nestedStruct(members: readonly StructMember[]): NestedType {
  return { bind: (reader, rowCount, place) => new StructColumn(members, reader, rowCount, place) };
}

class StructColumn implements NestedColumn {
  readonly place: Place;
  readonly validity: Bitmap | null;
  readonly #keys: readonly string[];
  readonly #keyLength: number;
  readonly #members: readonly NestedColumn[];

  constructor(members: readonly StructMember[], reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.#keys = members.map(({ name }) => JSON.stringify(name));
    this.#keyLength = this.#keys.reduce((sum, key) => sum + key.length, 0);
    this.#members = members.map((member) =>
      member.type.bind(
        reader,
        rowCount,
        placeInside(place, member, (index) => index),
      ),
    );
  }

  json(row: number): string {
    this.place.json.take(this.#members.length, this.#keyLength, this.place, row);
    const members = this.#members.map(
      (member, i) => `${this.#keys[i]}:${isNull(member, row) ? "null" : member.json(row)}`,
    );
    return `{${members.join(",")}}`;
  }
}
