import { type ServiceError, status } from "@grpc/grpc-js";
import { AmpsyncError, type ErrorCode } from "../errors.ts";
import { TOKEN_HINT } from "../model/bearer.ts";
import { isDefect } from "../model/failure.ts";

/** Texts by which servers report that the dataset or the table is missing, or not there yet. */
const NOT_THERE = /has not been synced|not found|does not exist|failed to infer SQL output schema/i;
/** Texts that report a query which can never work, although they are sent with INTERNAL. */
const WRONG_QUERY = /multiple networks in dependency tree|cross-network join|non-incremental/i;
/** How our own gRPC library reports a message over our limit, as received or decompressed; servers have their own limits. */
const TOO_LARGE = /^Received message (?:larger than max \(|that decompresses to a size larger than )/;

/** The library adds what it found out about the name of the host, also where that is nothing. */
const EMPTY_NOTE = /\s*Resolution note:\s*$/;

/**
 * What a failed call means for a stream. Only a request that can never work, and a message over our limit, may stop
 * a stream: any other error, from the server or from a proxy in front of it, may be gone in a minute.
 */
export function flightError(error: unknown): unknown {
  if (error instanceof AmpsyncError || isDefect(error)) {
    return error;
  }
  if (!isServiceError(error)) {
    return new AmpsyncError("SY104", "The Amp server cannot be reached", { cause: error });
  }
  const detail = `gRPC ${status[error.code]}: ${error.details.replace(EMPTY_NOTE, "")}`;
  const code = codeOf(error);
  return new AmpsyncError(code, MESSAGES[code] ?? "The stream broke off", hinted(code, detail));
}

/** The error of a call without an answer or a status. */
export function unreachable(message: string, detail?: string): AmpsyncError {
  return new AmpsyncError("SY104", message, { ...(detail !== undefined && { detail }), hint: HINTS.SY104 });
}

const MESSAGES: Partial<Record<ErrorCode, string>> = {
  SY004: "The Amp server refuses the query",
  SY103: "The Amp server does not know the dataset, table or column, or has no data for it yet",
  SY104: "The Amp server cannot be reached, or the stream broke off",
  SY105: "The Amp server refuses the token",
  SY106: "A message is over the size limit",
};

const HINTS = {
  SY004:
    "The detail has the server's reason. Once the cause is fixed there: select ampsync.resume_sync('<dataset>');",
  SY103: "Retried automatically. Publish the dataset on the Amp server if it is not there yet.",
  SY104:
    "Retried automatically. If the error persists, check AMP_FLIGHT_ADDR, the Amp server and any proxy in front of it.",
  SY105: TOKEN_HINT,
  SY106: "Set AMPSYNC_GRPC_MAX_DECODE_MB to a larger value, at most 512.",
} satisfies Partial<Record<ErrorCode, string>>;

function hinted(code: ErrorCode, detail: string): { detail: string; hint?: string } {
  const hint = (HINTS as Partial<Record<ErrorCode, string>>)[code];
  return hint === undefined ? { detail } : { detail, hint };
}

function codeOf(error: ServiceError): ErrorCode {
  switch (error.code) {
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return "SY105";
    case status.NOT_FOUND:
      return "SY103";
    case status.RESOURCE_EXHAUSTED:
      return TOO_LARGE.test(error.details) ? "SY106" : "SY104";
    case status.INVALID_ARGUMENT:
      return NOT_THERE.test(error.details) ? "SY103" : "SY004";
    case status.INTERNAL:
      if (WRONG_QUERY.test(error.details)) {
        return "SY004";
      }
      return NOT_THERE.test(error.details) ? "SY103" : "SY104";
    default:
      return "SY104";
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}
