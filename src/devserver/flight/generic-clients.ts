import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  Metadata,
  status,
} from "@grpc/grpc-js";

import { encodeAny } from "../../flight/protocol/messages.ts";
import { bytesOf, MessageWriter, readFields, textOf } from "../../flight/protocol/wire.ts";
import { encapsulated, schemaMessage } from "../arrow/ipc.ts";
import type { Catalog } from "../catalog.ts";
import { decodeAny, decodeCommandStatementQuery } from "./messages.ts";
import { planQuery } from "./plan.ts";
import { asRefusal, refusal } from "./refusal.ts";

/**
 * Calls that Amp servers do not have, but that generic Flight SQL clients make before
 * they send a statement: a handshake and prepared statements.
 */

const SQL_TYPES = "type.googleapis.com/arrow.flight.protocol.sql";

/** The command that executes a prepared statement; its first field is the handle, which here is the SQL text. */
export const PREPARED_QUERY_URL = `${SQL_TYPES}.CommandPreparedStatementQuery`;

/** Admits everybody, and returns a token that is never checked, because some clients require one. */
export const acceptHandshake: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer anybody");
  call.sendMetadata(metadata);
  call.on("data", () => call.write(Buffer.alloc(0)));
  call.on("end", () => call.end());
};

/** The server keeps nothing of a prepared statement, so closing one does nothing. */
export function preparedStatementAction(catalog: Catalog): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => {
    try {
      const { type, body } = decodeAction(call.request);
      switch (type) {
        case "CreatePreparedStatement":
          call.write(preparedStatement(decodeCommandStatementQuery(decodeAny(body).value), catalog));
          break;
        case "ClosePreparedStatement":
          break;
        default:
          throw refusal(status.UNIMPLEMENTED, "do_action");
      }
      call.end();
    } catch (error) {
      call.emit("error", asRefusal(error));
    }
  };
}

function preparedStatement(sql: string, catalog: Catalog): Buffer {
  const schema = encapsulated(schemaMessage(planQuery(sql, catalog, "2026").schema));
  const value = new MessageWriter().text(1, sql).bytes(2, schema).finish();
  const result = encodeAny({ typeUrl: `${SQL_TYPES}.ActionCreatePreparedStatementResult`, value });
  return new MessageWriter().bytes(1, result).finish();
}

function decodeAction(request: Buffer): { type: string; body: Uint8Array } {
  let type = "";
  let body: Uint8Array = new Uint8Array(0);
  for (const field of readFields(request, "Action")) {
    if (field.number === 1) type = textOf(field, "Action");
    if (field.number === 2) body = bytesOf(field, "Action");
  }
  return { type, body };
}
