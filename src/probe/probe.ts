import { AmpsyncError } from "../errors.ts";
import { headerOf } from "../http/answer.ts";
import type { HttpClient } from "../http/client.ts";
import { withValueAt } from "../http/json.ts";
import { httpDate } from "../http/told-time.ts";
import { withoutParams, withParams } from "../http/url-params.ts";
import type { Clean } from "../model/foreign-text.ts";
import { type Asked, ask } from "./ask.ts";
import { beginning, reasonOf } from "./body.ts";
import { type Candidate, findPages, type NextRequest } from "./find-pages.ts";
import { findTold } from "./find-told.ts";
import type {
  AnswerFinding,
  Findings,
  NextFinding,
  PageFinding,
  SizeFinding,
  WayFinding,
} from "./findings.ts";
import { failureOf, type SeenPage, seenPage } from "./seen-page.ts";
import { type Auth, suggestion } from "./suggestion.ts";

/** A way of sending the key. */
export interface Way {
  /** For people: `in the header X-API-Key`. */
  readonly key: string;
  /** With the values of secrets; names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly secretParams: ReadonlyMap<string, string>;
  readonly auth: readonly Auth[];
}

/** What is probed, and how. */
export interface Probed {
  readonly url: URL;
  /** JSON: then requests are POST. */
  readonly body: string | null;
  /** Those that are no secrets; names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The first one that gets a page is gone on with. */
  readonly ways: readonly Way[];
  /** The page sizes to ask for, and the parameter for it, or a pointer into the body; null: none. */
  readonly sizes: { readonly param: string; readonly sizes: readonly number[] } | null;
  readonly timeoutMs: number;
}

/** What is asked for in the place of the first page. */
interface Changed {
  readonly url?: URL;
  readonly body?: string | null;
}

/** An answer, and the page in it; null: it has none. */
interface Answered {
  readonly asked: Asked;
  readonly page: SeenPage | null;
}

/** Sends one request; null: the limit is used up, and nothing is sent any more. */
type Send = (way: Way, changed?: Changed) => Promise<Answered | null>;

/** So many requests are made for a next page whose parameter is not told. */
const TRIES = 6;
const RATE_HEADER = /rate-?limit|^retry-after$/;

/**
 * Looks at an API as whoever writes its definition does: with few requests, one after the other, and none once its limit
 * is used up. Nothing of it is used when the API is read: people write the definition.
 */
export async function probe(client: HttpClient, clean: Clean, probed: Probed): Promise<Findings> {
  const { url, body, headers, ways, sizes, timeoutMs } = probed;
  let requests = 0;
  let isUsedUp = false;
  const send: Send = async (way, changed = {}) => {
    if (isUsedUp) return null;
    const sent = { ...headers, ...way.headers };
    const asked = await ask(client, clean, {
      ...{ url, body, ...changed },
      headers: sent,
      secretParams: way.secretParams,
      timeoutMs,
    });
    requests += asked.requests;
    isUsedUp = asked.status === 429 || (asked.rates?.told ?? []).some(({ remaining }) => remaining === 0);
    return withPage(asked, body, clean);
  };

  const answers: (Answered & { readonly way: Way })[] = [];
  for (const way of ways) {
    const answered = await send(way);
    if (answered === null) break;
    answers.push({ way, ...answered });
    if (answered.asked.status === null) break; // It would not answer the other way either.
  }
  const common = {
    url: url.href,
    method: body === null ? ("GET" as const) : ("POST" as const),
    ways: answers.map(({ way, asked, page }) => wayFinding(way, asked, page, clean)),
    param: sizes?.param ?? null,
  };
  const first = answers.find(({ page }) => page !== null);
  if (first === undefined || first.page === null) {
    return { ...common, requests, page: null, sizes: [], is_used_up: isUsedUp, suggestion: null };
  }

  const { page, way } = first;
  const told = findTold(page, clockOf(first.asked));
  const candidates = findPages(page, told, clean);
  const elsewhere = candidates.filter(({ request }) => isElsewhere(request, url));
  const here = candidates.filter((candidate) => !elsewhere.includes(candidate));
  const next = await followed(page, here, (request) => send(way, changedBy(probed, page, request)));
  const found: SizeFinding[] = [];
  for (const size of sizes?.sizes ?? []) {
    const answered = await send(way, withParam(probed, url, sizes?.param ?? "", String(size)));
    if (answered !== null) found.push(sizeFinding(size, answered, clean));
  }
  const finding: PageFinding = {
    records: page.records,
    count: page.count,
    key: page.key?.pointer ?? null,
    next,
    next_elsewhere: hostOf(elsewhere[0]),
    more: told.more,
    total: told.total,
    lifetime: told.lifetime,
    fields: page.fields,
    other_fields: page.otherFields,
  };
  const size = sizes === null ? null : bestSize(sizes.param, found);
  const suggested = { url, headers, body, auth: way.auth, page: finding, keyField: page.key, size };
  return {
    ...{ ...common, requests, page: finding, sizes: found, is_used_up: isUsedUp },
    suggestion: next === null ? null : suggestion({ ...suggested, next }),
  };
}

/** What workers could not read is a problem of the answer. */
function withPage(asked: Asked, body: string | null, clean: Clean): Answered {
  try {
    return { asked, page: seenPage(asked, body) };
  } catch (error) {
    if (!(error instanceof AmpsyncError)) throw error;
    return { asked: { ...asked, problem: reasonOf(error, clean) }, page: null };
  }
}

/** The first way in which other records come; where none could be tried, the first one that the answer names. */
async function followed(
  page: SeenPage,
  candidates: readonly Candidate[],
  send: (request: NextRequest) => Promise<Answered | null>,
): Promise<NextFinding | null> {
  const known = new Set(page.texts);
  const tried = new Set<Candidate>();
  for (const candidate of candidates) {
    if (candidate.request === null || tried.size >= TRIES) continue;
    const answered = await send(candidate.request);
    if (answered === null) continue;
    tried.add(candidate);
    const texts = answered.page?.texts ?? [];
    // Records may have come meanwhile; those of a page that was asked for again are mostly the same.
    const isNext = texts.filter((text) => known.has(text)).length < texts.length / 2;
    if (isNext) return { pages: candidate.pages, why: candidate.why, how: "followed" };
  }
  const untried = candidates.find((candidate) => candidate.isNamed && !tried.has(candidate));
  const isNamedTried = [...tried].some(({ isNamed }) => isNamed);
  return untried === undefined || isNamedTried
    ? null
    : { pages: untried.pages, why: untried.why, how: "untried" };
}

/** Whether workers would not go on there. */
function isElsewhere(request: NextRequest | null, home: URL): boolean {
  return (
    request?.kind === "url" &&
    (secured(request.url, home).origin !== home.origin || request.url.username !== "")
  );
}

function hostOf(candidate: Candidate | undefined): string | null {
  return candidate?.request?.kind === "url" ? candidate.request.url.host : null;
}

/** An http link of an https API is taken as https. */
function secured(url: URL, home: URL): URL {
  const target = new URL(url);
  if (target.protocol === "http:" && home.protocol === "https:") target.protocol = "https:";
  target.hash = "";
  return target;
}

/** What is asked for to get the next page. */
function changedBy(probed: Probed, page: SeenPage, request: NextRequest): Changed {
  if (request.kind === "param") return withParam(probed, page.url, request.param, request.value);
  const secret = probed.ways.flatMap(({ secretParams }) => [...secretParams.keys()]);
  return { url: withoutParams(secured(request.url, probed.url), secret) };
}

/** `value`: JSON text, which a query has without quotes. */
function withParam({ body }: Probed, url: URL, param: string, value: string): Changed {
  if (body !== null && param.startsWith("/")) return { url, body: withValueAt(body, param, value) };
  const text = value.startsWith('"') ? String(JSON.parse(value)) : value;
  return { url: withParams(url, new Map([[param, text]])) };
}

function wayFinding({ key }: Way, asked: Asked, page: SeenPage | null, clean: Clean): WayFinding {
  const told = Object.keys(asked.headers).filter((name) => RATE_HEADER.test(name));
  return {
    key,
    ...answerFinding(asked, page, clean),
    rate_headers: Object.fromEntries(told.map((name) => [name, clean(headerOf(asked.headers, name) ?? "")])),
    limits: asked.rates?.told ?? [],
    retry_after_s: asked.rates?.retryAfterS ?? null,
  };
}

function sizeFinding(size: number, { asked, page }: Answered, clean: Clean): SizeFinding {
  const told = page === null ? null : findTold(page, clockOf(asked));
  const isAll =
    page !== null && (told?.isMore === false || (told?.total?.value === page.count && page.count < size));
  return {
    asked: size,
    records: page?.count ?? null,
    is_all: isAll,
    ...answerFinding(asked, page, clean),
  };
}

function answerFinding(asked: Asked, page: SeenPage | null, clean: Clean): AnswerFinding {
  const { status, headers, bytes, seconds, redirects } = asked;
  const type = headerOf(headers, "content-type");
  return {
    ...{ status, bytes, seconds, redirects },
    content_type: type === null ? null : clean(type),
    problem: asked.problem ?? problemOf(asked, page, clean),
  };
}

/** Why a document is no page; null: it is one. */
function problemOf(asked: Asked, page: SeenPage | null, clean: Clean): string | null {
  const failure = failureOf(asked);
  if (failure !== null && (page === null || page.count === 0)) {
    return `a failure in an answer ${asked.status}${beginning(failure, clean)}`;
  }
  return page === null ? "JSON without an array of objects: where the records are is not seen" : null;
}

/** The size with which the most records come; where fewer come than asked for, so many are asked for. */
function bestSize(param: string, sizes: readonly SizeFinding[]): { param: string; size: number } | null {
  const [best] = sizes
    .filter(({ records }) => (records ?? 0) > 0)
    .toSorted((a, b) => (b.records ?? 0) - (a.records ?? 0) || a.asked - b.asked);
  if (best === undefined) return null;
  return { param, size: best.is_all ? best.asked : Math.min(best.asked, best.records ?? best.asked) };
}

function clockOf({ headers }: Asked): number {
  return httpDate(headerOf(headers, "date") ?? "") ?? Date.now();
}
