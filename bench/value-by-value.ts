import type { ArrowType } from "../src/arrow/type.ts";
import type { Hash64 } from "../src/encoder/row-hash.ts";
import type { BuiltBatch } from "../tests/support/arrow/arrow.ts";
import type { Value } from "../tests/support/arrow/arrow-layout.ts";
import { ArrowReader } from "../tests/support/arrow/arrow-reader.ts";
import { rendering } from "../tests/support/arrow/renderings.ts";

const NULL_FIELD = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const SECOND_SEED = 0x9e3779b97f4a7c15n;

/**
 * The plain way to make COPY rows, kept for comparison: every value becomes a
 * JavaScript value, then a buffer of its own. Knows the types of the benchmark.
 */
export function encodeValueByValue({ schema, batch }: BuiltBatch, hash: Hash64): number {
  const reader = new ArrowReader(batch, new Map());
  const columns = schema.fields.map(({ type }) => ({ type, values: reader.column(type) }));
  const block = schema.fields.findIndex(({ name }) => name === "_block_num");
  let bytes = 0;
  for (let row = 0; row < batch.rowCount; row++) {
    const content = Buffer.concat(columns.map(({ type, values }) => field(type, values[row]!)));
    const id = Buffer.alloc(24);
    id.writeBigUInt64BE(BigInt(String(columns[block]!.values[row])) << 16n);
    id.writeBigUInt64BE(hash(content, 0n), 6);
    id.writeBigUInt64BE(hash(content, SECOND_SEED), 14);
    bytes += Buffer.concat([sized(id.subarray(0, 16)), content]).length;
  }
  return bytes;
}

function field(type: ArrowType, value: Value): Buffer {
  return value === null ? NULL_FIELD : sized(payload(type, value));
}

function sized(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function payload(type: ArrowType, value: Value): Uint8Array {
  switch (type.kind) {
    case "bool":
      return Uint8Array.of(value === true ? 1 : 0);
    case "int":
      return type.bits === 64 && !type.signed ? numeric(BigInt(String(value))) : int8(BigInt(String(value)));
    case "timestamp":
      return int8(BigInt(String(value)) / 1000n - 946_684_800_000_000n);
    case "decimal":
      return numeric(BigInt(String(value)));
    case "utf8":
      return Buffer.from(String(value));
    case "list":
      return array(type.item.type, value as readonly Value[]); // By its type.
    case "struct":
      return Buffer.from(`\u0001${JSON.stringify(rendering(type).json(value))}`);
    default:
      if (value instanceof Uint8Array) return value;
      throw new Error(`the benchmark has no ${type.kind}`);
  }
}

function int8(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

function numeric(value: bigint): Buffer {
  const groups: number[] = [];
  for (let rest = value < 0n ? -value : value; rest > 0n; rest /= 10_000n) {
    groups.unshift(Number(rest % 10_000n));
  }
  const bytes = Buffer.alloc(8 + 2 * groups.length);
  bytes.writeInt16BE(groups.length);
  bytes.writeInt16BE(Math.max(groups.length - 1, 0), 2);
  bytes.writeUInt16BE(value < 0n ? 0x4000 : 0, 4);
  groups.forEach((group, i) => {
    bytes.writeInt16BE(group, 8 + 2 * i);
  });
  return bytes;
}

function array(type: ArrowType, items: readonly Value[]): Buffer {
  const header = Buffer.alloc(20);
  header.writeInt32BE(1);
  header.writeInt32BE(type.kind === "struct" ? 3802 : 17, 8);
  header.writeInt32BE(items.length, 12);
  header.writeInt32BE(1, 16);
  return Buffer.concat([header, ...items.map((item) => field(type, item))]);
}
