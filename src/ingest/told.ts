import { AmpsyncError } from "../errors.ts";
import { type HttpHeaders, headerOf } from "../http/answer.ts";
import { badEscapeAt } from "../http/bad-escapes.ts";
import { textAt } from "../http/json.ts";
import { nextLink } from "../http/links.ts";
import type { Page } from "../http/split-records.ts";
import type { Clean } from "../model/foreign-text.ts";
import { shown, type ToldFailure, unlikeDefinition } from "./definition-errors.ts";
import { withoutSecrets } from "./page-request.ts";
import type { Pages, Place, Source } from "./source.ts";
import { type Token, tokenOf } from "./token.ts";

const ZERO = /^-?[0.]+(e[+-]?\d+)?$/i;
const EMPTY: ReadonlySet<string> = new Set(["null", "false", '""', "[]", "{}"]);
const ABSOLUTE = /^https?:\/\//i;
const ERROR_PLACES = ["/error", "/errors"];

/** An answer with a page, or with nothing (204). */
export interface PageAnswer {
  readonly headers: HttpHeaders;
  /** Null: the answer has no body. */
  readonly page: Page | null;
  /** Makes its text fit to be shown. */
  readonly clean: Clean;
}

/** Text at a pointer into what stands beside the records; null: nothing, or null. */
function valueAt({ page }: PageAnswer, pointer: string | null): string | null {
  const text = page === null || pointer === null ? null : textAt(page.outside, pointer);
  return text === "null" ? null : text;
}

/** What an API fills when it failed with a 200; null: nothing is filled. */
export function failureIn(source: Source, answer: PageAnswer, records: number): ToldFailure | null {
  const pointers = source.error !== null ? [source.error] : records === 0 ? ERROR_PLACES : [];
  for (const pointer of pointers) {
    const text = valueAt(answer, pointer);
    if (text !== null && !EMPTY.has(text.replace(/\s/g, "")) && !ZERO.test(text)) {
      return { pointer, text: shown(text, answer.clean) };
    }
  }
  return null;
}

/** What an answer says about whether more follows; null: it does not say. */
export function moreIn(answer: PageAnswer, pointer: string | null): boolean | null {
  const text = valueAt(answer, pointer);
  if (text === null || text === "true" || text === "false") {
    return text === null ? null : text === "true";
  }
  const detail = `${pointer} is neither true nor false: ${shown(text, answer.clean)}`;
  throw unlikeDefinition("The answer does not say whether more follows", detail, { pages: null });
}

/** Whether an answer says itself that it names no next page. */
export function namesNone(answer: PageAnswer, pages: Pages): boolean {
  if (answer.page === null || !("next" in pages) || pages.next.kind !== "pointer") return false;
  const text = textAt(answer.page.outside, pages.next.pointer);
  return text === "null" || text === '""';
}

/** The token of the next page; null: the answer names none. */
export function nextToken(answer: PageAnswer, place: Place): Token | null {
  const text = textIn(answer, place);
  if (text === null) return null;
  refuseUnstorable(text, "token", answer.clean);
  const token = tokenOf(text);
  if (typeof token === "string" && ABSOLUTE.test(token)) {
    throw unlikeDefinition(
      "The answer names an address in the place of a token",
      `It is ${shown(token, answer.clean)}.`,
      { pages: place.kind === "pointer" ? { type: "link", next: place.pointer } : null },
    );
  }
  return token;
}

/**
 * The address of the next page, without what only the worker may know; null: the answer names none. It must be of the
 * source's own origin: `asked` may be one that a redirect led to.
 */
export function nextUrl(source: Source, answer: PageAnswer, place: Place, asked: URL): string | null {
  const text = textIn(answer, place);
  if (text === null) return null;
  refuseUnstorable(text, "address", answer.clean);
  const named = tokenOf(text);
  const url = typeof named === "string" ? URL.parse(named, asked.href) : null;
  const home = new URL(source.url);
  if (url !== null && url.protocol === "http:" && home.protocol === "https:") {
    url.protocol = "https:";
  }
  if (url === null || url.origin !== home.origin || url.username !== "" || url.password !== "") {
    throw unlikeDefinition(
      "The answer names a next page that is not of this API",
      `It is ${shown(text, answer.clean)}; the url of the source is of ${home.origin}.`,
      { url: null },
    );
  }
  url.hash = "";
  return withoutSecrets(source, url).href;
}

/** Whether this is the last one of the pages that the answer counts. */
export function isLastPage(source: Source, answer: PageAnswer, page: number): boolean {
  const { pages } = source;
  const text = pages.type === "page" ? valueAt(answer, pages.pages) : null;
  if (pages.type !== "page" || text === null) return false;
  const count = /^"?(\d+)"?$/.exec(text)?.[1];
  if (count === undefined) {
    const detail = `${pages.pages} is no whole number: ${shown(text, answer.clean)}`;
    throw unlikeDefinition("The answer does not count its pages", detail, { pages: null });
  }
  return BigInt(page - pages.first + 1) >= BigInt(count);
}

/** What the answer tells as the number of all records; null: nothing. */
export function totalIn(source: Source, answer: PageAnswer): string | null {
  return /^"?(\d{1,18})"?$/.exec(valueAt(answer, source.total) ?? "")?.[1] ?? null;
}

/** What is named as the next page, as JSON text; null: nothing. */
function textIn(answer: PageAnswer, place: Place): string | null {
  const text = place.kind === "pointer" ? valueAt(answer, place.pointer) : inHeader(answer, place);
  return text === '""' ? null : text;
}

function inHeader({ headers, clean }: PageAnswer, place: Exclude<Place, { kind: "pointer" }>): string | null {
  const text =
    place.kind === "link" ? nextLink(headerOf(headers, "link"), clean) : headerOf(headers, place.header);
  return text === null ? null : JSON.stringify(text);
}

/** Refuses what could not be stored, or would come back as another text. */
export function refuseUnstorable(text: string, what: string, clean: Clean): void {
  const json = Buffer.from(text);
  if (badEscapeAt(json, 0, json.length) !== -1) {
    throw new AmpsyncError("SY303", `The next page follows from a ${what} that cannot be stored`, {
      detail: `It contains U+0000 or half of a character: ${shown(text, clean)}`,
      hint: "Retried automatically. If it stays so, report it to the maintainers of the API.",
    });
  }
}
