import type { Metadata } from "@grpc/grpc-js";

import { AmpsyncError } from "../../errors.ts";
import { DESCRIPTOR_CMD } from "../../flight/protocol/messages.ts";
import { FLIGHT_HEADERS } from "../../flight/protocol/service.ts";
import { encapsulated, schemaMessage } from "../arrow/ipc.ts";
import type { Catalog } from "../catalog.ts";
import { type Misbehaviour, misbehaviourOf } from "../misbehaviour.ts";
import { parseCursor } from "./cursor.ts";
import {
  decodeAny,
  decodeCommandStatementQuery,
  decodeFlightDescriptor,
  encodeFlightInfo,
} from "./messages.ts";
import { planQuery } from "./plan.ts";
import { invalidArgument } from "./refusal.ts";
import { encodeQueryTicket } from "./ticket.ts";

/** Answers GetFlightInfo: the schema of the result and one ticket for it. `commands`: the accepted types. */
export function flightInfo(
  request: Buffer,
  headers: Metadata,
  catalog: Catalog,
  commands: readonly string[],
  misbehaviour: Misbehaviour,
): Buffer {
  const sql = decodeRequest(request, commands);
  const plan = planQuery(sql, catalog, misbehaviour.generation);
  const { dropResumeHeader } = misbehaviourOf(misbehaviour, plan.table);
  const resume = dropResumeHeader ? null : headerText(headers, FLIGHT_HEADERS.resume);
  // Servers of October 2025 know only the setting.
  const header = misbehaviour.generation === "2025-10" ? null : streamHeader(headers);
  const streaming = header ?? plan.streamSetting ?? false;
  const cursor = resume === null ? null : parseCursor(resume);
  return encodeFlightInfo({
    schema: encapsulated(schemaMessage(plan.schema)),
    descriptor: request,
    tickets: [encodeQueryTicket({ sql, streaming, cursor })],
  });
}

function decodeRequest(request: Buffer, commands: readonly string[]): string {
  try {
    const descriptor = decodeFlightDescriptor(request);
    if (descriptor.type !== DESCRIPTOR_CMD) {
      throw invalidArgument(`unsupported flight descriptor type: ${descriptor.type}`);
    }
    const command = decodeAny(descriptor.cmd);
    if (!commands.includes(command.typeUrl)) {
      throw invalidArgument(`unsupported flight descriptor command: ${command.typeUrl}`);
    }
    return decodeCommandStatementQuery(command.value);
  } catch (error) {
    if (error instanceof AmpsyncError) {
      throw invalidArgument(`ProtocolBuffers decoding error: ${error.message}: ${error.detail}`);
    }
    throw error;
  }
}

function streamHeader(headers: Metadata): boolean | null {
  const text = headerText(headers, FLIGHT_HEADERS.stream)?.toLowerCase();
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  return null;
}

function headerText(headers: Metadata, name: string): string | null {
  const [value] = headers.get(name);
  return value === undefined ? null : value.toString();
}
