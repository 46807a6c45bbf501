import { withValueAt } from "../http/json.ts";
import { withoutParams, withParams } from "../http/url-params.ts";
import type { Position } from "./position.ts";
import type { Pages, Source } from "./source.ts";
import { jsonText, plainText, type Token } from "./token.ts";

/** A request for a page, without its secrets. */
export interface PageRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** The bounds of a range as they are sent; null: that one is not. */
export interface SentBounds {
  readonly since: Token | null;
  readonly until: Token | null;
}

/** A value that is sent under a name: of the query, or a pointer into the body. */
interface Param {
  readonly in: "query" | "body";
  readonly name: string;
  readonly value: Token;
}

const JSON_TYPE = { "content-type": "application/json" };

/** The request that a position, or the beginning of a run, stands for. */
export function requestFor(source: Source, position: Position | null, bounds: SentBounds): PageRequest {
  const { body: template } = source;
  if (position !== null && "url" in position) {
    return requestOf(source, new URL(position.url), template); // A link has its query already.
  }
  const params = [...rangeParams(source, bounds), ...positionParams(source.pages, position)];
  const query = new Map(source.query);
  let body = template;
  for (const { in: where, name, value } of params) {
    if (where === "query") query.set(name, plainText(value));
    else if (body !== null) body = withValueAt(body, name, jsonText(value));
  }
  return requestOf(source, withParams(new URL(source.url), query), body);
}

/** What was asked for, as a position: null where a run begins without one. */
export function askedPosition(source: Source, position: Position | null, url: URL): Position | null {
  if (position !== null) return position;
  const { pages } = source;
  switch (pages.type) {
    case "none":
      return null;
    case "cursor":
      return pages.first === null ? null : { token: pages.first };
    case "link":
      return { url: withoutSecrets(source, url).href };
    case "page":
      return { page: pages.first };
    case "offset":
      return { offset: 0 };
    case "after":
      return pages.first === null ? null : { after: pages.first };
    default:
      return pages satisfies never;
  }
}

/** The address without what only the worker may know. */
export function withoutSecrets({ auth }: Source, url: URL): URL {
  const names = auth.filter(({ kind }) => kind === "query").map(({ name }) => name);
  return names.length === 0 ? url : withoutParams(url, names);
}

/** Names of headers in lower case: the same in other letters would be sent beside it. */
function requestOf(source: Source, url: URL, body: string | null): PageRequest {
  const headers = Object.fromEntries(
    Object.entries(source.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  if (body === null) return { method: "GET", url, headers, body };
  return { method: "POST", url, headers: { ...JSON_TYPE, ...headers }, body };
}

function rangeParams({ range, body }: Source, bounds: SentBounds): readonly Param[] {
  return [
    { name: range?.since ?? null, value: bounds.since },
    { name: range?.until ?? null, value: bounds.until },
  ].flatMap(({ name, value }) => {
    if (name === null || value === null) return [];
    const where = body !== null && name.startsWith("/") ? "body" : "query";
    return [{ in: where, name, value }];
  });
}

function positionParams(pages: Pages, position: Position | null): readonly Param[] {
  if (pages.type === "none" || pages.type === "link") return [];
  const value = paramValue(pages, position);
  return value === null ? [] : [{ in: pages.in, name: pages.param, value }];
}

/** The value of `param`; null: it is not sent. */
function paramValue(
  pages: Exclude<Pages, { type: "none" | "link" }>,
  position: Position | null,
): Token | null {
  if (position === null) {
    return pages.type === "page"
      ? { json: String(pages.first) }
      : pages.type === "offset"
        ? { json: "0" }
        : pages.first;
  }
  if ("token" in position) return position.token;
  if ("after" in position) return position.after;
  if ("page" in position) return { json: String(position.page) };
  return "offset" in position ? { json: String(position.offset) } : null;
}
