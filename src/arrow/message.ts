import { AmpsyncError } from "../errors.ts";
import type { ArrowBatch, ArrowDictionary } from "./batch.ts";
import { type ReceivedBatch, readBatch } from "./batch-message.ts";
import { type Codec, decompress } from "./compression.ts";
import { FlatTable } from "./flatbuffer.ts";
import { readSchema } from "./schema-message.ts";
import type { ArrowSchema } from "./type.ts";

/** An Arrow IPC message: its header, empty if there is no message, and the body that the header describes. */
export interface ArrowMessage {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** The content of one message. */
export type Plain =
  | { readonly kind: "schema"; readonly schema: ArrowSchema }
  | { readonly kind: "dictionary"; readonly dictionary: ArrowDictionary }
  | { readonly kind: "batch"; readonly batch: ArrowBatch };

/** The content as received: with a codec, the buffers of the batch are still compressed. */
export type Decoded =
  | { readonly kind: "schema"; readonly schema: ArrowSchema }
  | { readonly kind: "dictionary"; readonly dictionary: ArrowDictionary; readonly codec: Codec | null }
  | ({ readonly kind: "batch" } & ReceivedBatch);

/** An encapsulated message begins with four bytes FF and the length of the header as int32. */
const ENCAPSULATION_BYTES = 8;
const CONTINUATION = 0xffffffff;

/** Slots of a Message: version, kind of header, header. Versions count from V1 = 0, kinds from 1. */
const V4 = 3;
const SCHEMA = 1;
const DICTIONARY_BATCH = 2;
const RECORD_BATCH = 3;

/** Decodes one message of a DoGet answer, whose body may grow to `maxBodyBytes`; null if it has no Arrow message. */
export async function decodePlain(message: ArrowMessage, maxBodyBytes: number): Promise<Plain | null> {
  const decoded = decodeMessage(message);
  const inflate = async (batch: ArrowBatch, codec: Codec | null) =>
    codec === null ? batch : await decompress(batch, codec, maxBodyBytes);
  if (decoded?.kind === "batch") {
    return { kind: "batch", batch: await inflate(decoded.batch, decoded.codec) };
  }
  if (decoded?.kind === "dictionary") {
    const { dictionary, codec } = decoded;
    return {
      kind: "dictionary",
      dictionary: { ...dictionary, batch: await inflate(dictionary.batch, codec) },
    };
  }
  return decoded;
}

/** Decodes the header of a message, which is quick; the body stays compressed. */
export function decodeMessage(message: ArrowMessage): Decoded | null {
  if (message.header.length === 0) {
    return null;
  }
  return checked(() => {
    const root = FlatTable.root(message.header);
    const header = root.table(2);
    const version = root.int16(0);
    if (version < V4) {
      throw new RangeError(`metadata version V${version + 1} is older than V4`);
    }
    const kind = root.int8(1);
    if (header !== null && kind === SCHEMA) {
      return { kind: "schema", schema: readSchema(header) };
    }
    if (header !== null && kind === RECORD_BATCH) {
      return { kind: "batch", ...readBatch(header, message.body) };
    }
    if (header !== null && kind === DICTIONARY_BATCH) {
      return { kind: "dictionary", ...readDictionary(header, message.body) };
    }
    throw new RangeError("it is neither a schema nor a batch");
  });
}

/** Slots of a DictionaryBatch: id, batch, whether it is a delta. */
function readDictionary(
  header: FlatTable,
  body: Uint8Array,
): { readonly dictionary: ArrowDictionary; readonly codec: Codec | null } {
  const batch = header.table(1);
  if (batch === null) {
    throw new RangeError("a dictionary has no values");
  }
  const { codec, batch: values } = readBatch(batch, new Uint8Array(body)); // It outlives its message.
  return { dictionary: { id: header.int64(0), isDelta: header.int8(2) !== 0, batch: values }, codec };
}

/** Decodes the schema of a FlightInfo, which is an encapsulated message. */
export function decodeEncapsulatedSchema(bytes: Uint8Array): ArrowSchema {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < ENCAPSULATION_BYTES || view.getUint32(0, true) !== CONTINUATION) {
    throw broken("The planned schema is not an encapsulated message.");
  }
  const end = ENCAPSULATION_BYTES + view.getInt32(4, true);
  if (end > bytes.length) {
    throw broken(`The planned schema has ${bytes.length} of ${end} bytes.`);
  }
  const nothing = new Uint8Array();
  const header = bytes.subarray(ENCAPSULATION_BYTES, end);
  const decoded = decodeMessage({ header, body: nothing });
  if (decoded?.kind !== "schema") {
    throw broken("The planned schema is another kind of message.");
  }
  return decoded.schema;
}

/** Turns the RangeError of a broken header into SY101. */
function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw broken(`Its header is broken: ${cause.message}.`, cause);
    }
    throw cause;
  }
}

function broken(detail: string, cause?: unknown): AmpsyncError {
  return new AmpsyncError("SY101", "An Arrow message cannot be decoded", { detail, cause });
}
