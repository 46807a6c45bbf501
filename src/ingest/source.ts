import { textAt } from "../http/json.ts";
import { type Token, tokenOf } from "./token.ts";

/**
 * A source as the pass needs it: what `ampsync_private.full_source` makes of its definition, checked and with every default
 * filled in. Keys, columns and conflicts are the database's alone, but for whether there is a key.
 */
export interface Source {
  /** The name that people call it by. */
  readonly dataset: string;
  readonly url: string;
  /** Names and values, as they are sent. */
  readonly query: ReadonlyMap<string, string>;
  readonly headers: Readonly<Record<string, string>>;
  /** A JSON object as text; null: requests are GET. */
  readonly body: string | null;
  readonly auth: readonly Auth[];
  readonly pages: Pages;
  /** Pointer to the array. */
  readonly records: string;
  readonly hasKey: boolean;
  readonly range: Range | null;
  readonly appendOnly: boolean;
  readonly rateLimit: RateLimit;
  readonly concurrency: Concurrency;
  readonly expires: Told & { readonly afterMs: number | null };
  /** Pointer to the number of records. */
  readonly total: string | null;
  /** Pointer to what the API fills when it failed with a 200; null: `/error` and `/errors`, on pages without records. */
  readonly error: string | null;
  readonly timeoutS: number;
}

/** Where a secret goes; `name`: of the header or the parameter, the pointer into the body, the user. */
export interface Auth {
  readonly kind: "header" | "query" | "body" | "basic";
  readonly name: string;
  readonly prefix: string;
  /** The name of the secret. */
  readonly secret: string;
}

/** How the next page is asked for. `param`: of the query, or a pointer into the body. `more`: a pointer. */
export type Pages =
  | { readonly type: "none" }
  | (Placed & {
      readonly type: "cursor";
      readonly first: Token | null;
      readonly next: Place;
      /** The token of the request, named again by an answer without records, is the end. */
      readonly sameIsEnd: boolean;
    })
  | { readonly type: "link"; readonly next: Place; readonly more: string | null }
  | (Placed & {
      readonly type: "page";
      readonly first: number;
      /** Pointer to the number of pages. */
      readonly pages: string | null;
      readonly endStatus: readonly number[];
    })
  | (Placed & { readonly type: "offset"; readonly endStatus: readonly number[] })
  | (Placed & {
      readonly type: "after";
      readonly first: Token | null;
      /** Pointer into a record. */
      readonly field: string;
      /** The answer begins with the records that have the value asked for. */
      readonly inclusive: boolean;
    });

interface Placed {
  readonly in: "query" | "body";
  readonly param: string;
  readonly more: string | null;
}

/** Where an answer names its next page; `link`: in the Link header. */
export type Place =
  | { readonly kind: "pointer"; readonly pointer: string }
  | { readonly kind: "header"; readonly header: string }
  | { readonly kind: "link" };

export interface Range {
  /** Pointer into a record. */
  readonly field: string;
  readonly since: string | null;
  readonly until: string | null;
  readonly format: RangeFormat;
  /** What the server does with bounds, as PostgreSQL writes ranges. */
  readonly bounds: "[)" | "[]" | "()" | "(]";
  /** Microseconds, or integers. */
  readonly lookback: bigint;
  readonly lag: bigint;
  readonly isSorted: boolean;
}

export type RangeFormat = "date" | "iso" | "iso_ms" | "s" | "ms" | "integer";

/** How an answer tells something: by its status, and one of these texts at the beginning of its body (none: by the status alone). */
export interface Told {
  readonly status: readonly number[];
  readonly match: readonly string[];
}

export interface RateLimit extends Told {
  readonly bucket: string;
}

/** How many requests may be under way at once. */
export interface Concurrency {
  readonly start: number;
  readonly min: number;
  readonly max: number;
}

/** What `full_source` returns, without the values that JavaScript would round. */
interface FullSource {
  readonly url: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object | null;
  readonly auth: readonly Auth[];
  readonly pages: FullPages;
  readonly records: string;
  readonly key: unknown;
  readonly range: FullRange | null;
  readonly every_ms: number | null;
  readonly append_only: boolean;
  readonly rate_limit: RateLimit;
  readonly concurrency: Concurrency;
  readonly expires: Told & { readonly after_ms: number | null };
  readonly total: string | null;
  readonly error: string | null;
  readonly timeout_s: number;
}

interface FullPages {
  readonly type: Pages["type"];
  readonly in: "query" | "body";
  readonly param: string;
  readonly next: { readonly pointer: string } | { readonly header: string } | null;
  readonly more: string | null;
  readonly same: "end" | null;
  readonly pages: string | null;
  readonly end_status: readonly number[];
  readonly field: string;
  readonly inclusive: boolean;
}

interface FullRange extends Omit<Range, "isSorted" | "lookback" | "lag"> {
  readonly sorted: boolean;
}

/** Reads the text of what `full_source` returns. */
export function readSource(dataset: string, text: string): Source {
  const full: FullSource = JSON.parse(text);
  const json = Buffer.from(text);
  const exact = (pointer: string) => textAt(json, pointer);
  return {
    dataset,
    url: full.url,
    query: new Map(
      Object.entries(full.query).map(([name, value]) => [
        name,
        typeof value === "string" ? value : exact(`/query/${escaped(name)}`)!,
      ]),
    ),
    headers: full.headers,
    body: full.body === null ? null : exact("/body"),
    auth: full.auth,
    pages: readPages(full.pages, exact("/pages/first")),
    records: full.records,
    hasKey: full.key !== null,
    range: full.range === null ? null : readRange(full.range, exact),
    appendOnly: full.append_only,
    rateLimit: full.rate_limit,
    concurrency: full.concurrency,
    expires: { ...full.expires, afterMs: full.expires.after_ms },
    total: full.total,
    error: full.error,
    timeoutS: full.timeout_s,
  };
}

type Exact = (pointer: string) => string | null;

function readPages(full: FullPages, first: string | null): Pages {
  const { type, in: where, param, more, end_status: endStatus } = full;
  const placed = { in: where, param, more };
  const token = first === null || first === "null" ? null : tokenOf(first);
  switch (type) {
    case "none":
      return { type };
    case "cursor":
      return { type, ...placed, first: token, next: readPlace(full), sameIsEnd: full.same === "end" };
    case "link":
      return { type, next: readPlace(full), more };
    case "page":
      return { type, ...placed, first: Number(first), pages: full.pages, endStatus };
    case "offset":
      return { type, ...placed, endStatus };
    case "after":
      return { type, ...placed, first: token, field: full.field, inclusive: full.inclusive };
    default:
      return type satisfies never;
  }
}

function readPlace({ next }: FullPages): Place {
  if (next === null) return { kind: "link" };
  return "header" in next
    ? { kind: "header", header: next.header.toLowerCase() }
    : { kind: "pointer", pointer: next.pointer };
}

function readRange({ sorted: isSorted, ...range }: FullRange, exact: Exact): Range {
  const [lookback, lag] = ["lookback_us", "lag_us"].map((name) => BigInt(exact(`/range/${name}`) ?? 0));
  const { field, since, until, format, bounds } = range;
  return { field, since, until, format, bounds, lookback: lookback!, lag: lag!, isSorted };
}

/** A name as part of a JSON Pointer. */
function escaped(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
