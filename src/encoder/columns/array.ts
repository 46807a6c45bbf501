import type { BatchReader } from "../batch-reader.ts";
import { type Column, type ColumnType, type ElementType, isNull, NULL_FIELD } from "../column.ts";
import { checkFieldLength, type Place } from "../place.ts";
import type { Region } from "../region.ts";
import { ListColumn, type ListItem } from "./list.ts";

/** Arrow List as a one-dimensional array. */
export function array(item: ListItem<Column, ElementType>): ColumnType {
  return {
    name: `${item.type.name}[]`,
    bind: (reader, rowCount, place) => new ArrayColumn(item.type.oid, item, reader, rowCount, place),
  };
}

/** Dimensions, whether there are NULLs, element OID; unless empty also length and lower bound. */
const EMPTY_HEADER_BYTES = 12;
const HEADER_BYTES = 20;

/** An element of an array is written like a field of a row: length and payload. */
class ArrayColumn extends ListColumn<Column> implements Column {
  readonly #itemOid: number;
  /** Size of, or position in, the one array at work: items are measured and written one by one. */
  readonly #size = new Float64Array(1);
  readonly #cursor = new Int32Array(1);

  constructor(itemOid: number, item: ListItem<Column>, reader: BatchReader, rowCount: number, place: Place) {
    super(item, reader, rowCount, place);
    this.#itemOid = itemOid;
  }

  measure(sizes: Float64Array, first: number, count: number): void {
    const { offsets, validity, items } = this;
    const size = this.#size;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      const end = offsets[row + 1]!;
      size[0] = offsets[row] === end ? EMPTY_HEADER_BYTES : HEADER_BYTES;
      for (let item = offsets[row]!; item < end; item++) {
        isNull(items, item); // Refuses a NULL that the schema does not allow.
        items.measure(size, item, 1);
      }
      checkFieldLength(size[0]!, this.place, row);
      sizes[i]! += 4 + size[0]!;
    }
  }

  write(target: Region, cursor: Int32Array, first: number, count: number): void {
    const { offsets, validity, items } = this;
    const { view } = target;
    const itemCursor = this.#cursor;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      const begin = offsets[row]!;
      const end = offsets[row + 1]!;
      let hasNull = 0;
      itemCursor[0] = at + 4 + (begin === end ? EMPTY_HEADER_BYTES : HEADER_BYTES);
      for (let item = begin; item < end; item++) {
        hasNull |= isNull(items, item) ? 1 : 0;
        items.write(target, itemCursor, item, 1);
      }
      view.setInt32(at, itemCursor[0]! - at - 4);
      view.setInt32(at + 4, begin === end ? 0 : 1);
      view.setInt32(at + 8, hasNull);
      view.setInt32(at + 12, this.#itemOid);
      if (begin !== end) {
        view.setInt32(at + 16, end - begin);
        view.setInt32(at + 20, 1);
      }
      cursor[i] = itemCursor[0]!;
    }
  }
}
