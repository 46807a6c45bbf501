import { AmpsyncError } from "../errors.ts";
import { type HttpAnswer, headerOf, saidIn } from "../http/answer.ts";
import type { RateHeaders } from "../http/rate-headers.ts";
import type { Clean } from "../model/foreign-text.ts";
import { corrected } from "./definition-errors.ts";
import type { Source, Told } from "./source.ts";

/** How much of a body is searched for the texts by which an API tells something. */
const SEARCHED_BYTES = 4_096;
/** How many characters of a refusal are shown. */
const SHOWN = 500;
/** A request that failed is sent again after these; then the pass ends, and the stream waits longer and longer. */
const RETRY_DELAYS_MS = [1_000, 2_000, 4_000];

const MAX_REDIRECTS = 3;

/** Statuses of a moment: the same request may succeed. */
const PASSING: ReadonlySet<number> = new Set([408, 425]);
/** Of the class 5xx, but no passing failure: the server cannot do what it was asked for. */
const LASTING: ReadonlySet<number> = new Set([501, 505]);

/** How a page was asked for. */
export interface AskedFor {
  /** With a token or an address that the server had named. */
  readonly hasToken: boolean;
  /** The first page of a run. */
  readonly isFirstPage: boolean;
}

/**
 * What an answer means. `limited`: everybody waits, then the same request again. `stale`: the token has expired.
 * `retry`: the same request again after a while. `unauthorized`: once more where the secret has changed. `failed`: the pass
 * ends.
 */
export type Meaning =
  | { readonly kind: "page" | "empty" | "end" | "stale" | "redirect" }
  | { readonly kind: "limited" | "retry" | "unauthorized" | "failed"; readonly error: AmpsyncError };

/** One total table: the first row that fits. `clean` makes the text of the server fit to be shown. */
export function meaningOf(
  source: Source,
  answer: HttpAnswer,
  { told, retryAfterS }: RateHeaders,
  { hasToken, isFirstPage }: AskedFor,
  clean: Clean,
): Meaning {
  const { status } = answer;
  const text = () => clean(saidIn(answer));
  if (
    status === 429 ||
    ((status === 403 || status >= 500) && retryAfterS !== null) ||
    (status === 403 && told.some(({ remaining }) => remaining === 0)) ||
    (status >= 400 && tells(source.rateLimit, answer))
  ) {
    return { kind: "limited", error: limited(source, status, text()) };
  }
  if (hasToken && tells(source.expires, answer)) {
    return { kind: "stale" };
  }
  if (answer.isCut && (mayTell(source.rateLimit, answer) || (hasToken && mayTell(source.expires, answer)))) {
    return { kind: "retry", error: cutShort(source, status, text()) };
  }
  if (!isFirstPage && "endStatus" in source.pages && source.pages.endStatus.includes(status)) {
    return { kind: "end" };
  }
  if (status === 204) {
    return { kind: "empty" };
  }
  if (status >= 200 && status < 300) {
    return status === 202 || isNothing(answer.body)
      ? { kind: "retry", error: noPage(status) }
      : { kind: "page" };
  }
  if (status < 200) return { kind: "retry", error: unavailable(source, status, text()) };
  if (status < 400) return { kind: "redirect" };
  if (PASSING.has(status) || (status >= 500 && !LASTING.has(status))) {
    return { kind: "retry", error: unavailable(source, status, text()) };
  }
  if (status === 401) return { kind: "unauthorized", error: unauthorized(source, status, text()) };
  if (status === 403) return { kind: "failed", error: unauthorized(source, status, text()) };
  return {
    kind: "failed",
    error: status === 413 ? tooLarge(status, text()) : refused(status, text()),
  };
}

/** After how many milliseconds the request is sent again that has failed so often; null: no more. */
export function retryDelayMs(failures: number): number | null {
  return RETRY_DELAYS_MS[failures - 1] ?? null;
}

/** When it is sent again after so many failures, for people. */
export function nextTries(failures: number): string {
  const delays = RETRY_DELAYS_MS.slice(failures - 1).map((ms) => `${ms / 1_000} s`);
  return `Asked again after ${delays.join(" and ")}; then the source rests for longer.`;
}

/** Where a redirect leads, after so many others; SY303 where it is not followed. */
export function redirectTarget(method: "GET" | "POST", url: URL, answer: HttpAnswer, before: number): URL {
  const location = headerOf(answer.headers, "location");
  const target = location === null ? null : URL.parse(location, url.href);
  const why =
    method === "POST"
      ? "A POST is not sent elsewhere."
      : before >= MAX_REDIRECTS
        ? `It is redirected more than ${MAX_REDIRECTS} times.`
        : target === null
          ? "It does not say where to."
          : null;
  if (target !== null && why === null) {
    target.hash = "";
    return target;
  }
  throw new AmpsyncError("SY303", `The API answers ${answer.status}, which leads nowhere`, {
    detail: why ?? "",
    hint: "Retried automatically. If it stays so, use the address that the API itself has as url.",
  });
}

/** Whether an answer tells what has such a status, and such a text in its body if the definition names one. */
function tells({ status, match }: Told, answer: HttpAnswer): boolean {
  if (!status.includes(answer.status)) return false;
  const text = start(answer.body).toLowerCase();
  return match.length === 0 || match.some((each) => text.includes(each.toLowerCase()));
}

/** Whether a text that broke off may have had what tells it. */
function mayTell({ status, match }: Told, answer: HttpAnswer): boolean {
  return status.includes(answer.status) && match.length > 0 && answer.body.length < SEARCHED_BYTES;
}

function start(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, SEARCHED_BYTES));
}

function isNothing(body: Uint8Array): boolean {
  return body.length <= SEARCHED_BYTES && /^\s*(null\s*)?$/.test(start(body));
}

/** What was answered, for people. */
function detailOf(status: number, text: string): string {
  const words = text.trim().slice(0, SHOWN);
  return words === "" ? `HTTP ${status}, without a text.` : `HTTP ${status}: ${words}`;
}

function limited({ rateLimit: { bucket } }: Source, status: number, text: string): AmpsyncError {
  const detail = detailOf(status, text);
  return status >= 500
    ? new AmpsyncError("SY104", `The API of ${bucket} asks to come back later`, {
        detail,
        hint: "Retried automatically when it said.",
      })
    : new AmpsyncError("SY304", `The rate limit of ${bucket} is used up`, {
        detail,
        hint: "Nothing needs to be done: select * from ampsync.rate_limits; shows how much is used, and until when.",
      });
}

function unavailable({ url }: Source, status: number, text: string): AmpsyncError {
  return new AmpsyncError("SY104", `The API of ${new URL(url).host} failed`, {
    detail: detailOf(status, text),
    hint: "Retried automatically. If it stays so, ask those who run the API.",
  });
}

function cutShort({ url }: Source, status: number, text: string): AmpsyncError {
  return new AmpsyncError("SY104", `${new URL(url).origin} broke off the answer that says what it refuses`, {
    detail: detailOf(status, text),
    hint: "Retried automatically. If it stays so, ask those who run the API.",
  });
}

function noPage(status: number): AmpsyncError {
  const detail =
    status === 202 ? "HTTP 202 says that the answer is not ready." : `HTTP ${status}, with nothing.`;
  return new AmpsyncError("SY303", "The answer has no page", {
    detail,
    hint: `Retried automatically. If it stays so, correct the definition: ${corrected({ url: null })}`,
  });
}

function unauthorized(source: Source, status: number, text: string): AmpsyncError {
  const names = source.auth.map(({ secret }) => `AMPSYNC_SECRET_${secret}`);
  return new AmpsyncError("SY105", `The API of ${new URL(source.url).host} refuses the source`, {
    detail: detailOf(status, text),
    hint:
      names.length === 0
        ? `No secret is sent. If the API wants one, name it: ${corrected({ auth: { header: "Authorization", prefix: "Bearer ", secret: "API_KEY" } })}`
        : `Correct ${names.join(" and ")} of the workers, or the file that ${names.map((name) => `${name}_FILE`).join(" or ")} names.`,
  });
}

function tooLarge(status: number, text: string): AmpsyncError {
  return new AmpsyncError("SY106", "A page of the API is too large", {
    detail: detailOf(status, text),
    hint: "Ask for smaller pages, or set AMPSYNC_HTTP_MAX_PAGE_MB for the workers; then: select * from ampsync.resume_sync('<dataset>');",
  });
}

function refused(status: number, text: string): AmpsyncError {
  return new AmpsyncError("SY004", "The API refuses the request as such", {
    detail: detailOf(status, text),
    hint: `Correct the definition: ${corrected({ url: null, query: null })}`,
  });
}
