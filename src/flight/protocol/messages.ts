import { bytesOf, MessageWriter, readFields } from "./wire.ts";

/**
 * The Flight messages that a client sends and reads, encoded and decoded by hand.
 * Decoders return views into the given bytes, ignore fields that they do not need,
 * and raise SY101 on bytes that are not such a message.
 */

/** `FlightDescriptor.type` of a command. */
export const DESCRIPTOR_CMD = 2;

/** The `type_url` under which a SQL statement travels. */
export const STATEMENT_QUERY_URL = "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery";

const NOTHING = new Uint8Array(0);

/** The FlightDescriptor that asks for the result of one SQL statement. */
export function encodeStatement(sql: string): Buffer {
  const value = new MessageWriter().text(1, sql).finish();
  const command = encodeAny({ typeUrl: STATEMENT_QUERY_URL, value });
  return new MessageWriter().int64(1, BigInt(DESCRIPTOR_CMD)).bytes(2, command).finish();
}

export interface AnyMessage {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export function encodeAny({ typeUrl, value }: AnyMessage): Buffer {
  return new MessageWriter().text(1, typeUrl).bytes(2, value).finish();
}

/** A ticket is opaque: only the server that issued it looks inside. */
export function encodeTicket(ticket: Uint8Array): Buffer {
  return new MessageWriter().bytes(1, ticket).finish();
}

/** The part of GetFlightInfo's answer that a client needs: data comes from the connection that answered. */
export interface FlightInfo {
  /** Encapsulated IPC schema message: `FFFFFFFF`, length, flatbuffer, padding. */
  readonly schema: Uint8Array;
  /** One ticket per endpoint; null if the server sent none. */
  readonly tickets: readonly (Uint8Array | null)[];
}

export function decodeFlightInfo(bytes: Uint8Array): FlightInfo {
  let schema: Uint8Array = NOTHING;
  const tickets: (Uint8Array | null)[] = [];
  for (const field of readFields(bytes, "FlightInfo")) {
    if (field.number === 1) schema = bytesOf(field, "FlightInfo");
    if (field.number === 3) tickets.push(decodeFlightEndpoint(bytesOf(field, "FlightInfo")));
  }
  return { schema, tickets };
}

function decodeFlightEndpoint(bytes: Uint8Array): Uint8Array | null {
  let ticket: Uint8Array | null = null;
  for (const field of readFields(bytes, "FlightEndpoint")) {
    if (field.number === 1) ticket = decodeTicket(bytesOf(field, "FlightEndpoint"));
  }
  return ticket;
}

export function decodeTicket(bytes: Uint8Array): Uint8Array {
  let ticket: Uint8Array = NOTHING;
  for (const field of readFields(bytes, "Ticket")) {
    if (field.number === 1) ticket = bytesOf(field, "Ticket");
  }
  return ticket;
}

/** One message of a DoGet answer. Its descriptor, unused there, is not kept. */
export interface FlightData {
  /** Bare flatbuffer `Message`, without the `FFFFFFFF` prefix. */
  readonly header: Uint8Array;
  readonly appMetadata: Uint8Array;
  readonly body: Uint8Array;
}

/** The body is a view into `bytes`; its offset there is not aligned. */
export function decodeFlightData(bytes: Uint8Array): FlightData {
  let header: Uint8Array = NOTHING;
  let appMetadata: Uint8Array = NOTHING;
  let body: Uint8Array = NOTHING;
  for (const field of readFields(bytes, "FlightData")) {
    if (field.number === 2) header = bytesOf(field, "FlightData");
    if (field.number === 3) appMetadata = bytesOf(field, "FlightData");
    if (field.number === 1000) body = bytesOf(field, "FlightData");
  }
  return { header, appMetadata, body };
}
