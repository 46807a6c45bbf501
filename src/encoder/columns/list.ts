import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { isNull, type NestedColumn, type NestedType } from "../column.ts";
import { type Place, placeInside } from "../place.ts";
import { type ListShape, listSpans, type Spans } from "../spans.ts";

/** The one child of a list. */
export interface ListItem<T = NestedType> {
  readonly name: string;
  readonly notNull: boolean;
  readonly type: T;
}

/** Any Arrow list inside JSON: an array. */
export function nestedList(shape: ListShape, item: ListItem): NestedType {
  return { bind: (reader, rowCount, place) => new ListColumn(shape, item, reader, rowCount, place) };
}

/** A row owns the items `starts[row]` up to `ends[row]`; the items of a NULL row mean nothing. */
class ListColumn implements NestedColumn {
  readonly place: Place;
  readonly validity: Bitmap | null;
  readonly #spans: Spans;
  readonly #items: NestedColumn;
  /** The row whose items are being read: list views may share items. */
  #row = 0;

  constructor(shape: ListShape, item: ListItem, reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.#spans = listSpans(shape, reader, rowCount, this.validity);
    this.#items = item.type.bind(
      reader,
      reader.nextLength(this.#spans.end),
      placeInside(place, item, () => this.#row),
    );
  }

  json(row: number): string {
    const { starts, ends } = this.#spans;
    const items = this.#items;
    this.#row = row;
    this.place.json.take(ends[row]! - starts[row]!, 0, this.place, row);
    const texts: string[] = [];
    for (let item = starts[row]!; item < ends[row]!; item++) {
      texts.push(isNull(items, item) ? "null" : items.json(item));
    }
    return `[${texts.join(",")}]`;
  }
}
