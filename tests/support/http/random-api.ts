import type { HttpHeaders } from "../../../src/http/answer.ts";
import type { Source } from "../../../src/ingest/source.ts";
import { type Dice, dice } from "../dice.ts";
import { sourceOf } from "./source-of.ts";

export interface RandomAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: string;
}

/** An API of a random style, with a fault or without one. Its records have the ids 0, 1, 2 … */
export interface RandomApi {
  readonly source: Source;
  readonly records: number;
  /** Whether it must be read to its end. */
  readonly isHealthy: boolean;
  /** For people. */
  readonly story: string;
  answer(url: URL): RandomAnswer;
}

/** The throws that make an API. */
class Throws {
  readonly roll: Dice;

  constructor(seed: number) {
    this.roll = dice(seed);
  }

  of<Option>(...options: readonly Option[]): Option {
    return options[this.roll(0, options.length - 1)]!;
  }
}

export function randomApi(seed: number): RandomApi {
  const throws = new Throws(seed);
  const records = throws.of(0, 1, throws.roll(2, 9), throws.roll(10, 40));
  const api = throws.of(namedPages, namedPages, numberedPages, offsets, values)(records, throws);
  return { ...api, story: `seed ${seed}: ${records} records, ${api.story}` };
}

const PLACES = { more: "/paging/more", next: "/paging/next", pages: "/paging/pages" };

function ok(paging: object, data: unknown, others: object = {}): RandomAnswer {
  return { status: 200, headers: {}, body: JSON.stringify({ paging, data, ...others }) };
}

/** Failures, which stay as long as their page is asked for. None says that it is the end. */
const FAILURES: readonly RandomAnswer[] = [
  ok({}, null, { error: "boom" }),
  ok({}, [], { errors: [{ message: "boom" }] }),
  ok({}, undefined, { error: { code: 7 } }),
  ok({}, null),
  ok({}, {}),
  ok({}, undefined),
  { status: 200, headers: {}, body: "" },
  { status: 200, headers: {}, body: "null" },
  { status: 200, headers: {}, body: `{"data":[` },
  { status: 202, headers: {}, body: `{"data":[]}` },
  { status: 400, headers: {}, body: "no such page" },
  { status: 500, headers: {}, body: "" },
];

/** Pages of random length. */
function pagesOf(records: number, { roll }: Throws, withEmpty: boolean): number[][] {
  const longest = roll(1, 7);
  const pages: number[][] = [];
  for (let next = 0; next < records; ) {
    if (withEmpty && roll(0, 4) === 0) pages.push([]);
    const length = Math.min(roll(1, longest), records - next);
    pages.push(Array.from({ length }, (_, i) => next + i));
    next += length;
  }
  return pages;
}

const recordsOf = (ids: readonly number[] | undefined) => (ids ?? []).map((id) => ({ id, text: `[{"${id}` }));

/** Cursors and links: an answer names the next page. */
function namedPages(records: number, throws: Throws): RandomApi {
  const isLink = throws.of(true, false);
  const inHeader = throws.of(true, false);
  const form = throws.of("text", "number", "object");
  const withMore = throws.of(true, false);
  const same = !isLink && throws.of(true, false);
  const pages = pagesOf(records, throws, true);
  // Whoever says "the same again" says it without records, and not at once.
  if (same || pages.length === 0 || throws.of(true, false)) pages.push([]);
  if (same && pages.length === 1) pages.push([]);
  const last = pages.length - 1;
  const some = ["none", "none", "loop", "ignores", "empty for ever", "last for ever", "failure"];
  const at = throws.roll(0, last);
  const thrown = throws.of(...some, ...(withMore ? ["no next"] : []));
  // The same again without records is the end, if the definition says so: no fault that anybody could see.
  const looksLikeEnd = same && pages[thrown === "ignores" ? 0 : at]!.length === 0;
  const fault = looksLikeEnd && (thrown === "loop" || thrown === "ignores") ? "none" : thrown;
  const failure = throws.of(...FAILURES);
  let fresh = 1_000;

  const token = (page: number) =>
    isLink ? `?c=${page}` : form === "text" ? `t+${page}` : form === "number" ? page : { z: page, a: [page] };

  function content(asked: number): { data: object[]; next: unknown; more: boolean } {
    const page = fault === "ignores" ? 0 : asked;
    const data = recordsOf(pages[Math.min(page, last)]);
    if (fault === "loop" && page === at) return { data, next: token(throws.roll(0, at)), more: true };
    if (fault === "empty for ever" && page >= at) return { data: [], next: token(fresh++), more: true };
    if (fault === "last for ever" && page >= last) return { data, next: token(fresh++), more: true };
    if (fault === "no next" && page === at) return { data, next: null, more: true };
    if (fault === "ignores") return { data, next: token(1), more: true };
    if (page < last) return { data, next: token(page + 1), more: true };
    return same ? { data, next: token(page), more: true } : { data, next: null, more: false };
  }

  return {
    source: sourceOf({
      pages: {
        type: isLink ? "link" : "cursor",
        param: isLink ? null : "token",
        next: !inHeader ? { pointer: PLACES.next } : isLink ? null : { header: "X-Next" },
        more: withMore ? PLACES.more : null,
        same: same ? "end" : null,
      },
    }),
    records,
    isHealthy: fault === "none",
    story: `${isLink ? "links" : form} in ${inHeader ? "a header" : "the body"}${withMore ? ", more" : ""}${same ? ", same" : ""}; ${fault} at page ${at} of ${pages.length}`,
    answer(url) {
      const asked = Number(/\d+/.exec(url.searchParams.get(isLink ? "c" : "token") ?? "0")?.[0]);
      if (fault === "failure" && asked === at) return failure;
      const { data, next, more } = content(asked);
      const nothing = throws.of({}, { next: null }, { next: "" });
      const paging = {
        ...(withMore ? { more } : {}),
        ...(inHeader ? {} : next === null ? nothing : { next }),
      };
      const text = typeof next === "string" ? next : JSON.stringify(next);
      const named = isLink ? { link: `</x?q=1>; rel=prev, <${text}>; rel="next"` } : { "x-next": text };
      const headers = inHeader && next !== null ? named : {};
      const isBare = data.length === 0 && inHeader && !withMore && throws.of(true, false);
      return isBare ? { status: 204, headers, body: "" } : { ...ok(paging, data), headers };
    },
  };
}

/** Pages by their number. */
function numberedPages(records: number, throws: Throws): RandomApi {
  const first = throws.of(0, 1, 1, 7);
  const end = throws.of("empty", "204", "null and more", "more", "pages", "404", "failure");
  const pages = pagesOf(records, throws, end === "more");
  const fault = throws.of("none", "none", "ignores", "last for ever", "failure", "no such end");
  const at = throws.roll(0, Math.max(pages.length - 1, 0));
  const failure = throws.of(...FAILURES);
  const withMore = end === "more" || end === "null and more";

  function beyond(): RandomAnswer {
    if (end === "204") return { status: 204, headers: {}, body: "" };
    if (end === "404") return { status: 404, headers: {}, body: "nothing there" };
    if (end === "failure") return { status: 500, headers: {}, body: "out of range" };
    return ok(withMore ? { more: false } : {}, end === "null and more" ? null : []);
  }

  return {
    source: sourceOf({
      pages: {
        type: "page",
        param: "page",
        first,
        more: withMore ? PLACES.more : null,
        pages: end === "pages" ? PLACES.pages : null,
        end_status: end === "404" && fault !== "no such end" ? [404] : [],
      },
    }),
    records,
    // The first page of nothing has no status that means the end.
    isHealthy: fault === "none" && end !== "failure" && !(end === "404" && pages.length === 0),
    story: `numbers from ${first} to the end by ${end}; ${fault} at page ${at} of ${pages.length}`,
    answer(url) {
      const asked = fault === "ignores" ? 0 : Number(url.searchParams.get("page")) - first;
      if (fault === "failure" && asked === at) return failure;
      const page = fault === "last for ever" ? Math.min(asked, pages.length - 1) : asked;
      const ids = pages[page];
      if (ids === undefined) return beyond();
      const isLast = page === pages.length - 1 && fault !== "last for ever";
      const paging = {
        ...(withMore ? { more: end === "null and more" ? throws.of(true, null) : !isLast } : {}),
        ...(end === "pages" ? { pages: throws.of<unknown>(pages.length, String(pages.length)) } : {}),
      };
      return ok(paging, recordsOf(ids));
    },
  };
}

/** Offsets, with pages that are shorter than was asked for. */
function offsets(records: number, throws: Throws): RandomApi {
  const longest = throws.roll(1, 7);
  const withMore = throws.of(true, false);
  const fault = throws.of("none", "none", "ignores", "last for ever", "failure", "more for ever");
  const at = throws.roll(0, records);
  const failure = throws.of(...FAILURES);
  const ids = Array.from({ length: records }, (_, i) => i);
  return {
    source: sourceOf({
      pages: { type: "offset", param: "skip", more: withMore ? PLACES.more : null },
      query: { limit: 100 },
    }),
    records,
    isHealthy: fault === "none" || (fault === "more for ever" && !withMore),
    story: `offsets of at most ${longest}${withMore ? ", more" : ""}; ${fault} at ${at}`,
    answer(url) {
      const asked = Number(url.searchParams.get("skip"));
      if (fault === "failure" && asked >= at) return failure;
      const clamped = Math.max(0, Math.min(asked, records - longest));
      const from = fault === "ignores" ? 0 : fault === "last for ever" ? clamped : asked;
      const length = fault === "none" ? throws.roll(1, longest) : longest;
      const data = ids.slice(from, from + length);
      const isEnd = from + data.length >= records && fault !== "last for ever" && fault !== "more for ever";
      return ok(withMore ? { more: fault === "ignores" || !isEnd } : {}, recordsOf(data));
    },
  };
}

/** The value of the last record. */
function values(records: number, throws: Throws): RandomApi {
  const inclusive = throws.of(true, false);
  const longest = throws.roll(inclusive ? 2 : 1, 7);
  const withMore = throws.of(true, false);
  const fault = throws.of("none", "none", "ignores", "failure", "no value");
  const at = throws.roll(0, Math.max(records - 1, 0));
  const failure = throws.of(...FAILURES);
  let value = 9_007_199_254_740_993n;
  const sorted = Array.from({ length: records }, (_, id) => {
    if (!inclusive || throws.roll(0, 2) > 0) value += 1n;
    return { id, value };
  });
  const most = (of: readonly { value: bigint }[]) =>
    Math.max(0, ...of.map(({ value: each }) => of.filter((other) => other.value === each).length));
  // A first page full of one value may be all there is, or not.
  const isClear =
    most(sorted) < longest && (records < 2 || most(sorted.slice(0, longest)) < Math.min(records, longest));
  return {
    source: sourceOf({
      pages: {
        type: "after",
        param: "after",
        field: "/value",
        inclusive,
        more: withMore ? PLACES.more : null,
      },
      query: { limit: 100 },
    }),
    records,
    isHealthy: fault === "none" && (!inclusive || isClear),
    story: `values${inclusive ? ", inclusive" : ""}, ${longest} a page${withMore ? ", more" : ""}; ${fault} at ${at}`,
    answer(url) {
      const asked = fault === "ignores" ? null : url.searchParams.get("after");
      const after = asked === null ? 0n : BigInt(asked);
      const rest = sorted.filter((record) => (inclusive ? record.value >= after : record.value > after));
      const data = rest.slice(0, longest);
      if (fault === "failure" && data.some(({ id }) => id >= at)) return failure;
      const shown = data.map((record) => ({
        ...record,
        value: fault === "no value" && record.id === at ? null : `#${record.value}`,
      }));
      const { status, headers, body } = ok(
        withMore ? { more: fault === "ignores" || rest.length > longest } : {},
        shown,
      );
      return { status, headers, body: body.replaceAll(/"#(\d+)"/g, "$1") };
    },
  };
}
