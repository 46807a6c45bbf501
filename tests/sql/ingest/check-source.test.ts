import { describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

type Json = Record<string, unknown>;

const URL_ = "https://api.example.com/v1/events";
const RANGE = { field: "/at", since: "since", until: "until", format: "iso" };
const AT = { id: "text", at: "timestamptz" };

/** A definition that is one, with the given keys in place of its own. */
function source(given: Json = {}): Json {
  return { url: URL_, pages: { type: "none" }, records: "/data", key: ["id"], ...given };
}

async function check(definition: unknown): Promise<void> {
  await db.query("select ampsync_private.check_source('events', $1)", [JSON.stringify(definition)]);
}

/** The definition after the call that a hint has, which begins with this one. */
async function corrected(hint: string, from: Json = {}): Promise<Json> {
  const { rows } = await db.query(
    `select coalesce(jsonb_object_agg(k.key, k.value) filter (where k.value <> 'null'), '{}') as source
       from jsonb_each($1::jsonb || (${/source => (.*)\);$/s.exec(hint)![1]})::jsonb) k`,
    [JSON.stringify(from)],
  );
  return rows[0]!["source"];
}

describe("a definition that is one is taken:", () => {
  test.each<[string, Json]>([
    [
      "that of the events API",
      {
        query: { limit: 1000 },
        auth: { header: "X-API-Key", secret: "API_KEY" },
        pages: {
          type: "cursor",
          param: "cursor",
          next: "/pagination/nextCursor",
          more: "/pagination/hasMore",
        },
        columns: {
          id: "text",
          event_type: { from: "/type" },
          timestamp: "timestamptz",
          data: { from: "", type: "jsonb", not_null: true },
        },
        rate_limit: { requests: 100, per: "1 minute" },
        expires: { after: "10 minutes", status: [400, 410], match: "CURSOR_EXPIRED" },
      },
    ],
    [
      "a search by a body",
      {
        body: { query: { range: { at: {} } }, sort: ["at", "id"] },
        records: "/hits/hits",
        pages: { type: "after", in: "body", param: "/search_after", field: "/sort" },
        range: { ...RANGE, since: "/query/range/at/gte", until: "/query/range/at/lt" },
        auth: { body: "/api_key", secret: "API_KEY" },
      },
    ],
    [
      "links of a header",
      { records: undefined, pages: { type: "link" }, every: "1 h", on_conflict: "replace" },
    ],
    [
      "a cursor of a header",
      { pages: { type: "cursor", param: "page", next: { header: "X-Next" }, first: "*", same: "end" } },
    ],
    [
      "numbered pages",
      { pages: { type: "page", param: "page", first: 0, pages: "/pages", end_status: [404] } },
    ],
    [
      "windows",
      {
        columns: AT,
        every: "1 minute",
        on_conflict: { newest: "at" },
        range: {
          ...RANGE,
          from: "2024-01-01",
          step: "1 day",
          lookback: "1 h",
          lag: "30 s",
          bounds: "[]",
          sorted: false,
        },
      },
    ],
    ["integers", { range: { field: "/id", since: "min_id", format: "integer", from: 7, lookback: 100 } }],
    [
      "no key, by offset",
      { key: undefined, pages: { type: "offset", param: "offset" }, append_only: true, every: "5 s" },
    ],
    ["records that are their own key", { key: "content", every: "5 s" }],
    [
      "two secrets",
      {
        auth: [
          { header: "X-App", secret: "APP_ID" },
          { query: "key", secret: "API_KEY" },
        ],
      },
    ],
    ["a password", { auth: { basic: "user", secret: "PASSWORD" } }],
    [
      "several limits",
      {
        rate_limit: [
          { requests: 10, per: "1 s" },
          { requests: 5000, per: "1 h" },
        ],
      },
    ],
    [
      "the limit of others",
      { rate_limit: { bucket: "shared", status: [400], match: ["quota", "slow down"] } },
    ],
    [
      "a parameter that only looks like a secret",
      { query: { partition: "key", page_token_count: "3", key: 5 } },
    ],
    [
      "every type",
      {
        columns: {
          id: "text",
          a: "smallint",
          b: "integer",
          c: "bigint",
          d: "numeric",
          e: "double precision",
          f: "date",
          g: "boolean",
          h: "uuid",
          i: { type: "bytea", unit: "base64" },
          j: "jsonb",
          k: { type: "timestamptz", unit: "ms" },
        },
      },
    ],
    ["an address with port, path and query", { url: "http://[::1]:8080/a/b?x=%20&limit=5" }],
    [
      "1,000 columns",
      {
        columns: Object.fromEntries(
          Array.from({ length: 1000 }, (_, n) => [n === 0 ? "id" : `c${n}`, "text"]),
        ),
      },
    ],
  ])("%s", async (_, given) => {
    await check(source(given));
  });
});

/** What is given, the place that the message names, and what it says there. */
type Refused = [given: Json, place: string, message: string];

const REFUSED: Readonly<Record<string, readonly Refused[]>> = {
  "the request": [
    [{ url: undefined }, "/url", "is missing"],
    [{ url: 5 }, "/url", "is not a text"],
    [{ url: "/events" }, "/url", "is not an absolute http or https address"],
    [{ url: "ftp://a.example/x" }, "/url", "is not an absolute http or https address"],
    [{ url: "https://" }, "/url", "is not an absolute http or https address"],
    [{ url: "https://a.example/x#y" }, "/url", "without a fragment"],
    [{ url: "https://a.example:70000/x" }, "/url", "is not an absolute http or https address"],
    [{ url: "https://a.example\\@b.example/" }, "/url", "holds a secret"],
    [{ url: "https://a.example/a b" }, "/url", "is not an absolute http or https address"],
    [{ query: ["limit"] }, "/query", "is not a JSON object"],
    [{ query: { ids: [1, 2] } }, "/query/ids", "is not a text, a number, true or false"],
    [{ query: { id: null } }, "/query/id", "is not a text, a number, true or false"],
    [{ headers: { "X-A": 5 } }, "/headers/X-A", "is not a text"],
    [{ headers: { "X-A": "a\nb" } }, "/headers/X-A", "is not a text"],
    [{ headers: { "X-A": "é" } }, "/headers/X-A", "other characters than those of ASCII"],
    [{ headers: { "X A": "a" } }, "/headers/X A", "is not the name of a header"],
    [{ headers: { Host: "other.example" } }, "/headers/Host", "workers set themselves"],
    [{ headers: { "accept-encoding": "zstd" } }, "/headers/accept-encoding", "workers set themselves"],
    [{ body: [] }, "/body", "is not a JSON object"],
    [{ timeout: 0 }, "/timeout", "is not a number from 1 to 300"],
    [{ timeout: "10" }, "/timeout", "is not a number from 1 to 300"],
  ],
  secrets: [
    [{ url: "https://user:pa55word@a.example/" }, "/url", "holds a secret"],
    [{ url: "https://a.example/?limit=5&api%5Fkey=pa55word" }, "/url", "holds a secret"],
    [{ headers: { AUTHORIZATION: "Bearer pa55word" } }, "/headers/AUTHORIZATION", "holds a secret"],
    [{ headers: { "Proxy-Authorization": "pa55word" } }, "/headers/Proxy-Authorization", "holds a secret"],
    [{ headers: { Cookie: "id=pa55word" } }, "/headers/Cookie", "holds a secret"],
    [{ headers: { "x-API-Key": "pa55word" } }, "/headers/x-API-Key", "holds a secret"],
    [{ query: { accessToken: "pa55word" } }, "/query/accessToken", "holds a secret"],
    [{ query: { "client-SECRET": "pa55word" } }, "/query/client-SECRET", "holds a secret"],
    [{ query: { "pass-word": "pa55word" } }, "/query/pass-word", "holds a secret"],
    [{ body: { request_signature: "pa55word" } }, "/body/request_signature", "holds a secret"],
    [{ headers: { "X-Token": "pa55word" }, auth: [] }, "/headers/X-Token", "holds a secret"],
  ],
  auth: [
    [{ auth: "API_KEY" }, "/auth", "is not one place of a secret"],
    [{ auth: [] }, "/auth", "nor a list of up to 3 of them"],
    [{ auth: Array.from("ABCD", (secret) => ({ query: secret, secret })) }, "/auth", "up to 3 of them"],
    [{ auth: [{ query: "a", secret: "A" }, 5] }, "/auth/1", "is not a JSON object"],
    [{ auth: { secret: "A" } }, "/auth", "does not have one of header, query, body, basic"],
    [
      { auth: { query: "a", header: "a", secret: "A" } },
      "/auth",
      "does not have one of header, query, body, basic",
    ],
    [{ auth: { query: "a", prefix: "b", secret: "A" } }, "/auth/prefix", "is not known"],
    [{ auth: { query: "a", value: "b", secret: "A" } }, "/auth/value", "is not known"],
    [{ auth: { query: "a" } }, "/auth/secret", "is missing"],
    [{ auth: { query: "a", secret: "api_key" } }, "/auth/secret", "is not the name of a secret"],
    [{ auth: { query: "a", secret: "1A" } }, "/auth/secret", "is not the name of a secret"],
    [{ auth: { query: "", secret: "A" } }, "/auth/query", "is not a text of 1 to 1,000 characters"],
    [{ auth: { header: "a b", secret: "A" } }, "/auth/header", "is not the name of a header"],
    [{ auth: { body: "key", secret: "A" }, body: {} }, "/auth/body", "is not a JSON Pointer"],
    [{ auth: { body: "/key", secret: "A" } }, "/auth/body", "has no body to go into"],
    [{ auth: { basic: "user:name", secret: "A" } }, "/auth/basic", "is a user with a colon"],
  ],
  pages: [
    [{ pages: undefined }, "/pages", "is missing"],
    [{ pages: "cursor" }, "/pages", "is not a JSON object"],
    [{ pages: {} }, "/pages/type", "is none of none, cursor, link, page, offset, after"],
    [{ pages: { type: "graphql" } }, "/pages/type", "is none of none, cursor, link, page, offset, after"],
    [{ pages: { type: "none", param: "page" } }, "/pages/param", "is not known"],
    [{ pages: { type: "link", param: "page" } }, "/pages/param", "is not known"],
    [{ pages: { type: "offset", param: "offset", first: 5 } }, "/pages/first", "is not known"],
    [{ pages: { type: "cursor", next: "/next" } }, "/pages/param", "is missing"],
    [{ pages: { type: "cursor", param: "cursor" } }, "/pages/next", "is missing"],
    [{ pages: { type: "cursor", param: "cursor", next: "next" } }, "/pages/next", "is not a JSON Pointer"],
    [{ pages: { type: "cursor", param: "cursor", next: "/a~2" } }, "/pages/next", "is not a JSON Pointer"],
    [
      { pages: { type: "cursor", param: "cursor", next: `/${"n".repeat(1000)}` } },
      "/pages/next",
      "at most 1,000",
    ],
    [
      { pages: { type: "cursor", param: "cursor", next: { header: "a b" } } },
      "/pages/next",
      "is neither a pointer nor the name of a header",
    ],
    [
      { pages: { type: "cursor", param: "cursor", next: { pointer: "/a" } } },
      "/pages/next",
      "is neither a pointer nor the name of a header",
    ],
    [
      { pages: { type: "cursor", param: "cursor", next: "/n", same: "stop" } },
      "/pages/same",
      "is none of end",
    ],
    [
      { pages: { type: "cursor", param: "cursor", next: "/n", first: null } },
      "/pages/first",
      "is not what a parameter can have",
    ],
    [
      { pages: { type: "cursor", param: "cursor", next: "/n", first: [1] } },
      "/pages/first",
      "is not what a parameter can have",
    ],
    [
      { pages: { type: "page", param: "page", first: -1 } },
      "/pages/first",
      "is not an integer from 0 to 2147483647",
    ],
    [
      { pages: { type: "page", param: "page", first: 1.5 } },
      "/pages/first",
      "is not an integer from 0 to 2147483647",
    ],
    [{ pages: { type: "page", param: "page", first: 2147483648 } }, "/pages/first", "is not an integer"],
    [
      { pages: { type: "page", param: "page", end_status: 404 } },
      "/pages/end_status",
      "is not a list of 1 to 20 statuses",
    ],
    [
      { pages: { type: "page", param: "page", end_status: [200] } },
      "/pages/end_status",
      "is not a list of 1 to 20 statuses",
    ],
    [
      { pages: { type: "page", param: "page", end_status: ["404"] } },
      "/pages/end_status",
      "is not a list of 1 to 20 statuses",
    ],
    [{ pages: { type: "page", param: "page", end_status: [404, 429] } }, "/pages/end_status", "never an end"],
    [{ pages: { type: "page", param: "page", more: true } }, "/pages/more", "is not a JSON Pointer"],
    [{ pages: { type: "page", param: "page", pages: 5 } }, "/pages/pages", "is not a JSON Pointer"],
    [{ pages: { type: "after", param: "after" } }, "/pages/field", "is missing"],
    [
      { pages: { type: "after", param: "after", field: "/id", inclusive: "yes" } },
      "/pages/inclusive",
      "is not true or false",
    ],
    [{ pages: { type: "page", param: "page", in: "header" } }, "/pages/in", "is none of query, body"],
    [{ pages: { type: "page", param: "/page", in: "body" } }, "/pages/in", "needs a body"],
    [
      { pages: { type: "page", param: "page", in: "body" }, body: {} },
      "/pages/param",
      "is not a JSON Pointer",
    ],
    [{ records: "data" }, "/records", "is not a JSON Pointer"],
    [{ total: 5 }, "/total", "is not a JSON Pointer"],
    [{ error: "error" }, "/error", "is not a JSON Pointer"],
    [
      { records: undefined, pages: { type: "cursor", param: "c", next: "/next" } },
      "/pages/next",
      "points into the records",
    ],
    [
      { pages: { type: "cursor", param: "c", next: "/data/-1/id" } },
      "/pages/next",
      "points into the records",
    ],
    [{ pages: { type: "page", param: "c", more: "/data" } }, "/pages/more", "or to all of them"],
    [{ records: "", total: "/total" }, "/total", "points into the records"],
  ],
  parameters: [
    [
      { pages: { type: "page", param: "page" }, query: { page: 1 } },
      "/pages/param",
      "sets what is a constant as well",
    ],
    [
      { pages: { type: "page", param: "page" }, url: `${URL_}?a=1&%70age=1` },
      "/pages/param",
      "sets what is a constant",
    ],
    [
      { pages: { type: "page", param: "page" }, range: { ...RANGE, since: "page" } },
      "/pages/param",
      "another part",
    ],
    [{ range: { ...RANGE, until: "since" } }, "/range/since", "another part"],
    [{ range: RANGE, query: { since: 5 } }, "/range/since", "sets what is a constant as well"],
    [
      { auth: { query: "limit", secret: "A" }, query: { limit: 5 } },
      "/auth/0",
      "sets what is a constant as well",
    ],
    [
      { auth: { header: "x-app", secret: "A" }, headers: { "X-App": "a" } },
      "/auth/0",
      "sets what is a constant as well",
    ],
    [
      {
        auth: [
          { header: "X-App", secret: "A" },
          { header: "x-app", secret: "B" },
        ],
      },
      "/auth/0",
      "another part",
    ],
    [
      {
        auth: [
          { basic: "user", secret: "A" },
          { header: "Authorization", secret: "B" },
        ],
      },
      "/auth/0",
      "another part",
    ],
    [
      { auth: { query: "page", secret: "A" }, pages: { type: "page", param: "page" } },
      "/pages/param",
      "another part",
    ],
    [
      { pages: { type: "page", in: "body", param: "/a/page" }, body: { a: { page: 1 } } },
      "/pages/param",
      "sets what is a constant as well",
    ],
    [
      { pages: { type: "page", in: "body", param: "/a/page" }, body: { a: 5 } },
      "/pages/param",
      "sets what is a constant",
    ],
    [
      { pages: { type: "page", in: "body", param: "/a" }, range: { ...RANGE, since: "/a/b" }, body: {} },
      "/pages/param",
      "another part",
    ],
  ],
  range: [
    [{ range: "day" }, "/range", "is not a JSON object"],
    [{ range: { ...RANGE, unit: "s" } }, "/range/unit", "is not known"],
    [{ range: { ...RANGE, field: undefined } }, "/range/field", "is missing"],
    [{ range: { ...RANGE, since: undefined } }, "/range/since", "is missing"],
    [{ range: { ...RANGE, since: "" } }, "/range/since", "is not a text"],
    [
      { range: { ...RANGE, format: undefined } },
      "/range/format",
      "is none of iso, iso_ms, date, s, ms, integer",
    ],
    [{ range: { ...RANGE, format: "us" } }, "/range/format", "is none of iso, iso_ms, date, s, ms, integer"],
    [{ range: { ...RANGE, bounds: "[[" } }, "/range/bounds", "is none of [), [], (), (]"],
    [{ range: { ...RANGE, from: "01/02/2024" } }, "/range/from", "is not a time of ISO 8601"],
    [{ range: { ...RANGE, from: "2024-02-30" } }, "/range/from", "is not a time of ISO 8601"],
    [{ range: { ...RANGE, from: 20240101 } }, "/range/from", "is not a time of ISO 8601"],
    [{ range: { ...RANGE, lookback: 60 } }, "/range/lookback", "is not an interval of at least 0 s"],
    [{ range: { ...RANGE, lookback: "-1 s" } }, "/range/lookback", "is not an interval of at least 0 s"],
    [{ range: { ...RANGE, lag: "1 month" } }, "/range/lag", "without months"],
    [{ range: { ...RANGE, sorted: 1 } }, "/range/sorted", "is not true or false"],
    [{ range: { ...RANGE, step: "0 s", from: "2024-01-01" } }, "/range/step", "is not an interval"],
    [{ range: { ...RANGE, step: "1 day" } }, "/range/from", "is missing"],
    [
      { range: { ...RANGE, step: "1 day", until: undefined, from: "2024-01-01" } },
      "/range/until",
      "is missing",
    ],
    [{ range: { ...RANGE, step: "1.5 s", from: "2024-01-01" } }, "/range/step", "is not a multiple"],
    [
      { range: { ...RANGE, format: "date", step: "1 h", from: "2024-01-01" } },
      "/range/step",
      "is not a multiple",
    ],
    [
      { range: { field: "/id", since: "s", format: "integer", from: 1.5 } },
      "/range/from",
      "is not an integer",
    ],
    [
      { range: { field: "/id", since: "s", format: "integer", lookback: "1 h" } },
      "/range/lookback",
      "is not an integer",
    ],
    [{ range: { ...RANGE, format: "integer" } }, "/range/until", "is for ranges of times"],
    [
      { range: { ...RANGE, until: undefined, format: "integer", lag: "1 s" } },
      "/range/lag",
      "is for ranges of times",
    ],
    [
      { range: { ...RANGE, until: undefined, format: "integer", step: 10 } },
      "/range/step",
      "is for ranges of times",
    ],
    [{ every: 60, on_conflict: "replace" }, "/every", "is not an interval of at least 1 s"],
    [{ every: "0.5 s", on_conflict: "replace" }, "/every", "is not an interval of at least 1 s"],
    [{ every: "now and then", on_conflict: "replace" }, "/every", "is not an interval of at least 1 s"],
    [{ append_only: "yes" }, "/append_only", "is not true or false"],
  ],
  columns: [
    [{ columns: [] }, "/columns", "is not a JSON object"],
    [{ columns: {} }, "/columns", "are not 1 to 1,000 columns"],
    [
      { columns: Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`c${n}`, "text"])) },
      "/columns",
      "are not 1 to 1,000",
    ],
    [{ columns: { id: "text", "": "text" } }, "/columns/", "cannot be the name of a column"],
    [
      { columns: { id: "text", ["n".repeat(64)]: "text" } },
      `/columns/${"n".repeat(64)}`,
      "cannot be the name",
    ],
    [{ columns: { id: "text", ctid: "text" } }, "/columns/ctid", "cannot be the name of a column"],
    [{ key: "content", columns: { _id: "text" } }, "/columns/_id", "cannot be the name of a column"],
    [{ key: undefined, columns: { _row: "text" } }, "/columns/_row", "cannot be the name of a column"],
    [{ columns: { id: "text", a: 5 } }, "/columns/a", "is not a JSON object"],
    [{ columns: { id: "text", a: "timestamp" } }, "/columns/a", "is none of text, smallint"],
    [{ columns: { id: "text", a: "numeric(10,2)" } }, "/columns/a", "is none of text, smallint"],
    [{ columns: { id: "text", a: { type: "varchar" } } }, "/columns/a/type", "is none of text, smallint"],
    [{ columns: { id: "text", a: { path: "/a" } } }, "/columns/a/path", "is not known"],
    [{ columns: { id: "text", a: { from: "a" } } }, "/columns/a/from", "is not a JSON Pointer"],
    [{ columns: { id: "text", a: { not_null: 1 } } }, "/columns/a/not_null", "is not true or false"],
    [{ columns: { id: "text", a: "bytea" } }, "/columns/a/unit", "is missing"],
    [{ columns: { id: "text", a: { type: "bytea" } } }, "/columns/a/unit", "is none of hex, base64"],
    [
      { columns: { id: "text", a: { type: "bytea", unit: "ms" } } },
      "/columns/a/unit",
      "is none of hex, base64",
    ],
    [
      { columns: { id: "text", a: { type: "timestamptz", unit: "hex" } } },
      "/columns/a/unit",
      "is none of s, ms, us, ns",
    ],
    [
      { columns: { id: "text", a: { type: "date", unit: "s" } } },
      "/columns/a/unit",
      "is not for a column of type date",
    ],
    [
      { columns: { id: "text", "a/b": { type: "date", unit: "s" } } },
      "/columns/a~1b/unit",
      "is not for a column",
    ],
  ],
  "key and conflicts": [
    [{ key: "id" }, "/key", "is not a list of 1 to 32 different columns"],
    [{ key: [] }, "/key", "is not a list of 1 to 32 different columns"],
    [{ key: ["id", "id"] }, "/key", "is not a list of 1 to 32 different columns"],
    [{ key: [5] }, "/key", "is not a list of 1 to 32 different columns"],
    [{ columns: { a: "text" } }, "/key", "has a column that is not among the columns"],
    [{ key: ["data"] }, "/key", "has a column that is not among the columns"],
    [{ on_conflict: "merge" }, "/on_conflict", "is none of ignore, replace"],
    [{ on_conflict: { oldest: "at" } }, "/on_conflict", "is neither ignore, nor replace"],
    [
      { columns: AT, on_conflict: { newest: "id" } },
      "/on_conflict/newest",
      "is not a column that is a number",
    ],
    [
      { columns: AT, on_conflict: { newest: "b" } },
      "/on_conflict/newest",
      "is not a column that is a number",
    ],
    [{ columns: AT, on_conflict: {} }, "/on_conflict/newest", "is not a column that is a number"],
    [{ key: "content", on_conflict: "replace" }, "/on_conflict", "needs a key of columns"],
    [
      { key: undefined, columns: AT, on_conflict: { newest: "at" } },
      "/on_conflict",
      "needs a key of columns",
    ],
    [
      { on_conflict: "replace", range: { ...RANGE, from: "2024-01-01", step: "1 day" } },
      "/on_conflict",
      "beside range.step",
    ],
    [{ every: "5 s" }, "/on_conflict", "is missing"],
    [{ every: "5 s", columns: AT, range: RANGE }, "/on_conflict", "is missing"],
    [{ schema: "thaw" }, "/schema", "is none of freeze, evolve"],
    [{ adopt: "yes" }, "/adopt", "is not true or false"],
  ],
  "what is read twice without a key": [
    [{ key: undefined, range: { ...RANGE, lookback: "1 s" } }, "/range/lookback", "needs a key"],
    [
      { key: undefined, range: { ...RANGE, from: "2024-01-01", step: "1 day" } },
      "/range/step",
      "needs a key",
    ],
    [{ key: undefined, every: "5 s" }, "/every", "needs a key"],
    [
      { key: undefined, every: "5 s", append_only: true, pages: { type: "page", param: "p" } },
      "/every",
      "needs a key",
    ],
    [{ key: undefined, every: "5 s", pages: { type: "offset", param: "p" } }, "/every", "needs a key"],
    [
      { key: undefined, pages: { type: "after", param: "p", field: "/id", inclusive: true } },
      "/pages/inclusive",
      "needs a key",
    ],
  ],
  limits: [
    [{ rate_limit: 100 }, "/rate_limit", "is not one limit, nor a list"],
    [{ rate_limit: [] }, "/rate_limit", "is not one limit, nor a list"],
    [
      { rate_limit: [1, 2, 3, 4].map((n) => ({ requests: 1, per: `${n} s` })) },
      "/rate_limit",
      "nor a list of up to 3",
    ],
    [
      {
        rate_limit: [
          { requests: 1, per: "1 s", bucket: "a" },
          { requests: 5, per: "1 h", bucket: "b" },
        ],
      },
      "/rate_limit",
      "of one bucket",
    ],
    [{ rate_limit: [5] }, "/rate_limit/0", "is not a JSON object"],
    [{ rate_limit: { burst: 5 } }, "/rate_limit/burst", "is not known"],
    [{ rate_limit: { requests: 5 } }, "/rate_limit/per", "is missing"],
    [{ rate_limit: { per: "1 s" } }, "/rate_limit/requests", "is missing"],
    [{ rate_limit: { requests: 0, per: "1 s" } }, "/rate_limit/requests", "is not an integer from 1"],
    [{ rate_limit: { requests: 5, per: "1.5 s" } }, "/rate_limit/per", "is not whole seconds"],
    [{ rate_limit: { requests: 5, per: "60 days" } }, "/rate_limit/per", "and at most 2678400 s"],
    [
      {
        rate_limit: [
          { requests: 5, per: "60 s" },
          { requests: 6, per: "1 min" },
        ],
      },
      "/rate_limit/1/per",
      "is a window that is there already",
    ],
    [{ rate_limit: { bucket: "" } }, "/rate_limit/bucket", "is not a text"],
    [{ rate_limit: { status: [200] } }, "/rate_limit/status", "is not a list of 1 to 20 statuses"],
    [{ rate_limit: { match: [] } }, "/rate_limit/match", "nor a list of 1 to 20 texts"],
    [{ rate_limit: { match: ["a", ""] } }, "/rate_limit/match", "nor a list of 1 to 20 texts"],
    [{ concurrency: 5 }, "/concurrency", "is not a JSON object"],
    [{ concurrency: { slots: 5 } }, "/concurrency/slots", "is not known"],
    [{ concurrency: { max: 51 } }, "/concurrency/max", "is not an integer from 1 to 50"],
    [{ concurrency: { min: 0 } }, "/concurrency/min", "is not an integer from 1 to 50"],
    [{ concurrency: { start: 5, max: 3 } }, "/concurrency", "does not start between min and max"],
    [{ expires: "10 minutes" }, "/expires", "is not a JSON object"],
    [{ expires: { ttl: 5 } }, "/expires/ttl", "is not known"],
    [{ expires: { after: "0 s" } }, "/expires/after", "is not an interval of at least 1 s"],
    [{ expires: { status: [] } }, "/expires/status", "is not a list of 1 to 20 statuses"],
    [{ expires: { match: 5 } }, "/expires/match", "nor a list of 1 to 20 texts"],
  ],
  "the document": [
    [{ pagination: {} }, "/pagination", "is not known"],
    [{ "a/~b": 1 }, "/a~1~0b", "is not known"],
    [{ body: { text: "x".repeat(262_144) } }, "it", "is not a JSON object of at most 256 KiB"],
  ],
};

describe.each(Object.entries(REFUSED))(
  "%s: a definition that is not one is refused with one that is:",
  (_, cases) => {
    test.each(cases.map(([given, place, message]) => ({ given, place, message })))(
      "$place $message",
      async ({ given, place, message }) => {
        const error = await refusal(db, () => check(source(given)));
        expect(error).toMatchObject({ code: "SY004", message: expect.stringContaining(message) });
        expect(error.message.startsWith(`source of events: ${place} `)).toBe(true);
        expect(error.detail).toMatch(/^\S/);
        expect(error.hint).toMatch(/^select \* from ampsync\.enqueue_http\('events', source => /);
        expect(JSON.stringify([error.message, error.detail, error.hint])).not.toContain("pa55word");
        await check(await corrected(error.hint!, source(given)));
      },
    );
  },
);

test.each(["[]", '"x"', "5", "null"])("%s is no definition", async (definition) => {
  expect(await refusal(db, `select ampsync_private.check_source('events', '${definition}')`)).toMatchObject({
    code: "SY004",
    message: "source of events: it is not a JSON object of at most 256 KiB",
  });
});

test("every secret of a definition is taken out of what a refusal shows, and told where it belongs", async () => {
  const error = await refusal(db, () =>
    check(
      source({
        url: "https://me:pa55word@a.example/x?limit=5&token=pa55word",
        headers: { Accept: "a/b", "X-Api-Key": "pa55word" },
        pages: { type: "nonsense" },
      }),
    ),
  );
  expect(await corrected(error.hint!)).toMatchObject({
    url: "https://a.example/x?limit=5",
    headers: { Accept: "a/b" },
    auth: [
      { basic: "me", secret: "API_PASSWORD" },
      { query: "token", secret: "API_KEY" },
      { header: "X-Api-Key", secret: "API_KEY" },
    ],
  });
});

test("a long definition is answered with the key that is corrected, and a very long one with none", async () => {
  const columns = Object.fromEntries(
    Array.from({ length: 900 }, (_, n) => [n === 0 ? "id" : `c${n}`, "text"]),
  );
  const error = await refusal(db, () => check(source({ columns, every: 5 })));
  expect(await corrected(error.hint!)).toEqual({ every: "60 s" });
  expect((await refusal(db, () => check(source({ columns: { ...columns, x: "money" } })))).hint).toBe(
    "docs/http.md has a definition of each kind.",
  );
});
