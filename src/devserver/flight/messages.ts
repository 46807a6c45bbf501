import { type AnyMessage, encodeTicket, type FlightData } from "../../flight/protocol/messages.ts";
import { bytesOf, int64Of, MessageWriter, readFields, textOf } from "../../flight/protocol/wire.ts";

/** The Flight messages that a server reads and sends: the counterparts of those of a client. */
export interface FlightDescriptor {
  readonly type: number;
  readonly cmd: Uint8Array;
}

const NOTHING = new Uint8Array(0);

export function decodeFlightDescriptor(bytes: Uint8Array): FlightDescriptor {
  let type = 0;
  let cmd: Uint8Array = NOTHING;
  for (const field of readFields(bytes, "FlightDescriptor")) {
    if (field.number === 1) type = Number(int64Of(field, "FlightDescriptor"));
    if (field.number === 2) cmd = bytesOf(field, "FlightDescriptor");
  }
  return { type, cmd };
}

export function decodeAny(bytes: Uint8Array): AnyMessage {
  let typeUrl = "";
  let value: Uint8Array = NOTHING;
  for (const field of readFields(bytes, "Any")) {
    if (field.number === 1) typeUrl = textOf(field, "Any");
    if (field.number === 2) value = bytesOf(field, "Any");
  }
  return { typeUrl, value };
}

/** Reads only the SQL text of this message. */
export function decodeCommandStatementQuery(bytes: Uint8Array): string {
  let sql = "";
  for (const field of readFields(bytes, "CommandStatementQuery")) {
    if (field.number === 1) sql = textOf(field, "CommandStatementQuery");
  }
  return sql;
}

export interface FlightInfo {
  readonly schema: Uint8Array;
  /** The FlightDescriptor of the request, as received. */
  readonly descriptor: Uint8Array;
  /** One ticket for each endpoint, all on the connection of the answer. */
  readonly tickets: readonly Uint8Array[];
}

export function encodeFlightInfo({ schema, descriptor, tickets }: FlightInfo): Buffer {
  const writer = new MessageWriter().bytes(1, schema).bytes(2, descriptor);
  for (const ticket of tickets) {
    writer.message(3, new MessageWriter().message(1, encodeTicket(ticket)).finish());
  }
  return writer.int64(4, UNKNOWN).int64(5, UNKNOWN).finish();
}

/** The value of the totals of rows and bytes. */
const UNKNOWN = -1n;

export function encodeFlightData({ header, appMetadata, body }: FlightData): Buffer {
  return new MessageWriter().bytes(2, header).bytes(3, appMetadata).bytes(1000, body).finish();
}
