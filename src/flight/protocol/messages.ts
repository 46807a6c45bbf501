import { bytesOf, int64Of, MessageWriter, readFields, textOf } from "./wire.ts";

/**
 * The Flight messages that both ends of a query exchange, encoded and decoded by
 * hand. Decoders return views into the bytes they are given, ignore fields they
 * do not know, and raise SY101 on bytes that are no such message.
 */

/** `FlightDescriptor.type` of a command. */
export const DESCRIPTOR_CMD = 2;

/** The `type_url` under which a SQL statement travels. */
export const STATEMENT_QUERY_URL = "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery";

const NOTHING = new Uint8Array(0);

export interface FlightDescriptor {
  readonly type: number;
  readonly cmd: Uint8Array;
  readonly path: readonly string[];
}

export function encodeFlightDescriptor(descriptor: FlightDescriptor): Buffer {
  const writer = new MessageWriter().int64(1, BigInt(descriptor.type)).bytes(2, descriptor.cmd);
  for (const element of descriptor.path) {
    writer.message(3, new TextEncoder().encode(element));
  }
  return writer.finish();
}

export function decodeFlightDescriptor(bytes: Uint8Array): FlightDescriptor {
  let type = 0;
  let cmd: Uint8Array = NOTHING;
  const path: string[] = [];
  for (const field of readFields(bytes, "FlightDescriptor")) {
    if (field.number === 1) type = Number(int64Of(field, "FlightDescriptor"));
    if (field.number === 2) cmd = bytesOf(field, "FlightDescriptor");
    if (field.number === 3) path.push(textOf(field, "FlightDescriptor"));
  }
  return { type, cmd, path };
}

/** The descriptor that asks for the result of one SQL statement. */
export function statementDescriptor(sql: string): FlightDescriptor {
  const value = encodeCommandStatementQuery(sql);
  return { type: DESCRIPTOR_CMD, cmd: encodeAny({ typeUrl: STATEMENT_QUERY_URL, value }), path: [] };
}

export interface AnyMessage {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export function encodeAny(any: AnyMessage): Buffer {
  return new MessageWriter().text(1, any.typeUrl).bytes(2, any.value).finish();
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

/** Of this message only the SQL text counts. */
export function encodeCommandStatementQuery(sql: string): Buffer {
  return new MessageWriter().text(1, sql).finish();
}

export function decodeCommandStatementQuery(bytes: Uint8Array): string {
  let sql = "";
  for (const field of readFields(bytes, "CommandStatementQuery")) {
    if (field.number === 1) sql = textOf(field, "CommandStatementQuery");
  }
  return sql;
}

/** A ticket is opaque: only the server that issued it looks inside. */
export function encodeTicket(ticket: Uint8Array): Buffer {
  return new MessageWriter().bytes(1, ticket).finish();
}

export function decodeTicket(bytes: Uint8Array): Uint8Array {
  let ticket: Uint8Array = NOTHING;
  for (const field of readFields(bytes, "Ticket")) {
    if (field.number === 1) ticket = bytesOf(field, "Ticket");
  }
  return ticket;
}

export interface FlightEndpoint {
  /** Content of the ticket; null where the server sent none. */
  readonly ticket: Uint8Array | null;
  /** URIs to fetch from; empty means the connection the answer came on. */
  readonly locations: readonly string[];
}

function encodeFlightEndpoint(endpoint: FlightEndpoint): Buffer {
  const writer = new MessageWriter();
  if (endpoint.ticket !== null) {
    writer.message(1, encodeTicket(endpoint.ticket));
  }
  for (const uri of endpoint.locations) {
    writer.message(2, new MessageWriter().text(1, uri).finish());
  }
  return writer.finish();
}

function decodeFlightEndpoint(bytes: Uint8Array): FlightEndpoint {
  let ticket: Uint8Array | null = null;
  const locations: string[] = [];
  for (const field of readFields(bytes, "FlightEndpoint")) {
    if (field.number === 1) ticket = decodeTicket(bytesOf(field, "FlightEndpoint"));
    if (field.number === 2) locations.push(decodeLocation(bytesOf(field, "FlightEndpoint")));
  }
  return { ticket, locations };
}

function decodeLocation(bytes: Uint8Array): string {
  let uri = "";
  for (const field of readFields(bytes, "Location")) {
    if (field.number === 1) uri = textOf(field, "Location");
  }
  return uri;
}

export interface FlightInfo {
  /** Encapsulated IPC schema message: `FFFFFFFF`, length, flatbuffer, padding. */
  readonly schema: Uint8Array;
  readonly descriptor: FlightDescriptor | null;
  readonly endpoints: readonly FlightEndpoint[];
  /** -1 where unknown. */
  readonly totalRecords: bigint;
  /** -1 where unknown. */
  readonly totalBytes: bigint;
}

export function encodeFlightInfo(info: FlightInfo): Buffer {
  const writer = new MessageWriter().bytes(1, info.schema);
  if (info.descriptor !== null) {
    writer.message(2, encodeFlightDescriptor(info.descriptor));
  }
  for (const endpoint of info.endpoints) {
    writer.message(3, encodeFlightEndpoint(endpoint));
  }
  return writer.int64(4, info.totalRecords).int64(5, info.totalBytes).finish();
}

export function decodeFlightInfo(bytes: Uint8Array): FlightInfo {
  let schema: Uint8Array = NOTHING;
  let descriptor: FlightDescriptor | null = null;
  const endpoints: FlightEndpoint[] = [];
  let totalRecords = 0n;
  let totalBytes = 0n;
  for (const field of readFields(bytes, "FlightInfo")) {
    if (field.number === 1) schema = bytesOf(field, "FlightInfo");
    if (field.number === 2) descriptor = decodeFlightDescriptor(bytesOf(field, "FlightInfo"));
    if (field.number === 3) endpoints.push(decodeFlightEndpoint(bytesOf(field, "FlightInfo")));
    if (field.number === 4) totalRecords = int64Of(field, "FlightInfo");
    if (field.number === 5) totalBytes = int64Of(field, "FlightInfo");
  }
  return { schema, descriptor, endpoints, totalRecords, totalBytes };
}

/** One message of a DoGet answer. Its descriptor, unused there, is not kept. */
export interface FlightData {
  /** Bare flatbuffer `Message`, without the `FFFFFFFF` prefix. */
  readonly header: Uint8Array;
  readonly appMetadata: Uint8Array;
  readonly body: Uint8Array;
}

export function encodeFlightData(data: FlightData): Buffer {
  return new MessageWriter().bytes(2, data.header).bytes(3, data.appMetadata).bytes(1000, data.body).finish();
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
