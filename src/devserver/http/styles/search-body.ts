import { BadRequest } from "../bad-request.ts";
import { boundOf } from "../paging/parameters.ts";
import type { Between } from "../records/lists.ts";

/** What a search asks for, of what Elasticsearch's `_search` can be asked. */
export interface Search {
  readonly size: number;
  /** The field that is sorted by; the sequence decides among equals. */
  readonly sortedBy: "made" | "changed";
  /** The sort values of the record after which the page begins; null: it is the first one. */
  readonly after: readonly [ms: number, sequence: bigint] | null;
  readonly between: Between | undefined;
  readonly countsAll: boolean;
}

/** Behind all records of one time. */
const LAST_SEQUENCE = 2n ** 64n;
const FIELDS: Readonly<Record<string, "made" | "changed">> = { timestamp: "made", updated_at: "changed" };

/** JSON, with whole numbers beyond 2^53 as they are. */
export function parseExactly(body: string): unknown {
  const exact = (_: string, value: unknown, context: { readonly source?: string }) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)
      ? BigInt(context.source ?? "0")
      : value;
  // The types of JSON.parse do not know the third argument yet.
  return JSON.parse(body, exact as Parameters<typeof JSON.parse>[1]);
}

export function readSearch(body: string): Search {
  const asked = objectOf(parsed(body), "the body");
  const size = asked["size"] ?? 10;
  if (typeof size !== "number" || size < 0)
    throw new BadRequest("size", "[size] parameter cannot be negative");
  if (size > 10_000) {
    const window = "Result window is too large, from + size must be less than or equal to: [10000]";
    throw new BadRequest("size", `${window} but was [${size}].`);
  }
  const [sortedBy, isTotal] = sortOf(asked["sort"]);
  return {
    size,
    sortedBy,
    after: afterOf(asked["search_after"], isTotal),
    between: betweenOf(asked["query"]),
    countsAll: asked["track_total_hits"] === true,
  };
}

function parsed(body: string): unknown {
  try {
    return body === "" ? {} : parseExactly(body);
  } catch {
    throw new BadRequest("body", "the body is no JSON");
  }
}

/** The field, and whether the sequence is sorted by as well. */
function sortOf(sort: unknown): readonly [field: "made" | "changed", isTotal: boolean] {
  if (sort === undefined) return ["made", false];
  const fields = (Array.isArray(sort) ? sort : [sort]).map((entry: unknown) =>
    typeof entry === "string" ? entry : ascending(objectOf(entry, "[sort]")),
  );
  const field = FIELDS[fields[0] ?? ""];
  if (field === undefined || fields.length > 2 || (fields.length === 2 && fields[1] !== "sequence")) {
    throw new BadRequest("sort", "this server sorts by timestamp or updated_at, then by sequence");
  }
  return [field, fields.length === 2];
}

function ascending(entry: Readonly<Record<string, unknown>>): string {
  const [[field, how] = ["", "asc"]] = Object.entries(entry);
  const order = typeof how === "string" ? how : objectOf(how, "[sort]")["order"];
  if (order !== "asc") throw new BadRequest("sort", "this server sorts upwards only");
  return field;
}

function afterOf(after: unknown, isTotal: boolean): Search["after"] {
  if (after === undefined) return null;
  if (!Array.isArray(after)) throw new BadRequest("search_after", "[search_after] is no array");
  const values: readonly unknown[] = after;
  const expected = isTotal ? 2 : 1;
  if (values.length !== expected) {
    const found = `search_after has ${values.length} value(s) but sort has ${expected}.`;
    throw new BadRequest("search_after", found);
  }
  const [ms, sequence = LAST_SEQUENCE] = values;
  if (typeof ms !== "number" || (typeof sequence !== "bigint" && typeof sequence !== "number")) {
    throw new BadRequest("search_after", "Failed to parse search_after value");
  }
  return [ms, BigInt(sequence)];
}

function betweenOf(query: unknown): Between | undefined {
  if (query === undefined) return undefined;
  const { match_all, range } = objectOf(query, "[query]");
  if (match_all !== undefined) return undefined;
  const [[field, limits] = ["", {}]] = Object.entries(objectOf(range, "[range]"));
  const by = FIELDS[field];
  if (by === undefined) throw new BadRequest("query", `no such field: [${field}]`);
  const { gte, gt, lte, lt } = objectOf(limits, "[range]");
  const bound = (value: unknown) => boundOf(value === undefined ? null : String(value), by, "range");
  return {
    by,
    since: bound(gte ?? gt),
    until: bound(lte ?? lt),
    bounds: `${gte === undefined ? "(" : "["}${lte === undefined ? ")" : "]"}`,
  };
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new BadRequest(what, `${what} is no object`);
  // Its members are looked at one by one.
  return value as Record<string, unknown>;
}
