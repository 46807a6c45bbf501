import { Message, MetadataVersion, type Schema } from "apache-arrow";
import { AmpsyncError } from "../errors.ts";
import type { ArrowBatch, ArrowBuffer, ArrowNode } from "../model/arrow-batch.ts";
import type { FlightData } from "./protocol/messages.ts";

/** What one FlightData message holds. */
export type Decoded =
  | { readonly kind: "schema"; readonly schema: Schema }
  | { readonly kind: "batch"; readonly batch: ArrowBatch };

/** Of an encapsulated message: four bytes FF, then the length of the header as int32. */
const ENCAPSULATION_BYTES = 8;
const CONTINUATION = 0xffffffff;
const ALIGNMENT = 8;

/** Decode one message of a DoGet answer; null where it carries no Arrow message. */
export function decodeFlightMessage(data: FlightData): Decoded | null {
  if (data.dataHeader.length === 0) {
    return null;
  }
  const message = messageOf(data.dataHeader);
  if (message.isSchema()) {
    return { kind: "schema", schema: headerOf(() => message.header()) };
  }
  if (message.isRecordBatch()) {
    const header = headerOf(() => message.header());
    return { kind: "batch", batch: batchOf(header, data.dataBody) };
  }
  if (message.isDictionaryBatch()) {
    throw new AmpsyncError("SY202", "Dictionary batches are not supported", {
      detail: "The server sent a column as a dictionary and its indices.",
      hint: "Cast the column to its plain type in the query.",
    });
  }
  throw broken("The message is neither a schema nor a record batch.");
}

/** Decode the schema of a FlightInfo: an encapsulated message. */
export function decodeEncapsulatedSchema(bytes: Uint8Array): Schema {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < ENCAPSULATION_BYTES || view.getUint32(0, true) !== CONTINUATION) {
    throw broken("The planned schema is no encapsulated message.");
  }
  const end = ENCAPSULATION_BYTES + view.getInt32(4, true);
  if (end > bytes.length) {
    throw broken(`The planned schema has ${bytes.length} bytes of ${end}.`);
  }
  const message = messageOf(bytes.subarray(ENCAPSULATION_BYTES, end));
  if (!message.isSchema()) {
    throw broken("The planned schema is another kind of message.");
  }
  return headerOf(() => message.header());
}

function messageOf(header: Uint8Array): Message {
  const message = headerOf(() => Message.decode(header));
  if (message.version < MetadataVersion.V4) {
    throw broken(`Arrow metadata version V${message.version + 1} is older than V4.`);
  }
  return message;
}

/** The part we read of apache-arrow's record batch header, whose class is not exported. */
interface BatchHeader {
  readonly length: number;
  readonly nodes: readonly ArrowNode[];
  readonly buffers: readonly ArrowBuffer[];
  readonly compression: unknown;
}

function batchOf(header: BatchHeader, received: Uint8Array): ArrowBatch {
  if (header.compression !== null) {
    throw new AmpsyncError("SY202", "Compressed record batches are not supported", {
      hint: "Turn off the Arrow body compression of the server.",
    });
  }
  for (const { offset, length } of header.buffers) {
    if (offset < 0 || length < 0 || offset % ALIGNMENT !== 0 || offset + length > received.length) {
      throw broken(`A buffer of ${length} bytes at ${offset} does not fit a body of ${received.length}.`);
    }
  }
  return {
    rowCount: header.length,
    nodes: header.nodes,
    buffers: header.buffers,
    body: aligned(received),
  };
}

/** A protobuf field begins at any byte, a typed array only at a multiple of its width. */
function aligned(body: Uint8Array): Uint8Array {
  if (body.byteOffset % ALIGNMENT === 0) {
    return body;
  }
  const copy = Buffer.allocUnsafeSlow(body.length);
  copy.set(body);
  return copy;
}

/** Flatbuffers are read without checks: broken bytes end in any error at all. */
function headerOf<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw broken("Its header is no flatbuffer of the Arrow format.", cause);
  }
}

function broken(detail: string, cause?: unknown): AmpsyncError {
  return new AmpsyncError("SY101", "An Arrow message cannot be decoded", { detail, cause });
}
