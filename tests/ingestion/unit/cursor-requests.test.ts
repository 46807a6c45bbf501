import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { splitRecords } from "../../../src/http/split-records.ts";
import { requestFor } from "../../../src/ingest/page-request.ts";
import { judge } from "../../../src/ingest/pagination.ts";
import type { Position } from "../../../src/ingest/position.ts";
import { RunMemory } from "../../../src/ingest/run-memory.ts";
import type { Source } from "../../../src/ingest/source.ts";
import { cleanText } from "../../../src/model/foreign-text.ts";
import { sourceOf } from "../../support/http/source-of.ts";

const NO_BOUNDS = { since: null, until: null };
const cursor = { type: "cursor", param: "cursor", next: { pointer: "/next" } };
const cursorInBody = { ...cursor, in: "body", param: "/page/cursor" };
const after = { type: "after", param: "after", field: "/id" };

const urlOf = (source: Source, position: Position | null = null, bounds: object = {}) =>
  requestFor(source, position, { ...NO_BOUNDS, ...bounds }).url.href;
const bodyOf = (source: Source, position: Position | null = null, bounds: object = {}) =>
  requestFor(source, position, { ...NO_BOUNDS, ...bounds }).body;

describe("a request", () => {
  test("is a GET of the url with the query, in the order of the definition, and the headers", () => {
    const source = sourceOf({
      url: "https://api.example.com/v1?fixed=a%20b",
      query: { limit: 1000, active: true, q: "x + y & z" },
      headers: { Accept: "application/vnd.api+json" },
    });
    expect(requestFor(source, null, NO_BOUNDS)).toEqual({
      method: "GET",
      url: new URL("https://api.example.com/v1?fixed=a%20b&limit=1000&active=true&q=x+%2B+y+%26+z"),
      headers: { accept: "application/vnd.api+json" },
      body: null,
    });
  });

  test("keeps every digit of the definition's numbers", () => {
    const source = sourceOf({ query: { id: 12345678901234567890n }, body: { from: 98765432109876543210n } });
    expect(urlOf(source)).toContain("?id=12345678901234567890");
    expect(bodyOf(source)).toBe(`{"from":98765432109876543210}`);
  });

  test("with a body is a POST of JSON, unless the definition says what it is", () => {
    const { method, headers } = requestFor(sourceOf({ body: {} }), null, NO_BOUNDS);
    expect({ method, headers }).toEqual({ method: "POST", headers: { "content-type": "application/json" } });
    const own = { "Content-Type": "application/vnd.api+json" };
    expect(requestFor(sourceOf({ body: {}, headers: own }), null, NO_BOUNDS).headers).toEqual({
      "content-type": "application/vnd.api+json",
    });
  });

  test.each<[string, object, Position | null, string]>([
    ["cursor, at first without its parameter", cursor, null, "?limit=5"],
    ["cursor, at first with the first token", { ...cursor, first: "*" }, null, "?limit=5&cursor=*"],
    ["cursor, with an empty first token", { ...cursor, first: "" }, null, "?limit=5&cursor="],
    ["cursor, with a first token that is a number", { ...cursor, first: 0 }, null, "?limit=5&cursor=0"],
    [
      "cursor, with a token of signs",
      cursor,
      { token: "a+b/c==&d é" },
      "?limit=5&cursor=a%2Bb%2Fc%3D%3D%26d+%C3%A9",
    ],
    ["cursor, with a token that is percent-encoded", cursor, { token: "a%2Bb" }, "?limit=5&cursor=a%252Bb"],
    [
      "page, at first",
      { type: "page", param: "page[number]", first: 1 },
      null,
      "?limit=5&page%5Bnumber%5D=1",
    ],
    ["page", { type: "page", param: "page", first: 1 }, { page: 12 }, "?limit=5&page=12"],
    ["offset, at first", { type: "offset", param: "offset" }, null, "?limit=5&offset=0"],
    ["offset", { type: "offset", param: "offset" }, { offset: 1234 }, "?limit=5&offset=1234"],
    ["after, at first", after, null, "?limit=5"],
    [
      "after",
      after,
      { after: { json: "12345678901234567890" }, longest: 3 },
      "?limit=5&after=12345678901234567890",
    ],
    ["none", { type: "none" }, null, "?limit=5"],
    ["link, at first", { type: "link" }, null, "?limit=5"],
    [
      "link, as it is, without the query",
      { type: "link" },
      { url: "https://api.example.com/v1/events?c=a+b%20c" },
      "?c=a+b%20c",
    ],
  ])("asks by %s", (_, pages, position, search) => {
    expect(new URL(urlOf(sourceOf({ pages, query: { limit: 5 } }), position)).search).toBe(search);
  });

  test("has a parameter once, wherever the definition has it too", () => {
    const source = sourceOf({
      url: "https://api.example.com/v1?cursor=x&a=1&cursor=y",
      query: { cursor: "z", b: 2 },
      pages: cursor,
      range: {},
    });
    const bounds = { since: "2024-01-15T00:00:00Z", until: { json: "5" } };
    expect(new URL(urlOf(source, { token: "t" }, bounds)).search).toBe(
      "?a=1&cursor=t&b=2&since=2024-01-15T00%3A00%3A00Z&until=5",
    );
    expect(new URL(urlOf({ ...source, range: null }, { token: "t" }, bounds)).search).not.toContain("since");
  });

  test.each<[string, object, object, Position | null, string]>([
    [
      "a member that is there",
      { page: { cursor: null, size: 9 } },
      cursorInBody,
      { token: "t" },
      `{"page":{"cursor":"t","size":9}}`,
    ],
    ["a member that is not", { a: 1 }, cursorInBody, { token: "t" }, `{"a":1,"page":{"cursor":"t"}}`],
    [
      "a member of an empty object",
      {},
      cursorInBody,
      { token: { json: `{"z":1e2,"a":[1.10]}` } },
      `{"page":{"cursor":{"z":1e2,"a":[1.10]}}}`,
    ],
    [
      "an item",
      { sort: ["x", "y"] },
      { ...cursorInBody, param: "/sort/1" },
      { token: "t" },
      `{"sort":["x","t"]}`,
    ],
    [
      "an item behind the last",
      { sort: ["x"] },
      { ...cursorInBody, param: "/sort/1" },
      { token: "t" },
      `{"sort":["x","t"]}`,
    ],
    [
      "a name that needs escapes",
      {},
      { ...cursorInBody, param: '/a~1b"' },
      { token: "t" },
      String.raw`{"a/b\"":"t"}`,
    ],
    ["nothing, at the beginning of a run", { a: 1 }, cursorInBody, null, `{"a":1}`],
    ["a page number", {}, { type: "page", in: "body", param: "/p", first: 1 }, null, `{"p":1}`],
    [
      "the values of a record's sort",
      {},
      { ...after, in: "body", param: "/search_after" },
      { after: { json: `[1700000000000,"a",9007199254740993]` } },
      `{"search_after":[1700000000000,"a",9007199254740993]}`,
    ],
  ])("with its place in the body sets %s", (_, body, pages, position, sent) => {
    expect(bodyOf(sourceOf({ body, pages }), position)).toBe(sent);
  });

  test.each([
    ["a scalar in the way", { page: 7 }, "/page/cursor"],
    ["an item far behind the last", { page: [] }, "/page/3"],
    ["a name in an array", { page: [] }, "/page/cursor"],
  ])("is refused where the body has %s", (_, body, param) => {
    const source = sourceOf({ body, pages: { ...cursorInBody, param } });
    expect(() => bodyOf(source, { token: "t" })).toThrow(expect.objectContaining({ code: "SY004" }));
  });

  test("has the bounds of a range in the query, or in the body where their names are pointers", () => {
    const body = { query: { range: { at: { gte: null } } } };
    const range = { since: "/query/range/at/gte", until: "until" };
    const source = sourceOf({ body, range });
    const bounds = { since: "2024-01-15", until: { json: "17" } };
    expect(bodyOf(source, null, bounds)).toBe(`{"query":{"range":{"at":{"gte":"2024-01-15"}}}}`);
    expect(new URL(urlOf(source, null, bounds)).search).toBe("?until=17");
  });
});

/** A token of any JSON type, as a server may print it. */
const tokenText = fc.oneof(
  fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
  fc.constantFrom(String.raw`"\u0041\/é\t\\u0000"`, `"a+b/c==%2B &?#"`, `"☃💥"`, String.raw`"\ud83d\ude00"`),
  fc.constantFrom("0", "1e2", "-0.0", "12345678901234567890123", "1.10", "true", "false", "1E400"),
  fc.constantFrom(`{"z":1,"a":2,"z":3}`, `{ "b" : [1.0, 1e2],\n"a": {} }`, `[]`, `[ "x" , null ]`, `{"":""}`),
  fc
    .jsonValue()
    .filter((any) => any !== null && any !== "")
    .map((any) => JSON.stringify(any, null, 1)),
);

describe("a token of any type comes back to the server as it came, through the stored position", () => {
  const isTaken = (text: string) =>
    text !== `""` && text !== "null" && !/\\u0000|https?:/.test(text.replaceAll("\\\\", ""));
  /** Named by an answer, stored as JSON and read again. */
  function stored(pages: object, body: string): Position {
    const source = sourceOf({ pages });
    const bytes = Buffer.from(body);
    const asked = { position: null, url: new URL(source.url) };
    const page = splitRecords(bytes, source.records);
    const { next } = judge(source, new RunMemory(0), asked, {
      ...{ headers: {}, body: bytes, page, clean: cleanText },
    });
    return JSON.parse(JSON.stringify(next));
  }
  const SAME = { value: (text: string) => (text.startsWith('"') ? (JSON.parse(text) as string) : text) };

  test("in the query", () => {
    fc.assert(
      fc.property(tokenText.filter(isTaken), (text) => {
        const position = stored(cursor, `{"data":[1],"next":${text}}`);
        const sent = new URL(urlOf(sourceOf({ pages: cursor }), position)).searchParams.getAll("cursor");
        expect(sent).toEqual([SAME.value(text)]);
      }),
    );
  });

  test("in the body: strings by their characters, anything else byte for byte", () => {
    fc.assert(
      fc.property(tokenText.filter(isTaken), (text) => {
        const position = stored(cursor, `{"next":\t${text} ,"data":[1]}`);
        const sent = bodyOf(sourceOf({ body: { first: 1 }, pages: cursorInBody }), position);
        const again = text.startsWith('"') ? JSON.stringify(JSON.parse(text)) : text;
        expect(sent).toBe(`{"first":1,"page":{"cursor":${again}}}`);
      }),
    );
  });

  test("from the last record too", () => {
    fc.assert(
      fc.property(tokenText.filter(isTaken), (text) => {
        const position = stored(after, `{"data":[{"id":0},{"x":[{"id":1}],"id":${text}}]}`);
        const sent = new URL(urlOf(sourceOf({ pages: after }), position)).searchParams.getAll("after");
        expect(sent).toEqual([SAME.value(text)]);
      }),
    );
  });
});

test("a definition is read with what JavaScript would round", () => {
  const range = { lookback_us: 9007199254740993n, lag_us: 60_000_000, format: "integer", bounds: "()" };
  const source = sourceOf({
    range,
    pages: { ...cursor, first: 12345678901234567890n },
    key: null,
  });
  expect(source).toMatchObject({
    dataset: "events",
    hasKey: false,
    pages: { first: { json: "12345678901234567890" } },
    range: {
      lookback: 9007199254740993n,
      lag: 60_000_000n,
      format: "integer",
      bounds: "()",
      isSorted: false,
    },
  });
});
