import { BodyCompression } from "apache-arrow/fb/body-compression";
import { BodyCompressionMethod } from "apache-arrow/fb/body-compression-method";
import { Buffer as FbBuffer } from "apache-arrow/fb/buffer";
import type { CompressionType } from "apache-arrow/fb/compression-type";
import { DictionaryBatch } from "apache-arrow/fb/dictionary-batch";
import { DictionaryEncoding } from "apache-arrow/fb/dictionary-encoding";
import { Field } from "apache-arrow/fb/field";
import { FieldNode } from "apache-arrow/fb/field-node";
import { Int } from "apache-arrow/fb/int";
import { Message } from "apache-arrow/fb/message";
import { MessageHeader } from "apache-arrow/fb/message-header";
import { MetadataVersion } from "apache-arrow/fb/metadata-version";
import { RecordBatch } from "apache-arrow/fb/record-batch";
import { Schema } from "apache-arrow/fb/schema";
import { Builder } from "flatbuffers";

import type { ArrowBatch, ArrowDictionary } from "../../../src/arrow/batch.ts";
import { decodeMessage, decodePlain, type Plain } from "../../../src/arrow/message.ts";
import type { ArrowField, ArrowInt, ArrowSchema, ArrowType } from "../../../src/arrow/type.ts";
import type { FlightData } from "../../../src/flight/protocol/messages.ts";

/**
 * Arrow messages, written with the classes that the flatbuffers compiler made
 * from the format, for every type there is; and streams of them.
 */
export interface ArrowStream {
  readonly schema: ArrowSchema;
  /** Dictionaries and batches as they come. */
  readonly messages: readonly Exclude<Plain, { kind: "schema" }>[];
}

const CONTINUATION = 0xffffffff;
const NOTHING = new Uint8Array();

export function schemaMessage(schema: ArrowSchema): FlightData {
  const builder = new Builder();
  const fields = Schema.createFieldsVector(
    builder,
    schema.fields.map((field) => writeField(builder, field)),
  );
  const header = Schema.createSchema(builder, 0, fields, 0, 0);
  return {
    header: finish(builder, MessageHeader.Schema, header, 0),
    appMetadata: NOTHING,
    body: NOTHING,
  };
}

/** `codec` says how the body is compressed already. */
export function batchMessage(batch: ArrowBatch, codec?: CompressionType): FlightData {
  const builder = new Builder();
  const table = writeBatch(builder, batch, codec);
  const header = finish(builder, MessageHeader.RecordBatch, table, batch.body.length);
  return { header, appMetadata: NOTHING, body: batch.body };
}

export function dictionaryMessage(
  { id, isDelta, batch }: ArrowDictionary,
  codec?: CompressionType,
): FlightData {
  const builder = new Builder();
  const data = writeBatch(builder, batch, codec);
  DictionaryBatch.startDictionaryBatch(builder);
  DictionaryBatch.addId(builder, id);
  DictionaryBatch.addData(builder, data);
  DictionaryBatch.addIsDelta(builder, isDelta);
  const table = DictionaryBatch.endDictionaryBatch(builder);
  const header = finish(builder, MessageHeader.DictionaryBatch, table, batch.body.length);
  return { header, appMetadata: NOTHING, body: batch.body };
}

export function messagesOf({ schema, messages }: ArrowStream): readonly FlightData[] {
  return [
    schemaMessage(schema),
    ...messages.map((message) =>
      message.kind === "batch" ? batchMessage(message.batch) : dictionaryMessage(message.dictionary),
    ),
  ];
}

/** An IPC stream as files hold it. */
export function writeStream(stream: ArrowStream): Uint8Array {
  const parts = messagesOf(stream).flatMap(({ header, body }) => {
    const prefix = new DataView(new ArrayBuffer(8));
    prefix.setUint32(0, CONTINUATION, true);
    prefix.setInt32(4, header.length, true);
    return [new Uint8Array(prefix.buffer), header, body];
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** A stream as Arrow wrote it before 0.15: the length of a message has nothing in front of it. */
export class OldStream extends Error {
  constructor() {
    super("an Arrow stream older than 0.15, or none: no FFFFFFFF before its first message");
  }
}

/** Splits the bytes of an IPC stream into messages as Flight sends them. */
export function splitStream(stream: Uint8Array): readonly FlightData[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  if (stream.length < 4 || view.getUint32(0, true) !== CONTINUATION) {
    throw new OldStream();
  }
  const messages: FlightData[] = [];
  let at = 0;
  while (at + 8 <= stream.length && view.getUint32(at, true) === CONTINUATION) {
    const length = view.getInt32(at + 4, true);
    if (length === 0) {
      break;
    }
    const bodyAt = at + 8 + length;
    const header = stream.subarray(at + 8, bodyAt);
    at = bodyAt + bodyLength(header);
    messages.push({ header, appMetadata: NOTHING, body: stream.subarray(bodyAt, at) });
  }
  return messages;
}

/** Reads messages that are not compressed. */
export function readMessages(messages: readonly FlightData[]): ArrowStream {
  return streamFrom(
    messages.map((message) => {
      const decoded = decodeMessage(message);
      if (decoded !== null && decoded.kind !== "schema" && decoded.codec !== null) {
        throw new Error("a compressed batch");
      }
      return decoded;
    }),
  );
}

/** Reads messages, compressed or not. */
export async function readPlainMessages(messages: readonly FlightData[]): Promise<ArrowStream> {
  const decoded: (Plain | null)[] = [];
  for (const message of messages) {
    decoded.push(await decodePlain(message, MAX_BODY_BYTES));
  }
  return streamFrom(decoded);
}

const MAX_BODY_BYTES = 128 * 1024 * 1024;

function streamFrom([first, ...rest]: readonly (Plain | null)[]): ArrowStream {
  if (first?.kind !== "schema") {
    throw new Error("a stream without schema");
  }
  return {
    schema: first.schema,
    messages: rest.map((message) => {
      if (message === null || message.kind === "schema") throw new Error("no batch");
      return message;
    }),
  };
}

export function readStream(stream: Uint8Array): ArrowStream {
  return readMessages(splitStream(stream));
}

function bodyLength(header: Uint8Array): number {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const table = view.getUint32(0, true);
  const vtable = table - view.getInt32(table, true);
  const slot = view.getUint16(vtable, true) > 10 ? view.getUint16(vtable + 10, true) : 0;
  return slot === 0 ? 0 : Number(view.getBigInt64(table + slot, true));
}

function finish(builder: Builder, kind: MessageHeader, header: number, length: number): Uint8Array {
  Message.startMessage(builder);
  Message.addVersion(builder, MetadataVersion.V5);
  Message.addHeaderType(builder, kind);
  Message.addHeader(builder, header);
  Message.addBodyLength(builder, BigInt(length));
  builder.finish(Message.endMessage(builder));
  const flatbuffer = builder.asUint8Array();
  const padded = new Uint8Array(Math.ceil(flatbuffer.length / 8) * 8);
  padded.set(flatbuffer);
  return padded;
}

function writeBatch(builder: Builder, batch: ArrowBatch, codec?: CompressionType): number {
  const { nodes, buffers, variadicCounts } = batch;
  RecordBatch.startNodesVector(builder, nodes.length);
  for (const { length, nullCount } of nodes.toReversed()) {
    FieldNode.createFieldNode(builder, BigInt(length), BigInt(nullCount));
  }
  const nodesAt = builder.endVector();
  RecordBatch.startBuffersVector(builder, buffers.length);
  for (const { offset, length } of buffers.toReversed()) {
    FbBuffer.createBuffer(builder, BigInt(offset), BigInt(length));
  }
  const buffersAt = builder.endVector();
  const variadicAt = RecordBatch.createVariadicBufferCountsVector(builder, variadicCounts.map(BigInt));
  const compression =
    codec === undefined
      ? 0
      : BodyCompression.createBodyCompression(builder, codec, BodyCompressionMethod.BUFFER);
  RecordBatch.startRecordBatch(builder);
  RecordBatch.addLength(builder, BigInt(batch.rowCount));
  RecordBatch.addNodes(builder, nodesAt);
  RecordBatch.addBuffers(builder, buffersAt);
  if (variadicCounts.length > 0) {
    RecordBatch.addVariadicBufferCounts(builder, variadicAt);
  }
  if (codec !== undefined) {
    RecordBatch.addCompression(builder, compression);
  }
  return RecordBatch.endRecordBatch(builder);
}

function writeField(builder: Builder, { name, nullable, type }: ArrowField): number {
  const stored = type.kind === "dictionary" ? type.value : type;
  const children = childrenOf(stored).map((child) => writeField(builder, child));
  const childrenAt = Field.createChildrenVector(builder, children);
  const [kind, typeAt] = writeType(builder, stored);
  const nameAt = builder.createString(name);
  const dictionaryAt = type.kind === "dictionary" ? writeDictionary(builder, type.id, type.index) : 0;
  Field.startField(builder);
  Field.addName(builder, nameAt);
  Field.addNullable(builder, nullable);
  Field.addTypeType(builder, kind);
  Field.addType(builder, typeAt);
  if (type.kind === "dictionary") {
    Field.addDictionary(builder, dictionaryAt);
  }
  Field.addChildren(builder, childrenAt);
  return Field.endField(builder);
}

function writeDictionary(builder: Builder, id: bigint, index: ArrowInt): number {
  const indexAt = Int.createInt(builder, index.bits, index.signed);
  DictionaryEncoding.startDictionaryEncoding(builder);
  DictionaryEncoding.addId(builder, id);
  DictionaryEncoding.addIndexType(builder, indexAt);
  return DictionaryEncoding.endDictionaryEncoding(builder);
}

/** The fields below a type, in the order of the format. */
function childrenOf(type: ArrowType): readonly ArrowField[] {
  switch (type.kind) {
    case "list":
    case "fixedSizeList":
      return [type.item];
    case "struct":
    case "union":
      return type.fields;
    case "map":
      return [{ name: "entries", nullable: false, type: { kind: "struct", fields: [type.key, type.value] } }];
    case "runEndEncoded":
      return [{ name: "run_ends", nullable: false, type: type.runEnds }, type.value];
    default:
      return [];
  }
}

const UNITS = ["s", "ms", "µs", "ns"];

/** Kind and table of a type; parameters as int16, int32 or bool in the slots of the format. */
function writeType(builder: Builder, type: ArrowType): readonly [kind: number, at: number] {
  const table = (
    kind: number,
    ...slots: readonly ["int8" | "int16" | "int32" | "offset", number][]
  ): readonly [number, number] => {
    builder.startObject(slots.length);
    slots.forEach(([width, value], i) => {
      if (width === "int8") builder.addFieldInt8(i, value, -1);
      if (width === "int16") builder.addFieldInt16(i, value, -1);
      if (width === "int32") builder.addFieldInt32(i, value, -(2 ** 31));
      if (width === "offset") builder.addFieldOffset(i, value, 0);
    });
    return [kind, builder.endObject()];
  };
  switch (type.kind) {
    case "null":
      return table(1);
    case "int":
      return table(2, ["int32", type.bits], ["int8", type.signed ? 1 : 0]);
    case "float":
      return table(3, ["int16", [16, 32, 64].indexOf(type.bits)]);
    case "binary":
      return table({ offsets: 4, large: 19, view: 23 }[type.layout]);
    case "utf8":
      return table({ offsets: 5, large: 20, view: 24 }[type.layout]);
    case "bool":
      return table(6);
    case "decimal":
      return table(7, ["int32", type.precision], ["int32", type.scale], ["int32", type.bits]);
    case "date":
      return table(8, ["int16", type.unit === "day" ? 0 : 1]);
    case "time": {
      const unit = UNITS.indexOf(type.unit);
      return table(9, ["int16", unit], ["int32", unit < 2 ? 32 : 64]);
    }
    case "timestamp": {
      const zone = type.zone === null ? 0 : builder.createString(type.zone);
      return table(10, ["int16", UNITS.indexOf(type.unit)], ["offset", zone]);
    }
    case "interval":
      return table(11, ["int16", ["yearMonth", "dayTime", "monthDayNano"].indexOf(type.unit)]);
    case "list":
      return table({ offsets: 12, large: 21, view: 25, largeView: 26 }[type.layout]);
    case "struct":
      return table(13);
    case "union":
      return table(14, ["int16", type.mode === "sparse" ? 0 : 1]);
    case "fixedSizeBinary":
      return table(15, ["int32", type.width]);
    case "fixedSizeList":
      return table(16, ["int32", type.size]);
    case "map":
      return table(17, ["int8", 0]);
    case "duration":
      return table(18, ["int16", UNITS.indexOf(type.unit)]);
    case "runEndEncoded":
      return table(22);
    case "dictionary":
      throw new Error("a dictionary is no stored type");
    default:
      return type satisfies never;
  }
}
