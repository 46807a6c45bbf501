import type { ArrowInt } from "../arrow/type.ts";
import { type BatchReader, malformed } from "./batch-reader.ts";
import type { Bitmap } from "./bitmap.ts";
import type { Place } from "./place.ts";

type Bind<C> = (reader: BatchReader, rowCount: number, place: Place) => C;

/** How the rows of a field find their values: reads the field, and binds the column of the values. */
export type IndirectionLayout = <C>(
  bind: Bind<C>,
  reader: BatchReader,
  rowCount: number,
  place: Place,
) => Indirection<C>;

/** Values from position `first` on: a dictionary and each of its deltas are one part. */
export interface Part<C> {
  readonly column: C;
  readonly first: number;
}

/** Rows that point at values. The position of a NULL row means nothing. */
export class Indirection<C> {
  readonly validity: Bitmap | null;
  readonly positions: Int32Array;
  readonly parts: readonly Part<C>[];
  readonly #looker: Looker;

  constructor(validity: Bitmap | null, positions: Int32Array, parts: readonly Part<C>[], looker: Looker) {
    this.validity = validity;
    this.positions = positions;
    this.parts = parts;
    this.#looker = looker;
  }

  /** The part that holds a row's value. The row becomes the one that errors name. */
  find(row: number): Part<C> {
    const { parts } = this;
    const position = this.positions[row]!;
    let last = parts.length - 1;
    for (let low = 0; parts[last]!.first > position; ) {
      const middle = (low + last) >> 1;
      if (parts[middle + 1]!.first > position) {
        last = middle;
      } else {
        low = middle + 1;
      }
    }
    this.#looker.row = row;
    return parts[last]!;
  }
}

/** The row whose value is being read: the value itself does not know its row. */
interface Looker {
  row: number;
}

/** Arrow Dictionary: indices into values that were sent before. */
export function dictionaryLayout(id: bigint, index: ArrowInt): IndirectionLayout {
  return (bind, reader, rowCount, place) => {
    const validity = reader.validity(reader.node(rowCount));
    const positions = reader.positions(index, rowCount);
    const looker = { row: 0 };
    const inside = { ...place, notNull: false, row: () => place.row(looker.row) };
    let size = 0;
    const parts = reader.dictionary(id).map(({ reader: values, rowCount: length }) => {
      const part = { column: bind(values, length, inside), first: size };
      values.end();
      size += length;
      return part;
    });
    for (let row = 0; row < rowCount; row++) {
      const position = positions[row]!;
      if ((validity === null || validity.isSet(row)) && (position < 0 || position >= size)) {
        throw malformed(`index ${position} of dictionary ${id}, which has ${size} values`);
      }
    }
    return new Indirection(validity, positions, parts, looker);
  };
}

/** Arrow RunEndEncoded: values, and the row at which the run of each ends. */
export function runEndLayout(runEnds: ArrowInt): IndirectionLayout {
  return (bind, reader, rowCount, place) => {
    reader.node(rowCount); // It has no buffers.
    const runs = reader.nextLength(rowCount === 0 ? 0 : 1);
    reader.validity(reader.node(runs));
    const ends = reader.positions(runEnds, runs);
    const positions = reader.numbers(rowCount);
    let row = 0;
    for (let run = 0; run < runs; run++) {
      const end = ends[run]!;
      if (end <= (run === 0 ? 0 : ends[run - 1]!)) {
        throw malformed(`run ${run} ends at ${end}`);
      }
      positions.fill(run, row, Math.min(end, rowCount)); // The last run of a slice may reach beyond the slice.
      row = Math.min(end, rowCount);
    }
    if (row < rowCount) {
      throw malformed(`runs end at ${row} of ${rowCount} rows`);
    }
    const looker = { row: 0 };
    const inside = { ...place, notNull: false, row: () => place.row(looker.row) };
    const column = bind(reader, reader.nextLength(runs), inside);
    return new Indirection(null, positions, [{ column, first: 0 }], looker);
  };
}
