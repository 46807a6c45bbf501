import { DataType } from "apache-arrow";

import { AmpsyncError } from "../../errors.ts";
import { bitmapOf, validityOf } from "./bitmap.ts";
import type { EncodedColumn } from "./ipc.ts";

/**
 * A cell: `bigint` for 64-bit integers, decimals and timestamps (in the unit of
 * their type), `number` for smaller integers, an array for the items of a list or
 * the members of a struct, in order.
 */
export type Value = null | bigint | number | boolean | string | Uint8Array | readonly Value[];

/** Encodes a column cell by cell: simple rather than fast. A cell that does not fit its type raises SY203. */
export function encodeValues(type: DataType, values: readonly Value[]): EncodedColumn {
  const { nullCount, bitmap } = validityOf(values.length, (row) => values[row] !== null);
  const node = { length: values.length, nullCount };

  if (DataType.isStruct(type)) {
    const members = type.children.map((member, at) =>
      encodeValues(
        member.type,
        values.map((cell) => (cell === null ? zeroOf(member.type) : (items(cell)[at] ?? null))),
      ),
    );
    return {
      nodes: [node, ...members.flatMap((member) => member.nodes)],
      buffers: [bitmap, ...members.flatMap((member) => member.buffers)],
    };
  }
  if (DataType.isList(type)) {
    const lists = values.map((cell) => (cell === null ? [] : items(cell)));
    const child = encodeValues(type.valueType, lists.flat(1));
    return {
      nodes: [node, ...child.nodes],
      buffers: [bitmap, offsetsOf(lists.map((list) => list.length)), ...child.buffers],
    };
  }
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    const cells = values.map((cell) =>
      typeof cell === "string" ? UTF8.encode(cell) : bytes(cell ?? NOTHING),
    );
    return {
      nodes: [node],
      buffers: [bitmap, offsetsOf(cells.map((cell) => cell.length)), Buffer.concat(cells)],
    };
  }
  return { nodes: [node], buffers: [bitmap, fixedWidth(type, values)] };
}

const UTF8 = new TextEncoder();
const NOTHING = new Uint8Array(0);

function fixedWidth(type: DataType, values: readonly Value[]): Uint8Array {
  if (DataType.isBool(type)) {
    return bitmapOf(values.length, (row) => values[row] === true);
  }
  if (DataType.isFixedSizeBinary(type)) {
    const width = type.byteWidth;
    const result = new Uint8Array(values.length * width);
    for (const [row, cell] of values.entries()) {
      if (cell !== null) {
        result.set(ofWidth(bytes(cell), width), row * width);
      }
    }
    return result;
  }
  const width = DataType.isDecimal(type) ? 16 : DataType.isInt(type) ? type.bitWidth / 8 : 8;
  if (!DataType.isDecimal(type) && !DataType.isInt(type) && !DataType.isTimestamp(type)) {
    throw new AmpsyncError("SY202", `the development server does not encode ${type}`);
  }
  const result = new Uint8Array(values.length * width);
  const view = new DataView(result.buffer);
  for (const [row, cell] of values.entries()) {
    const value = cell === null ? 0n : integer(cell);
    switch (width) {
      case 4:
        view.setUint32(row * 4, Number(BigInt.asUintN(32, value)), true);
        break;
      case 8:
        view.setBigUint64(row * 8, BigInt.asUintN(64, value), true);
        break;
      case 16:
        view.setBigUint64(row * 16, BigInt.asUintN(64, value), true);
        view.setBigUint64(row * 16 + 8, BigInt.asUintN(64, value >> 64n), true);
        break;
      default:
        throw new AmpsyncError("SY202", `the development server does not encode ${type}`);
    }
  }
  return result;
}

/** `n + 1` offsets of values that follow each other. */
function offsetsOf(lengths: readonly number[]): Uint8Array {
  const offsets = new Int32Array(lengths.length + 1);
  for (const [row, length] of lengths.entries()) {
    offsets[row + 1] = offsets[row]! + length;
  }
  return new Uint8Array(offsets.buffer);
}

/** A placeholder below a null struct, whose members need not be nullable themselves. */
function zeroOf(type: DataType): Value {
  if (DataType.isBool(type)) return false;
  if (DataType.isFixedSizeBinary(type)) return new Uint8Array(type.byteWidth);
  if (DataType.isList(type) || DataType.isStruct(type)) return [];
  if (DataType.isUtf8(type) || DataType.isBinary(type)) return NOTHING;
  return 0n;
}

function items(cell: Value): readonly Value[] {
  if (!Array.isArray(cell)) throw misfit("a list", cell);
  return cell;
}

function bytes(cell: Value): Uint8Array {
  if (!(cell instanceof Uint8Array)) throw misfit("bytes", cell);
  return cell;
}

function ofWidth(cell: Uint8Array, width: number): Uint8Array {
  if (cell.length !== width) throw misfit(`${width} bytes`, cell);
  return cell;
}

function integer(cell: Value): bigint {
  if (typeof cell !== "bigint" && typeof cell !== "number") throw misfit("an integer", cell);
  return BigInt(cell);
}

function misfit(wanted: string, cell: Value): AmpsyncError {
  return new AmpsyncError("SY203", `a cell should hold ${wanted}`, { detail: `It holds ${String(cell)}.` });
}
