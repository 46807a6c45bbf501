import { DataType, Field, Message, type MessageHeader, Schema, tableFromIPC, tableToIPC } from "apache-arrow";
import * as metadata from "apache-arrow/ipc/metadata/message";
import type { ArrowBatch, ArrowBuffer, ArrowNode } from "../../src/model/arrow-batch.ts";

/**
 * A value as tests write it: numbers for 32-bit integers, bigints for 64-bit
 * ones, for unscaled decimals and for timestamps in their unit.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[] | Struct;
export interface Struct {
  readonly [name: string]: Value;
}

export interface TestColumn {
  readonly name: string;
  readonly type: DataType;
  readonly nullable?: boolean;
  readonly values: readonly Value[];
}

export interface BuildOptions {
  /** Let NULLs of variable length own bytes and items that nobody may look at. */
  readonly junkUnderNulls?: boolean;
}

export interface BuiltBatch {
  readonly schema: Schema;
  readonly batch: ArrowBatch;
}

/** Lays columns out as one record batch, by the Arrow format and without apache-arrow's builders. */
export function buildBatch(columns: readonly TestColumn[], options: BuildOptions = {}): BuiltBatch {
  const layout = new Layout(options.junkUnderNulls ?? false);
  for (const { type, values } of columns) {
    layout.add(type, values);
  }
  const schema = new Schema(
    columns.map(({ name, type, nullable }) => new Field(name, type, nullable ?? true)),
  );
  return { schema, batch: layout.batch(columns[0]?.values.length ?? 0) };
}

class Layout {
  readonly #junk: boolean;
  readonly #nodes: ArrowNode[] = [];
  readonly #buffers: ArrowBuffer[] = [];
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(junk: boolean) {
    this.#junk = junk;
  }

  batch(rowCount: number): ArrowBatch {
    const body = new Uint8Array(this.#length);
    this.#parts.forEach((part, i) => {
      body.set(part, this.#buffers[i]!.offset);
    });
    return { rowCount, nodes: this.#nodes, buffers: this.#buffers, body };
  }

  add(type: DataType, values: readonly Value[]): void {
    const nullCount = values.filter((value) => value === null).length;
    this.#nodes.push({ length: values.length, nullCount });
    this.#buffer(nullCount === 0 ? new Uint8Array() : bits(values.map((value) => value !== null)));

    if (DataType.isBool(type)) {
      this.#buffer(bits(values.map((value) => value === true)));
    } else if (DataType.isUtf8(type) || DataType.isBinary(type)) {
      const junk = new TextEncoder().encode(this.#junk ? "junk\0" : "");
      this.#variable(
        values.map((value) => {
          if (value === null) return junk;
          return typeof value === "string" ? new TextEncoder().encode(value) : bytesOf(value);
        }),
      );
    } else if (DataType.isList(type)) {
      const lists = values.map((value) => (value === null ? (this.#junk ? [null] : []) : listOf(value)));
      this.#offsets(lists.map((list) => list.length));
      this.add(type.valueField.type, lists.flat());
    } else if (DataType.isStruct(type)) {
      for (const { name, type: member } of type.children) {
        this.add(
          member,
          values.map((value) => (value === null ? null : structOf(value)[name]!)),
        );
      }
    } else {
      const width = widthOf(type);
      const bytes = new Uint8Array(width * values.length);
      values.forEach((value, i) => {
        if (value !== null) {
          bytes.set(value instanceof Uint8Array ? value : littleEndian(value, width), i * width);
        } else if (this.#junk) {
          bytes.fill(0x7f, i * width, (i + 1) * width);
        }
      });
      this.#buffer(bytes);
    }
  }

  #variable(values: readonly Uint8Array[]): void {
    this.#offsets(values.map((value) => value.length));
    this.#buffer(Uint8Array.from(values.flatMap((value) => [...value])));
  }

  #offsets(lengths: readonly number[]): void {
    const offsets = new Int32Array(lengths.length + 1);
    lengths.forEach((length, i) => {
      offsets[i + 1] = offsets[i]! + length;
    });
    this.#buffer(new Uint8Array(offsets.buffer));
  }

  #buffer(bytes: Uint8Array): void {
    this.#buffers.push({ offset: this.#length, length: bytes.length });
    this.#parts.push(bytes);
    this.#length += Math.ceil(bytes.length / 8) * 8;
  }
}

function bits(values: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, i) => {
    bytes[i >> 3]! |= value ? 1 << (i & 7) : 0;
  });
  return bytes;
}

function littleEndian(value: Value, width: number): Uint8Array {
  if (typeof value !== "bigint" && typeof value !== "number") {
    throw new TypeError(`no number: ${String(value)}`);
  }
  const bytes = new Uint8Array(width);
  let rest = BigInt(value);
  for (let i = 0; i < width; i++) {
    bytes[i] = Number(BigInt.asUintN(8, rest));
    rest >>= 8n;
  }
  return bytes;
}

function widthOf(type: DataType): number {
  if (DataType.isInt(type) || DataType.isDecimal(type)) return type.bitWidth / 8;
  if (DataType.isFixedSizeBinary(type)) return type.byteWidth;
  if (DataType.isTimestamp(type)) return 8;
  throw new TypeError(`no layout for ${String(type)}`);
}

function bytesOf(value: Value): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`no bytes: ${String(value)}`);
  return value;
}

function listOf(value: Value): readonly Value[] {
  if (!Array.isArray(value)) throw new TypeError(`no list: ${String(value)}`);
  return value;
}

function structOf(value: Value): Struct {
  if (value === null || typeof value !== "object" || value instanceof Uint8Array || Array.isArray(value)) {
    throw new TypeError(`no struct: ${String(value)}`);
  }
  return value as Struct; // Array.isArray does not narrow readonly arrays away.
}

export interface ArrowStream {
  readonly schema: Schema;
  readonly batches: readonly ArrowBatch[];
}

const CONTINUATION = 0xffffffff;

/** Splits an Arrow IPC stream into its schema and its record batches. */
export function readStream(stream: Uint8Array): ArrowStream {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const batches: ArrowBatch[] = [];
  let schema: Schema | null = null;
  let at = 0;
  while (at + 8 <= stream.length) {
    if (view.getUint32(at, true) !== CONTINUATION) {
      throw new Error(`no message at byte ${at}`);
    }
    const metadataLength = view.getInt32(at + 4, true);
    if (metadataLength === 0) {
      break;
    }
    const message: Message<MessageHeader> = Message.decode(stream.subarray(at + 8, at + 8 + metadataLength));
    const bodyAt = at + 8 + metadataLength;
    at = bodyAt + message.bodyLength;
    if (message.isSchema()) {
      schema = message.header();
    } else if (message.isRecordBatch()) {
      const { length, nodes, buffers } = message.header();
      batches.push({ rowCount: length, nodes, buffers, body: stream.slice(bodyAt, at) });
    }
  }
  if (schema === null) {
    throw new Error("a stream without schema");
  }
  return { schema, batches };
}

/** The stream of a schema and its batches, as `readStream` reads it. */
export function writeStream({ schema, batches }: ArrowStream): Uint8Array {
  const parts = [message(Message.from(schema))];
  for (const { rowCount, nodes, buffers, body } of batches) {
    const header = new metadata.RecordBatch(
      rowCount,
      nodes.map(({ length, nullCount }) => new metadata.FieldNode(length, nullCount)),
      buffers.map(({ offset, length }) => new metadata.BufferRegion(offset, length)),
      null,
    );
    parts.push(message(Message.from(header, body.length)), body);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** A message's prefix and metadata, padded to 8 bytes. */
function message(content: Message): Uint8Array {
  const flatbuffer = Message.encode(content);
  const length = Math.ceil(flatbuffer.length / 8) * 8;
  const bytes = new Uint8Array(8 + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, CONTINUATION, true);
  view.setInt32(4, length, true);
  bytes.set(flatbuffer, 8);
  return bytes;
}

/** Rows `from` up to `to` as apache-arrow slices and writes them. */
export function sliceBatch({ schema, batch }: BuiltBatch, from: number, to: number): ArrowStream {
  const table = tableFromIPC(writeStream({ schema, batches: [batch] }));
  return readStream(tableToIPC(table.slice(from, to), "stream"));
}
