import { AmpsyncError } from "../errors.ts";
import { textOf } from "../model/failure.ts";
import { sourceTlsError } from "../model/tls-error.ts";
import type { HttpRequest } from "./answer.ts";

/** Node's and undici's codes for connections that never stood. */
const NOT_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT)$/;

/** What a failed exchange is called. `hasAll`: the body came whole, and could not be decompressed. */
export function exchangeError(cause: unknown, { url }: HttpRequest, hasAll: boolean): AmpsyncError {
  if (cause instanceof AmpsyncError) {
    return cause;
  }
  const nested = nestedError(cause);
  if (nested !== null) {
    return nested;
  }
  const tls = sourceTlsError(cause);
  if (tls !== null) {
    return tls;
  }
  const code = codeOf(cause);
  const detail = `${cause instanceof Error ? cause.message || cause.name : String(cause)} (${code ?? "no code"}).`;
  const hint = "Retried automatically: select * from ampsync.streams;";
  if (code === "UND_ERR_HEADERS_OVERFLOW") {
    return new AmpsyncError("SY106", `${url.origin} sends more than 16 KiB of headers`, {
      detail,
      hint: "Have the server, or the proxy in front of it, send fewer; then: select * from ampsync.resume_sync('<dataset>');",
      cause,
    });
  }
  if (hasAll) {
    return new AmpsyncError("SY303", `the body from ${url.origin} cannot be decompressed`, {
      detail,
      hint,
      cause,
    });
  }
  const what = code !== null && NOT_CONNECTED.test(code) ? "cannot be reached" : "broke off the connection";
  return new AmpsyncError("SY104", `${url.origin} ${what}`, { detail, hint, cause });
}

/** What a lookup of ours refused arrives wrapped. */
function nestedError(cause: unknown): AmpsyncError | null {
  const errors =
    cause instanceof AggregateError ? cause.errors : [cause instanceof Error ? cause.cause : null];
  return errors.find((error): error is AmpsyncError => error instanceof AmpsyncError) ?? null;
}

/** Where several addresses were tried, of the first. */
function codeOf(cause: unknown): string | null {
  const code = textOf(cause, "code");
  return code === null && cause instanceof AggregateError ? textOf(cause.errors[0], "code") : code;
}
