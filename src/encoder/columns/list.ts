import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { isNull, type NestedColumn, type NestedType } from "../column.ts";
import type { Place } from "../place.ts";

/** The one child of a list. */
export interface ListItem<C extends NestedColumn, T = NestedType<C>> {
  readonly name: string;
  readonly notNull: boolean;
  readonly type: T;
}

/** Arrow List inside JSON: an array. */
export function nestedList(item: ListItem<NestedColumn>): NestedType {
  return { bind: (reader, rowCount, place) => new ListColumn(item, reader, rowCount, place) };
}

/** A row owns the items `offsets[row]` up to `offsets[row + 1]`; what a NULL row owns means nothing. */
export class ListColumn<C extends NestedColumn> implements NestedColumn {
  readonly place: Place;
  readonly validity: Bitmap | null;
  protected readonly offsets: Int32Array;
  protected readonly items: C;

  constructor(item: ListItem<C>, reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    const offsets = reader.offsets(rowCount);
    this.offsets = offsets;
    this.items = item.type.bind(reader, reader.nextLength(offsets[rowCount]!), {
      table: place.table,
      field: `${place.field}.${item.name}`,
      notNull: item.notNull,
      row: (index) => place.row(ownerOf(index, offsets)),
    });
  }

  json(row: number): string {
    const { offsets, items } = this;
    const texts: string[] = [];
    for (let item = offsets[row]!; item < offsets[row + 1]!; item++) {
      texts.push(isNull(items, item) ? "null" : items.json(item));
    }
    return `[${texts.join(",")}]`;
  }
}

/** The row that owns an item: the last one that begins at or before it. */
function ownerOf(item: number, offsets: Int32Array): number {
  let row = 0;
  let beyond = offsets.length - 1;
  while (beyond - row > 1) {
    const middle = (row + beyond) >> 1;
    if (offsets[middle]! <= item) {
      row = middle;
    } else {
      beyond = middle;
    }
  }
  return row;
}
