import { AmpsyncError, type ErrorCode } from "../errors.ts";
import { bearer, TOKEN_HINT } from "../model/bearer.ts";
import { parseBounded } from "../model/bounded-json.ts";
import { isDefect } from "../model/failure.ts";
import { ampTlsError } from "../model/tls-error.ts";

const REQUEST_TIMEOUT_MS = 30_000;
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** More than any list of versions or manifest has, and less than 100 MB of objects. */
const JSON_LIMITS = { depth: 64, values: 500_000 };

/** The part of `fetch` that is needed. */
export type Get = (
  url: URL,
  options: {
    readonly headers: Record<string, string>;
    readonly redirect: "manual";
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

/** `noSuchPath`: the server has no such route, as servers of another generation; `error` is what to throw if none has. */
export type JsonAnswer =
  | { readonly kind: "document"; readonly body: unknown }
  | { readonly kind: "noSuchPath"; readonly error: AmpsyncError };

/**
 * GET a JSON document within 30 s. Redirects are not followed, because they
 * would carry the token elsewhere.
 */
export async function getJson(
  get: Get,
  url: URL,
  token: string | null,
  signal: AbortSignal,
): Promise<JsonAnswer> {
  signal.throwIfAborted();
  const headers = {
    accept: "application/json",
    ...(token === null ? {} : { authorization: bearer(token) }),
  };
  let response: Response;
  let text: string;
  try {
    response = await get(url, {
      headers,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    text = await bodyText(response);
  } catch (cause) {
    signal.throwIfAborted();
    throw cause instanceof AmpsyncError || isDefect(cause) ? cause : unreachable(url, cause);
  }
  if (!response.ok) {
    const handled = handledError(text);
    const error = failure(url, response, handled, text);
    // Where the path has another meaning, its parts are invalid.
    if (handled === null ? response.status === 404 : handled.code === "INVALID_PATH") {
      return { kind: "noSuchPath", error };
    }
    throw error;
  }
  try {
    return { kind: "document", body: parseBounded(text, JSON_LIMITS) };
  } catch (cause) {
    const why = cause instanceof RangeError ? `is too large: ${cause.message}` : "is not JSON";
    throw unreadable(url, `The body ${why}.`, cause);
  }
}

/** The path without the prefix of a gateway, which is internal and may be a secret. */
function pathOf({ pathname }: URL): string {
  return pathname.slice(Math.max(0, pathname.indexOf("/datasets/")));
}

/** The error of an answer that breaks the protocol: perhaps it is not from an Amp server, or not yet. */
export function unreadable(url: URL, detail: string, cause?: unknown): AmpsyncError {
  return new AmpsyncError("SY104", `The answer to GET ${pathOf(url)} cannot be read`, {
    detail,
    hint: whoAnswers(url),
    cause,
  });
}

/** For an answer that no Amp server gives: a proxy's, that of another program, or of its Flight port. */
function whoAnswers({ origin }: URL): string {
  return `Check that ${origin} is the Admin API of an Amp server (AMP_ADMIN_API_ADDR, or admin_addr of the dataset), and any proxy in front of it.`;
}

async function bodyText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let received = 0;
  for await (const chunk of response.body ?? []) {
    received += chunk.length;
    if (received > MAX_BODY_BYTES) {
      throw new AmpsyncError("SY104", `The answer has more than ${MAX_BODY_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function failure(url: URL, response: Response, handled: HandledError | null, text: string): AmpsyncError {
  const detail = `HTTP ${response.status}: ${(handled?.message ?? text).trim() || "(no text)"}`;
  const code = codeOf(response.status, handled !== null);
  const hint = code === "SY105" ? { hint: TOKEN_HINT } : handled === null ? { hint: whoAnswers(url) } : {};
  const retryAfterS = secondsOf(response.headers.get("retry-after"));
  return new AmpsyncError(code, `GET ${pathOf(url)} failed`, { detail, ...hint, retryAfterS });
}

/** The seconds that a Retry-After asks for, as a number or as a date; null if there is none that can be read. */
function secondsOf(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const seconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : seconds;
}

/** `isHandled`: an Amp server reports the error, not a proxy in front of it, which may answer differently in a minute. */
function codeOf(status: number, isHandled: boolean): ErrorCode {
  if (status === 401 || status === 403) {
    return "SY105";
  }
  if (!isHandled || status >= 500 || status === 408 || status === 429) {
    return "SY104";
  }
  return status === 404 ? "SY103" : "SY004";
}

interface HandledError {
  readonly code: unknown;
  readonly message: string;
}

/** An error that an Amp server reported; null if the body is something else. */
function handledError(body: string): HandledError | null {
  try {
    const parsed = parseBounded(body, JSON_LIMITS);
    if (
      typeof parsed === "object" &&
      parsed !== null &&
      "error_code" in parsed &&
      "error_message" in parsed
    ) {
      return { code: parsed.error_code, message: String(parsed.error_message) };
    }
  } catch {
    // Not every answer is JSON, or small enough to be parsed.
  }
  return null;
}

function unreachable(url: URL, cause: unknown): AmpsyncError {
  const tls = ampTlsError(cause);
  if (tls !== null) {
    return tls;
  }
  const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const detail = reason instanceof Error ? reason.message || reason.name : String(reason);
  const hint =
    "Retried automatically. If the error persists, check AMP_ADMIN_API_ADDR and any proxy in front of it.";
  return new AmpsyncError("SY104", `The Admin API at ${url.origin} cannot be reached`, {
    detail,
    hint,
    cause,
  });
}
