import { type HttpHeaders, headerOf } from "../http/answer.ts";
import { textAt } from "../http/json.ts";
import { nextLink } from "../http/links.ts";
import type { Clean } from "../model/foreign-text.ts";
import type { Told } from "./find-told.ts";
import { type Member, plainName } from "./members.ts";
import { membersBeside, type SeenPage } from "./seen-page.ts";

/** The request for the next page. `value`: JSON text. */
export type NextRequest =
  | { readonly kind: "url"; readonly url: URL }
  | { readonly kind: "param"; readonly in: "query" | "body"; readonly param: string; readonly value: string };

/** A way in which the next page may be asked for. */
export interface Candidate {
  /** As `pages` of a definition has it. */
  readonly pages: Readonly<Record<string, string | number | boolean | object>>;
  /** What led to it, for people. */
  readonly why: string;
  /** Null: the answer names no next page, so it cannot be tried. */
  readonly request: NextRequest | null;
  /** The answer itself names it; what is not named is only tried. */
  readonly isNamed: boolean;
}

const ADDRESS = /^(https?:\/\/|[/?])/i;
const NEXT_ADDRESS = new Set(
  "next,nexturl,nextlink,nextpage,nextpageurl,nexthref,nextpagelink,odatanextlink".split(","),
);
const NEXT_TOKEN = (
  "nextcursor,nextpagetoken,nexttoken,nextpage,next,nextmarker,nextpagecursor,nextcontinuationtoken,endcursor," +
  "cursor,cursornext,continuation,continuationtoken,pagetoken,nextoffset,nextkey,nextid,after,bookmark,marker"
).split(",");
const PAGE = new Set("page,currentpage,pagenumber,pageno,pageindex".split(","));
const OFFSET = new Set("offset,skip,start,startat,startindex".split(","));

/** The ways in which the next page may be asked for, the likeliest first. */
export function findPages(page: SeenPage, told: Told, clean: Clean): readonly Candidate[] {
  const members = membersBeside(page);
  return [
    ...links(page, members, clean),
    ...inTurns([
      ...cursors(page, members, told),
      searchAfter(page),
      afterKeys(page, told),
      offsets(page, members, told),
      numbers(page, members, told),
    ]),
    ...untold(page, told),
  ];
}

/** The likeliest of each kind, then the second of each: there are more names than tries. */
function inTurns(kinds: readonly (readonly Candidate[])[]): readonly Candidate[] {
  const longest = Math.max(0, ...kinds.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => kinds.flatMap((kind) => kind[turn] ?? [])).flat();
}

function links({ headers, url }: SeenPage, members: readonly Member[], clean: Clean): readonly Candidate[] {
  const header = safeLink(headers, clean);
  const found = members.filter(
    ({ name, parent, value }) =>
      (NEXT_ADDRESS.has(plainName(name)) ||
        (NEXT_ADDRESS.has(plainName(parent)) && /^(href|url)$/i.test(name))) &&
      ((typeof value === "string" && ADDRESS.test(value)) ||
        (value === null && ["links", "paging", "pagination"].includes(plainName(parent)))),
  );
  const request = (text: unknown): NextRequest | null => {
    const target = typeof text === "string" ? URL.parse(text, url.href) : null;
    return target === null ? null : { kind: "url", url: target };
  };
  return [
    ...(header === null
      ? []
      : [{ pages: { type: "link" }, why: "the Link header", request: request(header), isNamed: true }]),
    ...found.map(({ pointer, value }) => ({
      pages: { type: "link", next: pointer },
      why: pointer,
      request: request(value),
      isNamed: true,
    })),
  ];
}

function safeLink(headers: HttpHeaders, clean: Clean): string | null {
  try {
    return nextLink(headerOf(headers, "link"), clean);
  } catch {
    return null;
  }
}

/** Tokens in the answer, each with the usual parameters: which one takes it is not told. */
function cursors(
  page: SeenPage,
  members: readonly Member[],
  { more }: Told,
): readonly (readonly Candidate[])[] {
  const inBody = members.filter(
    ({ value }) => value === null || typeof value === "string" || typeof value === "number",
  );
  const named = NEXT_TOKEN.flatMap((token) =>
    inBody.filter(
      ({ name, value }) => plainName(name) === token && !(typeof value === "string" && ADDRESS.test(value)),
    ),
  );
  const inHeaders = Object.keys(page.headers).filter((name) => /^x-next-(cursor|token|page)$/.test(name));
  const tell = more === null ? {} : { more };
  return [
    ...named.map(({ pointer, name }) => {
      const text = textAt(page.outside, pointer);
      const value = text === null || text === "null" || text === '""' ? null : text;
      return paramsFor(name).map((param) => ({
        pages: { type: "cursor", ...placed(page, param), next: pointer, ...tell },
        why: pointer,
        request: value === null ? null : asked(page, param, value),
        isNamed: true,
      }));
    }),
    ...inHeaders.map((header) => {
      const value = headerOf(page.headers, header);
      return paramsFor(header.replace(/^x-/, "")).map((param) => ({
        pages: { type: "cursor", ...placed(page, param), next: { header } },
        why: `the header ${header}`,
        request: value === null || value === "" ? null : asked(page, param, JSON.stringify(value)),
        isNamed: true,
      }));
    }),
  ];
}

/** `nextPageToken` is mostly sent back as `pageToken`, `nextToken` as itself, `endCursor` as `after`. */
function paramsFor(name: string): readonly string[] {
  const bare = name.replace(/^next[_-]?/i, "");
  const derived = bare === "" ? "cursor" : `${bare.charAt(0).toLowerCase()}${bare.slice(1)}`;
  const first = /^end/i.test(name) ? "after" : derived;
  return [...new Set([first, name, "cursor", "after", "page_token", "pageToken"])];
}

/** Elasticsearch's `search_after`: the sort values of the last record, in the body. */
function searchAfter({ body, texts, lastRecord }: SeenPage): readonly Candidate[] {
  const last = texts.at(-1);
  if (body === null || last === undefined || !Array.isArray(lastRecord?.["sort"])) return [];
  const value = textAt(Buffer.from(last), "/sort");
  return [
    {
      pages: { type: "after", in: "body", param: "/search_after", field: "/sort" },
      why: "the sort values of the last record",
      request: value === null ? null : { kind: "param", in: "body", param: "/search_after", value },
      isNamed: true,
    },
  ];
}

/** The answer says whether more follows, and nothing else: the last record's key is the place. */
function afterKeys(page: SeenPage, { more }: Told): readonly Candidate[] {
  const { key } = page;
  const last = page.texts.at(-1);
  if (more === null || key === null || last === undefined) return [];
  const value = textAt(Buffer.from(last), key.pointer);
  return ["starting_after", "after", "after_id", "since_id"].map((param) => ({
    pages: { type: "after", ...placed(page, param), field: key.pointer, more },
    why: `${key.pointer} of the last record`,
    request: value === null ? null : asked(page, param, value),
    isNamed: false,
  }));
}

function offsets(page: SeenPage, members: readonly Member[], { more, total }: Told): readonly Candidate[] {
  const { count } = page;
  const echoed = members.find(({ name, value }) => typeof value === "number" && OFFSET.has(plainName(name)));
  if (echoed === undefined && (total === null || total.value <= count)) return [];
  const tell = more === null ? {} : { more };
  const params = echoed === undefined ? ["offset", "skip"] : [echoed.name];
  const next = String(Number(echoed?.value ?? 0) + count);
  return params.map((param) => ({
    pages: { type: "offset", ...placed(page, param), ...tell },
    why: echoed === undefined ? "a total above what came" : echoed.pointer,
    request: count === 0 ? null : asked(page, param, next),
    isNamed: echoed !== undefined,
  }));
}

function numbers(page: SeenPage, members: readonly Member[], { more, pages }: Told): readonly Candidate[] {
  const echoed = members.find(({ name, value }) => typeof value === "number" && PAGE.has(plainName(name)));
  if (echoed === undefined && pages === null) return [];
  const current = Number(echoed?.value ?? 1); // Which need not be the first one: the address may name it.
  const tell = { ...(more === null ? {} : { more }), ...(pages === null ? {} : { pages }) };
  const isAbsent = page.count === 0;
  return [...new Set([...(echoed === undefined ? [] : [echoed.name]), "page"])].map((param) => ({
    pages: { type: "page", ...placed(page, param), ...(current === 0 ? { first: 0 } : {}), ...tell },
    why: echoed?.pointer ?? pages ?? "",
    request: isAbsent ? null : asked(page, param, String(current + 1)),
    isNamed: true,
  }));
}

/** Nothing is told: many APIs have pages all the same. */
function untold(page: SeenPage, { isMore }: Told): readonly Candidate[] {
  const { count } = page;
  if (count === 0 || isMore === false) return [];
  return [
    { pages: { type: "page", ...placed(page, "page") }, request: asked(page, "page", "2") },
    { pages: { type: "offset", ...placed(page, "offset") }, request: asked(page, "offset", String(count)) },
  ].map((each) => ({ ...each, why: "a try", isNamed: false }));
}

function placed({ body }: SeenPage, param: string): { readonly in?: "body"; readonly param: string } {
  return body === null ? { param } : { in: "body", param: `/${param}` };
}

function asked({ body }: SeenPage, param: string, value: string): NextRequest {
  return body === null
    ? { kind: "param", in: "query", param, value }
    : { kind: "param", in: "body", param: `/${param}`, value };
}
