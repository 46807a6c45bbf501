import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import {
  type Column,
  type ColumnType,
  type ElementType,
  isNull,
  MEASURED_BYTES,
  NULL_FIELD,
} from "../column.ts";
import { BadValue, checkFieldLength, type Place, placeInside } from "../place.ts";
import type { Region } from "../region.ts";
import { type ListShape, listSpans, type Spans } from "../spans.ts";
import type { ListItem } from "./list.ts";

/** A dimension below the outermost: lists that all have `size` items and are never NULL. */
export interface InnerDimension {
  readonly name: string;
  readonly size: number;
}

/**
 * Any Arrow list as an array. PostgreSQL requires one length for each inner
 * dimension; the outermost may vary from row to row.
 */
export function array(
  shape: ListShape,
  inner: readonly InnerDimension[],
  item: ListItem<ElementType>,
): ColumnType {
  return {
    name: `${item.type.name}[]`,
    bind: (reader, rowCount, place) => new ArrayColumn(shape, inner, item, reader, rowCount, place),
  };
}

/** Number of dimensions, whether there are NULLs, element OID; each dimension has length and lower bound. */
const HEADER_BYTES = 12;
const DIMENSION_BYTES = 8;

/** The limit of one array: an eighth of what PostgreSQL accepts, because an array is measured and written without a pause. */
const MAX_ELEMENTS = 2 ** 23;

/** The lists of an inner dimension; `perItem` of them make one item of the outermost. */
interface Level {
  readonly place: Place;
  readonly validity: Bitmap | null;
  readonly perItem: number;
}

/** An element of an array is written like a field of a row: length and payload. */
class ArrayColumn implements Column {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #oid: number;
  readonly #spans: Spans;
  readonly #inner: readonly InnerDimension[];
  readonly #levels: readonly Level[];
  /** How many elements make one item of the outermost dimension. */
  readonly #perItem: number;
  readonly #elements: Column;
  /** Size of, or position in, the current array: elements are measured and written one by one. */
  readonly #size = new Float64Array(1);
  readonly #cursor = new Int32Array(1);
  /** The row whose elements are being read. */
  #row = 0;

  constructor(
    shape: ListShape,
    inner: readonly InnerDimension[],
    item: ListItem<ElementType>,
    reader: BatchReader,
    rowCount: number,
    place: Place,
  ) {
    this.place = place;
    this.validity = reader.validity(reader.node(rowCount));
    this.#oid = item.type.oid;
    this.#inner = inner;
    this.#spans = listSpans(shape, reader, rowCount, this.validity);

    const levels: Level[] = [];
    let length = reader.nextLength(this.#spans.end);
    let perItem = 1;
    let at = place;
    for (const { name, size } of inner) {
      at = placeInside(at, { name, notNull: true }, () => this.#row);
      levels.push({ place: at, validity: reader.validity(reader.node(length)), perItem });
      length = reader.nextLength(length * size);
      perItem *= size;
    }
    this.#levels = levels;
    this.#perItem = perItem;
    this.#elements = item.type.bind(
      reader,
      length,
      placeInside(at, item, () => this.#row),
    );
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    const { validity } = this;
    const elements = this.#elements;
    const size = this.#size;
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      this.#row = row;
      const begin = this.#spans.starts[row]! * this.#perItem;
      const end = this.#spans.ends[row]! * this.#perItem;
      this.#checkShape(row, end - begin);
      this.place.json.begin();
      size[0] = this.#headerBytes(begin === end);
      for (let element = begin; element < end; element++) {
        isNull(elements, element); // Throws for a NULL that the schema does not allow.
        elements.measure(size, element, 1);
        checkFieldLength(size[0]!, this.place, row); // For each element, because many elements may be views of one long text.
      }
      sizes[i]! += 4 + size[0]!;
      bytes += size[0]!;
      if (bytes >= MEASURED_BYTES) {
        return i + 1;
      }
    }
    return count;
  }

  write(target: Region, cursor: Int32Array, first: number, count: number): void {
    const { validity } = this;
    const { starts, ends } = this.#spans;
    const elements = this.#elements;
    const { view } = target;
    const elementCursor = this.#cursor;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      const length = ends[row]! - starts[row]!;
      const begin = starts[row]! * this.#perItem;
      const end = ends[row]! * this.#perItem;
      let hasNull = 0;
      elementCursor[0] = at + 4 + this.#headerBytes(length === 0);
      for (let element = begin; element < end; element++) {
        hasNull |= isNull(elements, element) ? 1 : 0;
        elements.write(target, elementCursor, element, 1);
      }
      view.setInt32(at, elementCursor[0]! - at - 4);
      this.#writeHeader(view, at + 4, hasNull, length);
      cursor[i] = elementCursor[0]!;
    }
  }

  #headerBytes(empty: boolean): number {
    return empty ? HEADER_BYTES : HEADER_BYTES + (1 + this.#inner.length) * DIMENSION_BYTES;
  }

  /** An empty array has no dimensions. */
  #writeHeader(view: DataView, at: number, hasNull: number, length: number): void {
    view.setInt32(at, length === 0 ? 0 : 1 + this.#inner.length);
    view.setInt32(at + 4, hasNull);
    view.setInt32(at + 8, this.#oid);
    if (length === 0) {
      return;
    }
    view.setInt32(at + 12, length);
    view.setInt32(at + 16, 1);
    let next = at + 20;
    for (const { size } of this.#inner) {
      view.setInt32(next, size);
      view.setInt32(next + 4, 1);
      next += DIMENSION_BYTES;
    }
  }

  #checkShape(row: number, elements: number): void {
    if (elements > MAX_ELEMENTS) {
      const problem = `an array has at most ${MAX_ELEMENTS} elements`;
      throw new BadValue(this.place, row, problem, `${elements} elements`);
    }
    for (const level of this.#levels) {
      if (level.validity !== null) {
        const end = this.#spans.ends[row]! * level.perItem;
        for (let index = this.#spans.starts[row]! * level.perItem; index < end; index++) {
          isNull(level, index); // Throws if it is.
        }
      }
    }
  }
}
