import { type Cursor, parseCursor } from "./cursor.ts";
import { invalidArgument } from "./refusal.ts";

/** Everything that DoGet needs to know. A ticket may be used any number of times. */
export interface QueryTicket {
  readonly sql: string;
  readonly streaming: boolean;
  readonly cursor: Cursor | null;
}

export function encodeQueryTicket(ticket: QueryTicket): Uint8Array {
  const { sql, streaming, cursor } = ticket;
  const networks = [...(cursor ?? [])].map(([network, { number, hash }]) => [
    network,
    { number: Number(number), hash },
  ]);
  const resume = cursor === null ? null : JSON.stringify(Object.fromEntries(networks));
  return Buffer.from(JSON.stringify({ sql, streaming, resume }));
}

export function decodeQueryTicket(bytes: Uint8Array): QueryTicket {
  let ticket: unknown;
  try {
    ticket = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw invalidArgument("the ticket cannot be decoded");
  }
  if (typeof ticket !== "object" || ticket === null || !("sql" in ticket) || typeof ticket.sql !== "string") {
    throw invalidArgument("the ticket cannot be decoded");
  }
  const streaming = "streaming" in ticket && ticket.streaming === true;
  const resume = "resume" in ticket && typeof ticket.resume === "string" ? ticket.resume : null;
  return { sql: ticket.sql, streaming, cursor: resume === null ? null : parseCursor(resume) };
}
