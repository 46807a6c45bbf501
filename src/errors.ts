/**
 * Every error that ampsync raises on purpose carries a SQLSTATE of class `SY`,
 * in SQL and in TypeScript alike. Meanings: docs/errors.md.
 */
export type ErrorCode =
  | "SY001" // lease is not current
  | "SY002" // stream is paused or gone
  | "SY003" // no such stream, or the name or target is taken
  | "SY004" // an argument is wrong
  | "SY101" // a message breaks the protocol
  | "SY102" // a reorg that needs a decision
  | "SY103" // dataset, version or table is unknown to the server
  | "SY104" // source unreachable, or the stream broke off
  | "SY105" // authentication refused
  | "SY106" // a message is over the size limit
  | "SY107" // the server's head is below the checkpoint, on the same chain or on one that cannot be compared
  | "SY108" // workers died while they held data of the stream
  | "SY109" // one of the two sides does not accept the other's certificate, or they cannot speak TLS
  | "SY201" // target table cannot be written as it must be
  | "SY202" // the schema of the server cannot become a table
  | "SY203" // value cannot be stored in the column's type
  | "SY205" // target table was renamed while it was written
  | "SY301" // the pages of an API do not advance
  | "SY302" // a cursor of an API expired, and cannot be replaced
  | "SY303" // an answer is not what the source's definition says
  | "SY304" // an API's rate limit is used up
  | "SY305" // the worker may not call this address
  | "SY306" // the worker does not have this secret, or not for this host
  | "SY307" // records are not in the order that the definition says, or lack the field that it needs
  | "SY401" // the table is not published, or not in the way that is asked for
  | "SY402" // the table, or an option, cannot be published
  | "SY403" // the server does not allow capture
  | "SY404" // WAL that cannot be decoded or stored
  | "SY405" // capture is not running, or lags too far for the call
  | "SY406" // a time, position or epoch that is not in the history
  | "SY411" // a message between client and gateway breaks their protocol
  | "SY412" // a second shape of one table for a client
  | "SY413" // the shape is refused, or does not fit its table any more
  | "SY414" // the filter of a shape fails on a row
  | "SY415" // the client belongs to another subject
  | "SY416" // a limit of clients is reached
  | "SY417" // a client's table does not take what a frame brings
  | "SY418" // a client's table differs from its server's, although it was loaded for that
  | "SY419" // a client does not come from one phase to the other
  | "SY420" // the tab that has the store does not answer
  | "SY421" // a client's store cannot be opened
  | "SY422" // another connection has the id of a client
  | "SY431" // a client may not write this
  | "SY433" // a client's store takes nothing
  | "SY901" // database schema and code do not match
  | "SY902" // configuration is wrong
  | "SY903"; // a bug in ampsync

export interface ErrorFields {
  readonly detail?: string;
  /** A statement or command that helps, if there is one. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** For how many seconds a server asks to be left alone. */
  readonly retryAfterS?: number | null;
}

/** The one error class: what happened (message), what was found (detail), what to do (hint). */
export class AmpsyncError extends Error {
  override readonly name = "AmpsyncError";
  readonly code: ErrorCode;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly retryAfterS: number | null;

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = code;
    this.detail = fields.detail ?? null;
    this.hint = fields.hint ?? null;
    this.retryAfterS = fields.retryAfterS ?? null;
  }

  /** How Node prints the error, for example when graphile-worker's command fails to start. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return reportOf(this);
  }
}

/** The error with the hint that these give its code, if they do. */
export function withHint(error: unknown, hints: Partial<Record<ErrorCode, string>> = {}): unknown {
  if (!(error instanceof AmpsyncError)) {
    return error;
  }
  const { code, message, retryAfterS } = error;
  const hint = hints[code];
  const detail = error.detail === null ? {} : { detail: error.detail };
  return hint === undefined
    ? error
    : new AmpsyncError(code, message, { ...detail, hint, retryAfterS, cause: error.cause });
}

interface Report {
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
}

/** The error as text for people, laid out as PostgreSQL's own programs do. */
export function reportOf({ code, message, detail, hint }: Report): string {
  const lines = [`ERROR ${code}: ${message}`];
  if (detail !== null) lines.push(`DETAIL: ${detail}`);
  if (hint !== null) lines.push(`HINT: ${hint}`);
  return lines.join("\n");
}
