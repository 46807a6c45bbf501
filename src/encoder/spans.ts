import type { BytesLayout, ListLayout } from "../arrow/type.ts";
import { type BatchReader, MAX_BODY_BYTES, malformed } from "./batch-reader.ts";
import type { Bitmap } from "./bitmap.ts";
import { type Region, regionOf } from "./region.ts";

/** Value `i` of variable length reaches from `starts[i]` up to `ends[i]`; both are checked. */
export interface Spans {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** No value reaches beyond it. */
  readonly end: number;
}

/** Where the items of each list are: as the layout says, or a fixed number of items per list. */
export type ListShape = ListLayout | { readonly size: number };

const NO_OFFSETS = Int32Array.of(0);

/** A view holds values of up to 12 bytes itself; otherwise it holds prefix, number of the buffer, offset. */
const VIEW_BYTES = 16;
const MAX_INLINE_BYTES = 12;

/** The bytes of each value, as positions in `values`. */
export function byteSpans(
  layout: BytesLayout,
  reader: BatchReader,
  count: number,
  validity: Bitmap | null,
): Spans & { readonly values: Region } {
  if (layout === "view") {
    return { ...viewSpans(reader, count, validity), values: regionOf(reader.body) };
  }
  const spans = offsetSpans(layout === "large", reader, count);
  return { ...spans, values: regionOf(reader.bytes(spans.end)) };
}

/** The items of each list, as positions in the field that follows. */
export function listSpans(
  shape: ListShape,
  reader: BatchReader,
  count: number,
  validity: Bitmap | null,
): Spans {
  if (typeof shape !== "string") {
    return fixedSpans(shape.size, reader, count);
  }
  return shape === "offsets" || shape === "large"
    ? offsetSpans(shape === "large", reader, count)
    : listViewSpans(shape === "largeView", reader, count, validity);
}

/** Every list has `size` items, whatever its row holds. */
function fixedSpans(size: number, reader: BatchReader, count: number): Spans {
  const offsets = reader.numbers(count + 1);
  for (let i = 0; i <= count; i++) {
    offsets[i] = i * size;
  }
  return { starts: offsets, ends: offsets.subarray(1), end: size * count };
}

/** `count + 1` offsets that never fall. */
function offsetSpans(large: boolean, reader: BatchReader, count: number): Spans {
  if (count === 0) {
    reader.bytes(0); // Writers may omit the single offset of no values.
    return { starts: NO_OFFSETS, ends: NO_OFFSETS, end: 0 };
  }
  const buffer = reader.bufferNumber;
  const offsets = large ? positions64(reader, count + 1) : reader.words(count + 1);
  let previous = 0;
  for (let i = 0; i <= count; i++) {
    const offset = offsets[i]!;
    if (offset < previous) {
      throw malformed(`offset ${i} of buffer ${buffer} is ${offset} after ${previous}`);
    }
    previous = offset;
  }
  return { starts: offsets, ends: offsets.subarray(1), end: previous };
}

function listViewSpans(large: boolean, reader: BatchReader, count: number, validity: Bitmap | null): Spans {
  const buffer = reader.bufferNumber;
  const starts = changeableNumbers(large, reader, count);
  const ends = changeableNumbers(large, reader, count);
  let end = 0;
  for (let i = 0; i < count; i++) {
    const start = starts[i]!;
    const size = ends[i]!;
    if ((validity !== null && !validity.isSet(i)) || size === 0) {
      starts[i] = 0; // The position of a NULL or an empty list means nothing.
      ends[i] = 0;
      continue;
    }
    if (start < 0 || size < 0 || start + size > MAX_BODY_BYTES) {
      throw malformed(`list ${i} of buffer ${buffer} has ${size} values at ${start}`);
    }
    ends[i] = start + size;
    end = Math.max(end, start + size);
  }
  return { starts, ends, end };
}

/** Positions in the body. */
function viewSpans(reader: BatchReader, count: number, validity: Bitmap | null): Spans {
  const buffer = reader.bufferNumber;
  const { words, at, data } = reader.views(count);
  const starts = reader.numbers(count);
  const ends = reader.numbers(count);
  for (let i = 0; i < count; i++) {
    if (validity !== null && !validity.isSet(i)) {
      continue; // The view of a NULL means nothing.
    }
    const length = words[4 * i]!;
    if (length >= 0 && length <= MAX_INLINE_BYTES) {
      starts[i] = at + i * VIEW_BYTES + 4;
    } else {
      const number = words[4 * i + 2]!;
      const offset = words[4 * i + 3]!;
      const holder = data[number];
      if (holder === undefined || length < 0 || offset < 0 || offset + length > holder.length) {
        throw malformed(`view ${i} of buffer ${buffer} has ${length} bytes at ${offset} of buffer ${number}`);
      }
      starts[i] = holder.offset + offset;
    }
    ends[i] = starts[i]! + length;
  }
  return { starts, ends, end: reader.body.byteLength };
}

function changeableNumbers(large: boolean, reader: BatchReader, count: number): Int32Array {
  if (large) {
    return positions64(reader, count);
  }
  const numbers = reader.numbers(count);
  numbers.set(reader.words(count));
  return numbers;
}

function positions64(reader: BatchReader, count: number): Int32Array {
  return reader.positions({ kind: "int", bits: 64, signed: true }, count);
}
