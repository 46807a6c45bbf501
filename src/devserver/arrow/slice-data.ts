import { type Data, DataType } from "apache-arrow";

import { AmpsyncError } from "../../errors.ts";
import { bitAt, bitmapOf, validityOf } from "./bitmap.ts";
import type { EncodedColumn } from "./ipc.ts";

/** Rows `from .. to` (exclusive) of a decoded column, encoded again with exactly the same bytes. */
export function sliceData(data: Data, from: number, to: number): EncodedColumn {
  const { type } = data;
  const length = to - from;
  // apache-arrow slices the values and offsets of a column, but not its bitmaps.
  const firstBit = data.offset + from;
  const { nullCount, bitmap } = validityOf(
    length,
    (row) => data.nullCount === 0 || bitAt(data.nullBitmap, firstBit + row),
  );
  const node = { length, nullCount };

  if (DataType.isStruct(type)) {
    const members = data.children.map((member) => sliceData(member, from, to));
    return {
      nodes: [node, ...members.flatMap((member) => member.nodes)],
      buffers: [bitmap, ...members.flatMap((member) => member.buffers)],
    };
  }
  if (DataType.isList(type)) {
    const child = sliceData(data.children[0]!, data.valueOffsets[from]!, data.valueOffsets[to]!);
    return { nodes: [node, ...child.nodes], buffers: [bitmap, rebased(data, from, to), ...child.buffers] };
  }
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    const bytes = data.values.subarray(data.valueOffsets[from]!, data.valueOffsets[to]!);
    return { nodes: [node], buffers: [bitmap, rebased(data, from, to), bytes] };
  }
  if (DataType.isBool(type)) {
    return {
      nodes: [node],
      buffers: [bitmap, bitmapOf(length, (row) => bitAt(data.values, firstBit + row))],
    };
  }
  const width = widthOf(type);
  const values = new Uint8Array(
    data.values.buffer,
    data.values.byteOffset + from * width,
    (to - from) * width,
  );
  return { nodes: [node], buffers: [bitmap, values] };
}

function rebased(data: Data, from: number, to: number): Uint8Array {
  const offsets = Int32Array.from(data.valueOffsets.subarray(from, to + 1));
  const base = offsets[0]!;
  for (let i = 0; i < offsets.length; i++) {
    offsets[i]! -= base;
  }
  return new Uint8Array(offsets.buffer);
}

function widthOf(type: DataType): number {
  if (DataType.isInt(type)) return type.bitWidth / 8;
  if (DataType.isFixedSizeBinary(type)) return type.byteWidth;
  if (DataType.isDecimal(type)) return type.bitWidth / 8;
  if (DataType.isTimestamp(type)) return 8;
  throw new AmpsyncError("SY202", `the development server does not slice ${type}`);
}
