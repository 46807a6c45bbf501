import { describe, expect, test } from "vitest";

import type { HttpHeaders } from "../../../src/http/answer.ts";
import { readRateHeaders } from "../../../src/http/rate-headers.ts";
import {
  type Meaning,
  meaningOf,
  nextTries,
  redirectTarget,
  retryDelayMs,
} from "../../../src/ingest/http-limits.ts";
import { sourceOf } from "../../support/http/source-of.ts";

const cursor = { type: "cursor", param: "cursor", next: { pointer: "/next" } };
const PAGED = { type: "page", param: "page", first: 1, end_status: [404, 416] };
const EXPIRES = { after_ms: null, status: [400, 410], match: ["CURSOR_EXPIRED", "cursor is gone"] };

interface Given {
  readonly headers?: HttpHeaders;
  readonly body?: string;
  readonly hasToken?: boolean;
  readonly isFirstPage?: boolean;
  readonly isCut?: boolean;
  readonly definition?: object;
}

function meaning(status: number, given: Given = {}): Meaning {
  const { headers = {}, body = "", hasToken = false, isFirstPage = true, definition = {} } = given;
  const answer = { status, headers, body: Buffer.from(body), isCut: given.isCut ?? false };
  const rate = readRateHeaders(headers, 0);
  const redacted = (text: string) => text.replaceAll("s3cret", "[token]");
  return meaningOf(sourceOf(definition), answer, rate, { hasToken, isFirstPage }, redacted);
}

/** The kind, and the code of the error if there is one. */
function brief(status: number, given: Given = {}): string {
  const what = meaning(status, given);
  return "error" in what ? `${what.kind} ${what.error.code}` : what.kind;
}

const LIMIT_TEXTS = {
  google: `{"error":{"errors":[{"domain":"usageLimits","reason":"rateLimitExceeded"}],"code":403}}`,
  salesforce: `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`,
  facebook: `{"error":{"message":"(#4) Application request limit reached","code":4}}`,
  github: `{"message":"You have exceeded a secondary rate limit. Please wait"}`,
};

const ROWS: readonly (readonly [string, number, Given, string])[] = [
  ["429", 429, {}, "limited SY304"],
  [
    "429 for an expired token too",
    429,
    { hasToken: true, definition: { expires: { ...EXPIRES, status: [429] } } },
    "limited SY304",
  ],
  [
    "403 with Retry-After",
    403,
    { headers: { "retry-after": "60", "x-ratelimit-remaining": "4900", "x-ratelimit-reset": "60" } },
    "limited SY304",
  ],
  ["403 with a Retry-After that cannot be read", 403, { headers: { "retry-after": "soon" } }, "failed SY105"],
  [
    "403 with nothing remaining",
    403,
    { headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "60" } },
    "limited SY304",
  ],
  [
    "403 with a rest",
    403,
    { headers: { "x-ratelimit-remaining": "1", "x-ratelimit-reset": "60" } },
    "failed SY105",
  ],
  ["403 of GitHub's second limit", 403, { body: LIMIT_TEXTS.github }, "limited SY304"],
  [
    "403 that says Rate Limit in other letters, late",
    403,
    { body: `${" ".repeat(4000)}RATE LIMIT` },
    "limited SY304",
  ],
  ["403 that says it behind the first 4 KiB", 403, { body: `${" ".repeat(4096)}rate limit` }, "failed SY105"],
  [
    "403 of Google, by its text",
    403,
    {
      body: LIMIT_TEXTS.google,
      definition: {
        rate_limit: { bucket: "b", status: [403], match: ["dailyLimitExceeded", "rateLimitExceeded"] },
      },
    },
    "limited SY304",
  ],
  [
    "403 of Salesforce, by its text",
    403,
    {
      body: LIMIT_TEXTS.salesforce,
      definition: { rate_limit: { bucket: "b", status: [403], match: ["request_limit_exceeded"] } },
    },
    "limited SY304",
  ],
  [
    "400 of Facebook, by its text",
    400,
    {
      body: LIMIT_TEXTS.facebook,
      definition: { rate_limit: { bucket: "b", status: [400], match: ["request limit reached"] } },
    },
    "limited SY304",
  ],
  [
    "400 with another text",
    400,
    {
      body: "bad",
      definition: { rate_limit: { bucket: "b", status: [400], match: ["request limit reached"] } },
    },
    "failed SY004",
  ],
  ["503 with Retry-After: an outage, not a limit", 503, { headers: { "retry-after": "5" } }, "limited SY104"],
  ["500 with Retry-After", 500, { headers: { "retry-after": "5" } }, "limited SY104"],

  ["410 for a token", 410, { hasToken: true }, "stale"],
  ["410 without one", 410, {}, "failed SY004"],
  [
    "400 with one of the texts",
    400,
    { hasToken: true, body: "Cursor is gone", definition: { expires: EXPIRES } },
    "stale",
  ],
  [
    "400 with the other text",
    400,
    { hasToken: true, body: `{"code":"CURSOR_EXPIRED"}`, definition: { expires: EXPIRES } },
    "stale",
  ],
  [
    "400 with no such text",
    400,
    { hasToken: true, body: "limit is too large", definition: { expires: EXPIRES } },
    "failed SY004",
  ],

  ["a status that means the end", 404, { isFirstPage: false, definition: { pages: PAGED } }, "end"],
  ["the same on the first page", 404, { definition: { pages: PAGED } }, "failed SY004"],
  [
    "404 in the middle where nothing says so",
    404,
    { isFirstPage: false, hasToken: true, definition: { pages: cursor } },
    "failed SY004",
  ],

  ["204", 204, {}, "empty"],
  ["200 with a body", 200, { body: `{"data":[]}` }, "page"],
  ["201", 201, { body: "[]" }, "page"],
  ["206", 206, { body: "[]" }, "page"],
  ["200 that is no JSON: the page will say so", 200, { body: "<html>" }, "page"],
  ["200 without a byte", 200, {}, "retry SY303"],
  ["200 with white space", 200, { body: " \r\n\t" }, "retry SY303"],
  ["200 with null", 200, { body: " null\n" }, "retry SY303"],
  ["202 with a body", 202, { body: `{"data":[]}` }, "retry SY303"],
  ["205 without a body", 205, {}, "retry SY303"],

  ["500", 500, {}, "retry SY104"],
  ["502", 502, { body: "<html>Bad gateway" }, "retry SY104"],
  ["503", 503, {}, "retry SY104"],
  ["504", 504, {}, "retry SY104"],
  ["599", 599, {}, "retry SY104"],
  ["408", 408, {}, "retry SY104"],
  ["425", 425, {}, "retry SY104"],
  ["501", 501, {}, "failed SY004"],
  ["505", 505, {}, "failed SY004"],

  ["401", 401, {}, "unauthorized SY105"],
  ["403", 403, { body: "forbidden" }, "failed SY105"],
  ["301", 301, {}, "redirect"],
  ["304", 304, {}, "redirect"],
  ["308", 308, {}, "redirect"],
  ["413", 413, {}, "failed SY106"],
  ["400", 400, {}, "failed SY004"],
  ["404", 404, {}, "failed SY004"],
  ["422", 422, {}, "failed SY004"],
];

describe("an answer means what the first row that fits says:", () => {
  test.each(ROWS)("%s", (_, status, given, means) => {
    expect(brief(status, given)).toBe(means);
  });

  test("there is one for every status and every kind of pages", () => {
    const statuses = Array.from({ length: 500 }, (_, i) => 100 + i);
    const meanings = [{ type: "none" }, cursor, PAGED].flatMap((pages) =>
      statuses.flatMap((status) => [
        brief(status, { definition: { pages } }),
        brief(status, { body: "rate limit", hasToken: true, isFirstPage: false, definition: { pages } }),
      ]),
    );
    expect(meanings).toHaveLength(3_000);
    expect([...new Set(meanings)].sort()).toEqual(
      [...new Set(ROWS.map(([, , , means]) => means))].sort().filter((means) => means !== "limited SY104"),
    );
  });
});

function errorOf(status: number, given: Given = {}): { code: string; text: string } {
  const what = meaning(status, given);
  if (!("error" in what)) throw new Error(what.kind);
  const { code, message, detail, hint } = what.error;
  return { code, text: `${message} ${detail} ${hint}` };
}

describe("an answer whose text broke off", () => {
  test.each<[string, number, Given, string]>([
    ["may have told that the cursor has expired", 400, { hasToken: true }, "retry SY104"],
    ["did tell it", 400, { hasToken: true, body: "the cursor is gone, and" }, "stale"],
    ["cannot tell it where no token was sent", 400, {}, "failed SY004"],
    ["may have told of a limit", 403, {}, "retry SY104"],
    ["did not tell it where it is known far enough", 403, { body: "x".repeat(4_096) }, "failed SY105"],
    ["has a status that tells nothing", 404, { hasToken: true }, "failed SY004"],
  ])("%s", (_, status, given, what) => {
    expect(brief(status, { ...given, isCut: true, definition: { expires: EXPIRES } })).toBe(what);
  });

  test("needs no text where the status is enough", () => {
    expect(brief(410, { hasToken: true, isCut: true })).toBe("stale");
    expect(brief(429, { isCut: true })).toBe("limited SY304");
  });
});

describe("an error", () => {
  test("shows at most 500 characters of the answer, without its secrets, one at the cut included", () => {
    const { text } = errorOf(400, { body: `${"x".repeat(497)}s3cret${"y".repeat(1000)}` });
    expect(text).toContain(`HTTP 400: ${"x".repeat(497)}[to`);
    expect(text).not.toMatch(/s3c|yyy/);
  });

  test("says that there was no text", () => {
    expect(errorOf(500).text).toContain("HTTP 500, without a text.");
  });

  test("of a refused secret names the variables that hold it, and none where none is sent", () => {
    const auth = [
      { kind: "header", name: "X-Key", prefix: "", secret: "API_KEY" },
      { kind: "basic", name: "me", prefix: "", secret: "OTHER" },
    ];
    expect(errorOf(401, { definition: { auth } }).text).toContain(
      "AMPSYNC_SECRET_API_KEY and AMPSYNC_SECRET_OTHER",
    );
    expect(errorOf(403, { definition: { auth } }).text).toContain(
      "AMPSYNC_SECRET_API_KEY_FILE or AMPSYNC_SECRET_OTHER_FILE",
    );
    expect(errorOf(401).text).toContain(`<correct {"auth":`);
  });

  test("of a page that is too large names the setting", () => {
    expect(errorOf(413).text).toContain("AMPSYNC_HTTP_MAX_PAGE_MB");
  });
});

test("people are told when it is sent again", () => {
  expect(nextTries(2)).toBe("Asked again after 2 s and 4 s; then the source rests for longer.");
});

test("a request that failed is sent again after 1, 2 and 4 s, and then no more", () => {
  expect([1, 2, 3, 4, 5].map(retryDelayMs)).toEqual([1_000, 2_000, 4_000, null, null]);
});

describe("a redirect", () => {
  const from = new URL("https://api.example.com/v1/events?cursor=a");
  const to = (
    location: string | undefined,
    { method = "GET", before = 0 }: { method?: "GET" | "POST"; before?: number } = {},
  ) =>
    redirectTarget(method, from, { status: 302, headers: { location }, body: Buffer.from("") }, before).href;

  test.each([
    ["https://other.example.com/x#y", "https://other.example.com/x"],
    ["/v2/events?cursor=a", "https://api.example.com/v2/events?cursor=a"],
    ["?page=2", "https://api.example.com/v1/events?page=2"],
    ["//cdn.example.com", "https://cdn.example.com/"],
  ])("to %s leads to %s", (location, target) => {
    expect(to(location)).toBe(target);
  });

  test("is followed three times", () => {
    expect(to("/x", { before: 2 })).toBe("https://api.example.com/x");
  });

  test.each<[string, () => string]>([
    ["of a POST", () => to("/x", { method: "POST" })],
    ["without a Location", () => to(undefined)],
    ["with a Location that is none", () => to("https://")],
    ["after three others", () => to("/x", { before: 3 })],
  ])("%s is not followed", (_, follow) => {
    expect(follow).toThrow(expect.objectContaining({ code: "SY303" }));
  });
});
