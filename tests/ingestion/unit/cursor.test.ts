import { describe, expect, test } from "vitest";

import type { HttpHeaders } from "../../../src/http/answer.ts";
import { splitRecords } from "../../../src/http/split-records.ts";
import { requestFor } from "../../../src/ingest/page-request.ts";
import { type Judgement, judge } from "../../../src/ingest/pagination.ts";
import type { Position } from "../../../src/ingest/position.ts";
import { RunMemory } from "../../../src/ingest/run-memory.ts";
import type { Source } from "../../../src/ingest/source.ts";
import { type Clean, cleanText } from "../../../src/model/foreign-text.ts";
import { sourceOf } from "../../support/http/source-of.ts";

const NO_BOUNDS = { since: null, until: null };
const cursor = { type: "cursor", param: "cursor", next: { pointer: "/next" } };
const cursorWithMore = { ...cursor, more: "/more" };
const link = { type: "link", next: { pointer: "/next" } };
const page = { type: "page", param: "page", first: 1 };
const offset = { type: "offset", param: "offset" };
const after = { type: "after", param: "after", field: "/id" };
const inclusive = { ...after, inclusive: true };

interface Answer {
  readonly position?: Position | null;
  readonly headers?: HttpHeaders;
  readonly memory?: RunMemory;
  readonly clean?: Clean;
}

/** What is decided about a body (null: 204) as the answer to a request. */
function judged(
  source: Source,
  body: string | null,
  { position = null, headers = {}, memory = new RunMemory(0), clean = cleanText }: Answer = {},
): Judgement {
  const bytes = Buffer.from(body ?? "");
  const asked = { position, url: requestFor(source, position, NO_BOUNDS).url };
  const parts = body === null ? null : splitRecords(bytes, source.records, clean);
  return judge(source, memory, asked, { headers, body: bytes, page: parts, clean });
}

/** The code and the whole text of the refusal. */
function refusal(decide: () => unknown): { code: string; text: string } {
  try {
    decide();
  } catch (error) {
    const { code, message, detail, hint } = error as { [key: string]: string };
    return { code: code!, text: `${message} ${detail} ${hint}` };
  }
  throw new Error("it was not refused");
}

const end = (next: Position | null) => ({ kind: "end", next });
const goOn = (next: Position) => ({ kind: "go_on", next });

/** What a source's pages say of an answer: type, what was asked, what came, what follows. */
type Row = readonly [
  says: string,
  pages: object,
  position: Position | null,
  body: string | null,
  follows: object,
];

const ROWS: readonly Row[] = [
  ["none: one request is the run", { type: "none" }, null, `{"data":[1,2]}`, end(null)],
  ["none: without records too", { type: "none" }, null, `{"data":[]}`, end(null)],

  ["cursor: a token goes on", cursor, null, `{"data":[1],"next":"b"}`, goOn({ token: "b" })],
  [
    "cursor: also after an empty page",
    cursor,
    { token: "a" },
    `{"data":[],"next":"b"}`,
    goOn({ token: "b" }),
  ],
  [
    "cursor: also where records are null",
    cursor,
    { token: "a" },
    `{"data":null,"next":"b"}`,
    goOn({ token: "b" }),
  ],
  ["cursor: no token is the end", cursor, { token: "a" }, `{"data":[1]}`, end(null)],
  ["cursor: null is no token", cursor, { token: "a" }, `{"data":[1],"next":null}`, end(null)],
  ["cursor: an empty text is no token", cursor, { token: "a" }, `{"data":[1],"next":""}`, end(null)],
  [
    "cursor: 0 and false are tokens",
    cursor,
    { token: "a" },
    `{"data":[1],"next":0}`,
    goOn({ token: { json: "0" } }),
  ],
  [
    "cursor: more false is the end, and the token is kept",
    cursorWithMore,
    { token: "a" },
    `{"data":[1],"next":"b","more":false}`,
    end({ token: "b" }),
  ],
  [
    "cursor: more false without a token",
    cursorWithMore,
    { token: "a" },
    `{"data":[1],"more":false}`,
    end(null),
  ],
  [
    "cursor: more true goes on",
    cursorWithMore,
    { token: "a" },
    `{"data":[],"next":"b","more":true}`,
    goOn({ token: "b" }),
  ],
  [
    "cursor: more null is as if absent",
    cursorWithMore,
    { token: "a" },
    `{"data":[],"next":"b","more":null}`,
    goOn({ token: "b" }),
  ],
  ["cursor: nothing at all (204) is the end", cursor, { token: "a" }, null, end(null)],
  [
    "cursor: null records with more false are the end",
    cursorWithMore,
    { token: "a" },
    `{"data":null,"more":false}`,
    end(null),
  ],
  [
    "cursor: null records with next null are the end",
    cursor,
    { token: "a" },
    `{"data":null,"next":null}`,
    end(null),
  ],
  [
    "cursor: null records with an empty next are the end",
    cursor,
    { token: "a" },
    `{"data":null,"next":""}`,
    end(null),
  ],

  [
    "link: an address goes on",
    link,
    null,
    `{"data":[1],"next":"https://api.example.com/x?p=2"}`,
    goOn({ url: "https://api.example.com/x?p=2" }),
  ],
  [
    "link: no address is the end",
    link,
    { url: "https://api.example.com/x?p=2" },
    `{"data":[1],"next":null}`,
    end(null),
  ],
  [
    "link: more false is the end whatever is named",
    { ...link, more: "/more" },
    null,
    `{"data":[1],"next":"http://elsewhere/","more":false}`,
    end(null),
  ],
  ["link: nothing at all (204) is the end", link, null, null, end(null)],

  ["page: the next number", page, null, `{"data":[1]}`, goOn({ page: 2 })],
  ["page: the number after that", page, { page: 7 }, `{"data":[1]}`, goOn({ page: 8 })],
  ["page: numbers may begin at 0", { ...page, first: 0 }, null, `{"data":[1]}`, goOn({ page: 1 })],
  ["page: an empty page is the end", page, { page: 7 }, `{"data":[]}`, end(null)],
  ["page: nothing at all (204) is the end", page, { page: 7 }, null, end(null)],
  [
    "page: with more true an empty page is not",
    { ...page, more: "/more" },
    { page: 7 },
    `{"data":[],"more":true}`,
    goOn({ page: 8 }),
  ],
  [
    "page: more false is the end",
    { ...page, more: "/more" },
    { page: 7 },
    `{"data":[1],"more":false}`,
    end(null),
  ],
  [
    "page: the last of those that are counted",
    { ...page, pages: "/pages" },
    { page: 3 },
    `{"data":[1],"pages":3}`,
    end(null),
  ],
  [
    "page: one before the last",
    { ...page, pages: "/pages" },
    { page: 2 },
    `{"data":[1],"pages":3}`,
    goOn({ page: 3 }),
  ],
  [
    "page: the last, counted from 0",
    { ...page, first: 0, pages: "/pages" },
    { page: 2 },
    `{"data":[1],"pages":"3"}`,
    end(null),
  ],
  [
    "page: one before the last, counted from 0",
    { ...page, first: 0, pages: "/pages" },
    { page: 1 },
    `{"data":[1],"pages":3}`,
    goOn({ page: 2 }),
  ],
  [
    "page: a count that is null counts nothing",
    { ...page, pages: "/pages" },
    { page: 3 },
    `{"data":[1],"pages":null}`,
    goOn({ page: 4 }),
  ],
  [
    "page: null records on the last of those that are counted",
    { ...page, pages: "/pages" },
    { page: 3 },
    `{"data":null,"pages":3}`,
    end(null),
  ],
  [
    "page: more true is stronger than the count",
    { ...page, pages: "/pages", more: "/more" },
    { page: 3 },
    `{"data":[1],"pages":3,"more":true}`,
    goOn({ page: 4 }),
  ],

  [
    "offset: what was received, not what was asked for",
    offset,
    { offset: 100 },
    `{"data":[1,2,3]}`,
    goOn({ offset: 103 }),
  ],
  ["offset: from the beginning", offset, null, `{"data":[1,2]}`, goOn({ offset: 2 })],
  [
    "offset: an empty page is the end, and the place is kept",
    offset,
    { offset: 100 },
    `{"data":[]}`,
    end({ offset: 100 }),
  ],
  [
    "offset: more false is the end behind its records",
    { ...offset, more: "/more" },
    { offset: 100 },
    `{"data":[1],"more":false}`,
    end({ offset: 101 }),
  ],
  ["offset: nothing at all (204) is the end", offset, { offset: 100 }, null, end({ offset: 100 })],

  ["after: the last record's value", after, null, `{"data":[{"id":"a"},{"id":"b"}]}`, goOn({ after: "b" })],
  [
    "after: exact, whatever it is",
    after,
    { after: "b" },
    `{"data":[{"id":12345678901234567890}]}`,
    goOn({ after: { json: "12345678901234567890" } }),
  ],
  [
    "after: an empty page is the end, and the place is kept",
    after,
    { after: "b" },
    `{"data":[]}`,
    end({ after: "b" }),
  ],
  ["after: an empty source is the end", after, null, `{"data":[]}`, end(null)],
  [
    "after: more false is the end behind its records",
    { ...after, more: "/more" },
    null,
    `{"data":[{"id":5}],"more":false}`,
    end({ after: { json: "5" } }),
  ],
  [
    "after: more false and no value, the place is kept",
    { ...after, more: "/more" },
    { after: "b" },
    `{"data":[{"id":null}],"more":false}`,
    end({ after: "b" }),
  ],

  [
    "inclusive: the value moves",
    inclusive,
    { after: "b", longest: 2 },
    `{"data":[{"id":"b"},{"id":"c"},{"id":"c"}]}`,
    goOn({ after: "c", longest: 3 }),
  ],
  [
    "inclusive: fewer than a page, all of the value asked for, are the end",
    inclusive,
    { after: "c", longest: 3 },
    `{"data":[{"id":"c"},{"id":"c"}]}`,
    end({ after: "c", longest: 3 }),
  ],
  [
    "inclusive: a single record is the end",
    inclusive,
    { after: "c", longest: 1 },
    `{"data":[{"id":"c"}]}`,
    end({ after: "c", longest: 1 }),
  ],
];

describe("what follows an answer", () => {
  test.each(ROWS)("%s", (_, pages, position, body, follows) => {
    expect(judged(sourceOf({ pages }), body, { position })).toEqual(follows);
  });
});

const NULL_RECORDS = "may be a failure as well as the end";

/** What is refused, by which code, and what the error has to say. */
const REFUSED: readonly (readonly [string, object, Position | null, string, string, readonly string[]])[] = [
  [
    "records that are absent",
    { pages: cursor },
    null,
    `{"next":null}`,
    "SY303",
    ["/data of the answer is not there", `"records"`],
  ],
  ["records that are no array", { pages: cursor }, null, `{"data":{"1":2}}`, "SY303", ["no array"]],
  [
    "an answer that is no array",
    { pages: page, records: "" },
    null,
    `{"data":[]}`,
    "SY303",
    ["The answer itself is no array"],
  ],
  ["an error beside null records", { pages: page }, null, `{"data":null,"error":"boom"}`, "SY303", ["boom"]],
  [
    "an error beside no records",
    { pages: page },
    null,
    `{"data":[],"errors":[{"m":1}]}`,
    "SY303",
    ["/errors"],
  ],
  [
    "an error in the place of records",
    { pages: page },
    null,
    `{"error":{"code":500}}`,
    "SY303",
    [`{"code":500}`],
  ],
  [
    "an error where the definition says, beside records",
    { pages: page, error: "/fault" },
    null,
    `{"data":[1],"fault":"partial"}`,
    "SY303",
    ["partial"],
  ],
  [
    "null records, and no word of an end: none",
    {},
    null,
    `{"data":null}`,
    "SY303",
    [NULL_RECORDS, `"error"`],
  ],
  [
    "null records, and no word of an end: cursor",
    { pages: cursor },
    null,
    `{"data":null}`,
    "SY303",
    [NULL_RECORDS],
  ],
  [
    "null records, and no word of an end: page",
    { pages: page },
    null,
    `{"data":null}`,
    "SY303",
    [NULL_RECORDS],
  ],
  [
    "null records, and no word of an end: offset",
    { pages: offset },
    null,
    `{"data":null,"next":null}`,
    "SY303",
    [NULL_RECORDS],
  ],
  [
    "null records, and no word of an end: after",
    { pages: after },
    { after: "b" },
    `{"data":null}`,
    "SY303",
    [NULL_RECORDS],
  ],
  [
    "null records before the last of the pages that are counted",
    { pages: { ...page, pages: "/pages" } },
    null,
    `{"data":null,"pages":3}`,
    "SY303",
    [NULL_RECORDS],
  ],
  [
    "more that is neither true nor false",
    { pages: cursorWithMore },
    null,
    `{"data":[1],"more":"yes"}`,
    "SY303",
    [`"yes"`],
  ],
  [
    "pages that are not counted in numbers",
    { pages: { ...page, pages: "/pages" } },
    null,
    `{"data":[1],"pages":1.5}`,
    "SY303",
    ["1.5"],
  ],
  [
    "an address in the place of a token",
    { pages: cursor },
    null,
    `{"data":[1],"next":"https://api.example.com/2"}`,
    "SY303",
    [`"type":"link"`],
  ],
  ["an address that is none", { pages: link }, null, `{"data":[1],"next":7}`, "SY303", ["not of this API"]],
  [
    "an address of another host",
    { pages: link },
    null,
    `{"data":[1],"next":"https://evil.example.com/2"}`,
    "SY303",
    ["evil.example.com"],
  ],
  [
    "an address of another port",
    { pages: link },
    null,
    `{"data":[1],"next":"https://api.example.com:8443/2"}`,
    "SY303",
    ["8443"],
  ],
  [
    "an address of another scheme",
    { pages: link },
    null,
    `{"data":[1],"next":"ftp://api.example.com/2"}`,
    "SY303",
    ["ftp"],
  ],
  ["an address without a host", { pages: link }, null, `{"data":[1],"next":"data:,x"}`, "SY303", ["data:"]],
  [
    "an address with a user",
    { pages: link },
    null,
    `{"data":[1],"next":"https://me:x@api.example.com/2"}`,
    "SY303",
    ["not of this API"],
  ],
  [
    "more to follow, and no token",
    { pages: cursorWithMore },
    null,
    `{"data":[1],"more":true}`,
    "SY301",
    ["names no next page"],
  ],
  [
    "more to follow, and no address",
    { pages: { ...link, more: "/more" } },
    null,
    `{"data":[1],"more":true}`,
    "SY301",
    ["names no next page"],
  ],
  [
    "more to follow after nothing, by value",
    { pages: { ...after, more: "/more" } },
    { after: "b" },
    `{"data":[],"more":true}`,
    "SY301",
    ["leads to the same again"],
  ],
  [
    "more to follow after nothing, by offset",
    { pages: { ...offset, more: "/more" } },
    { offset: 5 },
    `{"data":[],"more":true}`,
    "SY301",
    ["leads to the same again"],
  ],
  [
    "the token just sent, with records",
    { pages: cursor },
    { token: "a" },
    `{"data":[1],"next":"a"}`,
    "SY301",
    ["scroll", "search_after"],
  ],
  [
    "the token just sent, with records, even where that means the end",
    { pages: { ...cursor, same: "end" } },
    { token: "a" },
    `{"data":[1],"next":"a"}`,
    "SY301",
    ["scroll"],
  ],
  [
    "the token just sent, without records",
    { pages: cursor },
    { token: "a" },
    `{"data":[],"next":"a"}`,
    "SY301",
    [`"same":"end"`],
  ],
  [
    "the first token again",
    { pages: { ...cursor, first: "*" } },
    null,
    `{"data":[],"next":"*"}`,
    "SY301",
    [`"same":"end"`],
  ],
  [
    "the address just sent",
    { pages: link },
    { url: "https://api.example.com/x?p=2" },
    `{"data":[1],"next":"/x?p=2"}`,
    "SY301",
    ["scroll"],
  ],
  [
    "the first address again",
    { pages: link },
    null,
    `{"data":[1],"next":"/v1/events"}`,
    "SY301",
    ["v1/events"],
  ],
  [
    "the value just sent",
    { pages: after },
    { after: "b" },
    `{"data":[{"id":"b"}]}`,
    "SY301",
    ["the same again"],
  ],
  [
    "a page full of one value",
    { pages: inclusive },
    { after: "b", longest: 2 },
    `{"data":[{"id":"b"},{"id":"b"}]}`,
    "SY301",
    ["full of one value", "larger pages"],
  ],
  [
    "a single record of one value where pages of one record may be asked for",
    { pages: inclusive, query: { limit: 1 } },
    { after: "b", longest: 1 },
    `{"data":[{"id":"b"}]}`,
    "SY301",
    ["full of one value"],
  ],
  [
    "a last record without the value",
    { pages: after },
    null,
    `{"data":[{"id":"a"},{"x":1}]}`,
    "SY307",
    ["/id of record 1"],
  ],
  [
    "a last record with null for the value",
    { pages: after },
    null,
    `{"data":[{"id":null}]}`,
    "SY307",
    ["/id of record 0"],
  ],
  [
    "a last record that is no JSON",
    { pages: after },
    null,
    `{"data":[{"id":"a" "b":1}]}`,
    "SY307",
    ["unreadable"],
  ],
  [
    "a last record without the value, where the next run would go on from it",
    { pages: { ...after, more: "/more" }, append_only: true },
    { after: "b" },
    `{"data":[{"id":null}],"more":false}`,
    "SY307",
    ["/id"],
  ],
  [
    "a token with U+0000",
    { pages: cursor },
    null,
    String.raw`{"data":[1],"next":"a\u0000b"}`,
    "SY303",
    ["U+0000"],
  ],
  [
    "a token with half of a character",
    { pages: cursor },
    null,
    String.raw`{"data":[1],"next":{"a":"\ud83d"}}`,
    "SY303",
    ["half of a character"],
  ],
  [
    "a value with U+0000",
    { pages: after },
    null,
    String.raw`{"data":[{"id":"\u0000"}]}`,
    "SY303",
    ["U+0000"],
  ],
];

describe("an answer is refused that has", () => {
  test.each(REFUSED)("%s", (_, definition, position, body, code, says) => {
    const { code: raised, text } = refusal(() => judged(sourceOf(definition), body, { position }));
    expect(raised).toBe(code);
    for (const words of says) expect(text).toContain(words);
  });
});

describe("no failure is", () => {
  test.each([
    ["null", "null"],
    ["false", "false"],
    ["0", "0"],
    ["zero in another form", "-0.00e7"],
    ["an empty text", `""`],
    ["an empty list", "[ ]"],
    ["an empty object", "{\n}"],
  ])("%s in the place of an error", (_, nothing) => {
    const body = `{"data":[],"error":${nothing},"errors":${nothing},"fault":${nothing}}`;
    expect(judged(sourceOf({ pages: page }), body, { position: { page: 2 } })).toEqual(end(null));
    const named = sourceOf({ pages: page, error: "/fault" });
    expect(judged(named, body, { position: { page: 2 } })).toEqual(end(null));
  });

  test("an error beside records that no definition names", () => {
    expect(judged(sourceOf({ pages: page }), `{"data":[1],"errors":["a warning"]}`)).toEqual(
      goOn({ page: 2 }),
    );
  });

  test("null for records where the definition says what a failure looks like", () => {
    const source = sourceOf({ pages: cursor, error: "/fault" });
    expect(judged(source, `{"data":null,"error":"not looked at"}`)).toEqual(end(null));
  });
});

describe("a next page in a header", () => {
  const byHeader = sourceOf({ pages: { ...cursor, next: { header: "X-Next" } } });
  const byLink = sourceOf({ pages: { ...link, next: null } });

  test("is a token as it stands there, and an empty one is none", () => {
    expect(judged(byHeader, `{"data":[1]}`, { headers: { "x-next": "a+b" } })).toEqual(
      goOn({ token: "a+b" }),
    );
    expect(judged(byHeader, `{"data":[1]}`, { headers: { "x-next": "" } })).toEqual(end(null));
    expect(judged(byHeader, `{"data":[1]}`)).toEqual(end(null));
  });

  test("goes on after nothing at all (204)", () => {
    expect(judged(byHeader, null, { headers: { "x-next": "b" } })).toEqual(goOn({ token: "b" }));
    expect(judged(byLink, null, { headers: { link: `</2>; rel="next"` } })).toEqual(
      goOn({ url: "https://api.example.com/2" }),
    );
  });

  test.each([
    [
      `<https://api.example.com/r?page=2>; rel="next", <https://api.example.com/r?page=9>; rel="last"`,
      "page=2",
    ],
    [
      `<https://api.example.com/r?page=1>; rel=prev, </r?a=1,2&b=%22%3E>;title="x, <y>; rel=\\"next\\"" ;REL=next`,
      "a=1,2&b=%22%3E",
    ],
    [`<?page=3>; rel="start next"`, "page=3"],
    [["</r?page=1>; rel=prev", "</r?page=4>; rel=next"], "page=4"],
  ])("is a link with rel=next among others: %j", (header, search) => {
    const next = judged(byLink, `{"data":[1]}`, { headers: { link: header } });
    expect(next.kind === "go_on" && "url" in next.next && new URL(next.next.url).search.slice(1)).toBe(
      search,
    );
  });

  test("is the end where no link has rel=next, and refused where the header cannot be read", () => {
    expect(judged(byLink, `{"data":[1]}`, { headers: { link: `</r?page=1>; rel="last"` } })).toEqual(
      end(null),
    );
    const broken = () => judged(byLink, `{"data":[1]}`, { headers: { link: `/r?page=2; rel=next` } });
    expect(refusal(broken)).toMatchObject({ code: "SY303" });
  });
});

describe("an address that an answer names", () => {
  const next = (text: string, url = "https://api.example.com/v1/events", auth: object[] = []) => {
    const judgement = judged(
      sourceOf({ pages: link, url, auth }),
      `{"data":[1],"next":${JSON.stringify(text)}}`,
    );
    return judgement.kind === "go_on" && "url" in judgement.next ? judgement.next.url : null;
  };

  test.each([
    ["/v2?c=1", "https://api.example.com/v2?c=1"],
    ["?c=1", "https://api.example.com/v1/events?c=1"],
    ["more?c=a%2Bb+c&d=[x]", "https://api.example.com/v1/more?c=a%2Bb+c&d=[x]"],
    ["//api.example.com/x", "https://api.example.com/x"],
    ["https://API.example.com:443/x#part", "https://api.example.com/x"],
    ["http://api.example.com/x", "https://api.example.com/x"],
    ["http://api.example.com:80/x", "https://api.example.com/x"],
  ])("as %s is %s", (text, url) => {
    expect(next(text)).toBe(url);
  });

  test("keeps the port of the source, and is not made safer where the source is not", () => {
    expect(next("http://localhost:8080/x", "https://localhost:8080/")).toBe("https://localhost:8080/x");
    expect(next("/x", "http://localhost:8080/y")).toBe("http://localhost:8080/x");
    expect(refusal(() => next("https://localhost:8080/x", "http://localhost:8080/y")).code).toBe("SY303");
  });

  test("is stored without the parameter of a secret, in whatever way that is written", () => {
    const auth = [
      { kind: "query", name: "api key", prefix: "", secret: "KEY" },
      { kind: "header", name: "c", prefix: "", secret: "KEY" },
    ];
    const url = "https://api.example.com/v1/events";
    expect(next("?c=1&api+key=s3&d=%20&api%20key=s4", url, auth)).toBe(`${url}?c=1&d=%20`);
    expect(next("?api%20key=s4&c=2", url, auth)).toBe(`${url}?c=2`);
  });

  test("that differs by the secret alone is the same", () => {
    const auth = [{ kind: "query", name: "key", prefix: "", secret: "KEY" }];
    const again = () => next("?key=other", "https://api.example.com/v1/events", auth);
    expect(refusal(again).code).toBe("SY301");
  });
});

describe("pages that do not advance stop the stream", () => {
  const walk = (source: Source, bodies: readonly string[]) => {
    const memory = new RunMemory(0);
    return bodies.reduce<Judgement>((before, body) => {
      const position = before.kind === "go_on" ? before.next : null;
      return judged(source, body, { position, memory });
    }, end(null) as Judgement);
  };

  test("when a token comes again, however many are between", () => {
    const tokens = Array.from({ length: 300 }, (_, i) => `t${i}`);
    const bodies = [...tokens, "t0"].map((token, i) => `{"data":[${i}],"next":"${token}"}`);
    expect(refusal(() => walk(sourceOf({ pages: cursor }), bodies))).toMatchObject({
      code: "SY301",
      text: expect.stringContaining("asked for before"),
    });
  });

  test("of the last 10,000 requests each is known again", () => {
    const memory = new RunMemory(0);
    for (let i = 0; i <= 10_000; i++) memory.asked(`t${i}`);
    expect([memory.wasAsked("t0"), memory.wasAsked("t1"), memory.wasAsked("t10000")]).toEqual([
      false,
      true,
      true,
    ]);
  });

  test("when a token is of another type it is another one", () => {
    const bodies = [`{"data":[1],"next":1}`, `{"data":[2],"next":"1"}`, `{"data":[3],"next":[1]}`];
    expect(walk(sourceOf({ pages: cursor }), bodies)).toEqual(goOn({ token: { json: "[1]" } }));
  });

  test("when the same records come three times in a row", () => {
    const again = [`{"data":[{"a":1}],"t":1}`, `{"t":2,"data":[{"a":1}]}`, `{"data":[{"a":1}]}`];
    expect(walk(sourceOf({ pages: page }), again.slice(0, 2))).toEqual(goOn({ page: 3 }));
    expect(refusal(() => walk(sourceOf({ pages: page }), again))).toMatchObject({
      code: "SY301",
      text: expect.stringContaining("3 pages in a row have the same 1 records"),
    });
    expect(walk(sourceOf({ pages: page }), [...again.slice(0, 2), `{"data":[{"a":2}]}`, again[0]!])).toEqual(
      goOn({ page: 5 }),
    );
  });

  test("when the last of the pages that are counted is the one before again, unless there is no key", () => {
    const pages = { ...page, pages: "/pages" };
    const again = [`{"data":[{"a":1}],"pages":2}`, `{"data":[{"a":1}],"pages":2}`];
    expect(refusal(() => walk(sourceOf({ pages }), again))).toMatchObject({
      code: "SY301",
      text: expect.stringContaining("2 pages in a row have the same 1 records, the last one included"),
    });
    expect(walk(sourceOf({ pages, key: null }), again)).toEqual(end(null));
    expect(walk(sourceOf({ pages }), [again[0]!, `{"data":[{"a":2}],"pages":2}`])).toEqual(end(null));
  });

  test("when 10,000 pages in a row are empty, those of earlier passes included", () => {
    const source = sourceOf({ pages: cursor });
    const empty = (memory: RunMemory, n: number) =>
      judged(source, `{"data":[],"next":"t${n}"}`, { position: { token: `t${n - 1}` }, memory });
    const memory = new RunMemory(9_997);
    expect([empty(memory, 1), empty(memory, 2)]).toEqual([goOn({ token: "t1" }), goOn({ token: "t2" })]);
    const { code, text } = refusal(() => empty(memory, 3));
    expect(code).toBe("SY301");
    expect(text).toContain("select * from ampsync.resume_sync('events');");
  });

  test("and records in between begin the count anew; an empty page that is the end never counts", () => {
    const source = sourceOf({ pages: cursor });
    const memory = new RunMemory(9_999);
    judged(source, `{"data":[1],"next":"a"}`, { memory });
    expect(memory.emptyPages).toBe(0);
    expect(judged(source, `{"data":[]}`, { memory: new RunMemory(9_999) })).toEqual(end(null));
  });

  test("a token that comes again without records is the end where the definition says so", () => {
    const source = sourceOf({ pages: { ...cursor, same: "end", first: "*" } });
    expect(judged(source, `{"data":[],"next":"a"}`, { position: { token: "a" } })).toEqual(
      end({ token: "a" }),
    );
    expect(judged(source, `{"data":[],"next":"*"}`)).toEqual(end({ token: "*" }));
  });

  test("a refused answer that is asked for again is not taken for a repeated page", () => {
    const source = sourceOf({ pages: cursorWithMore });
    const memory = new RunMemory(0);
    for (let attempt = 0; attempt < 4; attempt++) {
      refusal(() => judged(source, `{"data":[1],"next":"b","more":7}`, { memory }));
    }
    expect(judged(source, `{"data":[1],"next":"b","more":true}`, { memory })).toEqual(goOn({ token: "b" }));
  });
});

describe("a secret across the place where a server's text is cut is not shown", () => {
  const clean = (text: string) => text.replaceAll("hunter22hunter22", "[secret]");
  const long = `${"x".repeat(190)}hunter22hunter22${"y".repeat(300)}`;
  const byHeader = { ...link, next: null };

  test.each<[string, object, string, Answer]>([
    ["a failure", { pages: { type: "none" } }, `{"error":"${long}","data":[]}`, {}],
    ["more", { pages: { ...cursor, more: "/more" } }, `{"data":[1],"more":"${long}"}`, {}],
    ["a token that is an address", { pages: cursor }, `{"data":[1],"next":"http://x/${long.slice(9)}"}`, {}],
    ["a token", { pages: cursor }, `{"data":[1],"next":"${long}"}`, { position: { token: long } }],
    ["a token that cannot be stored", { pages: cursor }, `{"data":[1],"next":"${long}\\u0000"}`, {}],
    [
      "an address",
      { pages: byHeader },
      `{"data":[1]}`,
      { headers: { link: `<http://x/${long}>; rel=next` } },
    ],
    ["a Link header", { pages: byHeader }, `{"data":[1]}`, { headers: { link: long } }],
    ["what is no JSON", { pages: cursor }, `{"data":[1] ${"z".repeat(30)}hunter22hunter22`, {}],
  ])("%s", (_, definition, body, answer) => {
    const { text } = refusal(() => judged(sourceOf(definition), body, { ...answer, clean }));
    expect(text).toMatch(/[xz]{20}/);
    expect(text).not.toContain("hun");
  });
});
