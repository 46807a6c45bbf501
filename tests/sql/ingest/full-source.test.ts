import { describe, expect, test } from "vitest";

import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

type Json = Record<string, unknown>;

/** The least that a definition has, and what is given. */
async function full(given: Json = {}): Promise<Json> {
  const source = { url: "https://API.example.com:8443/v1/events", pages: { type: "none" }, ...given };
  const { rows } = await db.query("select ampsync_private.full_source($1) as source", [
    JSON.stringify(source),
  ]);
  return rows[0]!["source"];
}

test("a definition that gives the least has every default", async () => {
  expect(await full()).toEqual({
    url: "https://API.example.com:8443/v1/events",
    query: {},
    headers: {},
    body: null,
    auth: [],
    pages: {
      type: "none",
      in: "query",
      param: null,
      first: null,
      next: null,
      more: null,
      same: null,
      pages: null,
      end_status: [],
      field: null,
      inclusive: false,
    },
    records: "",
    key: null,
    columns: [{ name: "data", from: "", type: "jsonb", unit: null, not_null: false }],
    on_conflict: "ignore",
    schema: "freeze",
    range: null,
    every_ms: null,
    append_only: false,
    rate_limit: { bucket: "api.example.com", windows: [], status: [403], match: ["rate limit"] },
    concurrency: { start: 5, min: 2, max: 10 },
    expires: { after_ms: null, status: [410], match: [] },
    total: null,
    error: null,
    timeout_s: 10,
  });
});

test("a definition that gives everything keeps it", async () => {
  const given = {
    query: { limit: 1000 },
    headers: { Accept: "application/json" },
    body: { sort: ["id"] },
    records: "/data",
    on_conflict: { newest: "at" },
    schema: "evolve",
    append_only: true,
    total: "/total",
    error: "/error",
  };
  expect(await full({ ...given, every: "1.5 s", timeout: 30 })).toMatchObject({
    ...given,
    every_ms: 1500,
    timeout_s: 30,
  });
});

describe("auth", () => {
  test("of one place is a list of one", async () => {
    expect(await full({ auth: { header: "X-API-Key", secret: "API_KEY" } })).toMatchObject({
      auth: [{ kind: "header", name: "X-API-Key", prefix: "", secret: "API_KEY" }],
    });
  });

  test("of several places is a list in their order", async () => {
    const { auth } = await full({
      auth: [
        { header: "Authorization", prefix: "Bearer ", secret: "A" },
        { query: "key", secret: "B" },
        { body: "/key", secret: "C" },
        { basic: "user", secret: "D" },
      ],
    });
    expect(auth).toEqual([
      { kind: "header", name: "Authorization", prefix: "Bearer ", secret: "A" },
      { kind: "query", name: "key", prefix: "", secret: "B" },
      { kind: "body", name: "/key", prefix: "", secret: "C" },
      { kind: "basic", name: "user", prefix: "", secret: "D" },
    ]);
  });
});

describe("pages", () => {
  test.each([
    ["a pointer", "/next", { pointer: "/next" }],
    ["a header", { header: "X-Next" }, { header: "X-Next" }],
  ])("whose next is %s", async (_, next, expected) => {
    const { pages } = await full({ pages: { type: "cursor", param: "cursor", next, more: "/more" } });
    expect(pages).toMatchObject({ type: "cursor", param: "cursor", next: expected, more: "/more" });
  });

  test.each([
    [{ type: "page", param: "page" }, 1],
    [{ type: "page", param: "page", first: 0 }, 0],
    [{ type: "cursor", param: "cursor", next: "/n", first: "*" }, "*"],
    [{ type: "after", param: "after", field: "/id", first: 0 }, 0],
    [{ type: "after", param: "after", field: "/id" }, null],
    [{ type: "offset", param: "offset" }, null],
  ])("%j begin with %j", async (pages, first) => {
    expect((await full({ pages }))["pages"]).toMatchObject({ first });
  });
});

describe("columns", () => {
  test("of a key alone are the key as text and the record", async () => {
    expect((await full({ key: ["id", "a/b"] }))["columns"]).toEqual([
      { name: "id", from: "/id", type: "text", unit: null, not_null: true },
      { name: "a/b", from: "/a~1b", type: "text", unit: null, not_null: true },
      { name: "data", from: "", type: "jsonb", unit: null, not_null: false },
    ]);
  });

  test("have those of the key first, in its order, and documents last", async () => {
    const { columns } = await full({
      key: ["tenant", "id"],
      columns: {
        id: "bigint",
        at: { from: "/timestamp", type: "timestamptz", unit: "ms" },
        raw: { from: "", type: "jsonb", not_null: true },
        tenant: "text",
        amount: {},
      },
    });
    expect(columns).toEqual([
      { name: "tenant", from: "/tenant", type: "text", unit: null, not_null: true },
      { name: "id", from: "/id", type: "bigint", unit: null, not_null: true },
      { name: "at", from: "/timestamp", type: "timestamptz", unit: "ms", not_null: false },
      { name: "amount", from: "/amount", type: "text", unit: null, not_null: false },
      { name: "raw", from: "", type: "jsonb", unit: null, not_null: true },
    ]);
  });
});

describe("a range", () => {
  const range = { field: "/at", since: "since", until: "until", format: "iso" };

  test("of times has its pauses in microseconds", async () => {
    const given = { ...range, bounds: "(]", lookback: "5 min", lag: "0.5 s", step: "1 day", sorted: true };
    expect((await full({ range: { ...given, from: "2024-01-01T00:00:00.7Z" } }))["range"]).toEqual({
      ...range,
      from: Date.parse("2024-01-01") * 1000,
      bounds: "(]",
      lookback_us: 300e6,
      lag_us: 0.5e6,
      step_us: 86_400e6,
      sorted: true,
    });
  });

  test("has defaults for what is not given", async () => {
    expect((await full({ range: { field: "/at", since: "since", format: "ms" } }))["range"]).toEqual({
      field: "/at",
      since: "since",
      until: null,
      format: "ms",
      from: null,
      bounds: "[)",
      lookback_us: 0,
      lag_us: 0,
      step_us: null,
      sorted: false,
    });
  });

  test.each([
    ["iso", '"2024-03-01"', 1_709_251_200_000_000n],
    ["iso", '"2024-03-01T01:00:00+01:00"', 1_709_251_200_000_000n],
    ["iso", '"2024-03-01 00:00"', 1_709_251_200_000_000n],
    ["iso_ms", '"2024-03-01T00:00:00.0019Z"', 1_709_251_200_001_000n],
    ["date", '"2024-03-01T23:59:59Z"', 1_709_251_200_000_000n],
    ["s", "1709251200", 1_709_251_200_000_000n],
    ["ms", '"1709251200000"', 1_709_251_200_000_000n],
    ["iso", '"1969-12-31T23:59:59.5Z"', -1_000_000n],
    ["integer", "12345678901234567890123", 12345678901234567890123n],
    ["integer", '"-7"', -7n],
  ])("in format %s from %s begins at %s", async (format, from, expected) => {
    const { rows } = await db.query(`select ampsync_private.full_source($1)->'range'->>'from' as "from"`, [
      `{"url": "https://a.b", "pages": {}, "range": {"field": "/f", "format": "${format}", "from": ${from}}}`,
    ]);
    expect(rows[0]!["from"]).toBe(String(expected));
  });

  test("is read the same whatever the session's time zone and styles", async () => {
    await db.query(
      "set timezone = 'Asia/Tokyo'; set datestyle = 'German, DMY'; set intervalstyle = 'sql_standard'",
    );
    try {
      expect(
        (await full({ range: { ...range, from: "2024-02-01", lookback: "1 day 02:00" } }))["range"],
      ).toMatchObject({
        from: Date.parse("2024-02-01") * 1000,
        lookback_us: 93_600e6,
      });
    } finally {
      await db.query("reset timezone; reset datestyle; reset intervalstyle");
    }
  });

  test("of integers counts its lookback in those", async () => {
    const given = { field: "/id", since: "since", format: "integer", lookback: 100 };
    expect((await full({ range: given }))["range"]).toMatchObject({ lookback_us: 100, step_us: null });
  });
});

describe("a rate limit", () => {
  test("of one window is in the bucket of the host", async () => {
    expect((await full({ rate_limit: { requests: 100, per: "1 minute" } }))["rate_limit"]).toEqual({
      bucket: "api.example.com",
      windows: [{ requests: 100, per_s: 60 }],
      status: [403],
      match: ["rate limit"],
    });
  });

  test("of several windows has them by length, and all texts", async () => {
    const rate_limit = [
      { requests: 5000, per: "1 h", bucket: "shared", match: "quota" },
      { requests: 10, per: "1 s", status: [400, 403], match: ["slow down", "limit"] },
    ];
    expect((await full({ rate_limit }))["rate_limit"]).toEqual({
      bucket: "shared",
      windows: [
        { requests: 10, per_s: 1 },
        { requests: 5000, per_s: 3600 },
      ],
      status: [400, 403],
      match: ["quota", "slow down", "limit"],
    });
  });

  test.each([
    ["http://[::1]:80/x", "[::1]"],
    ["https://api.example.com?x=1", "api.example.com"],
  ])("of %s has the bucket %s", async (url, bucket) => {
    expect((await full({ url }))["rate_limit"]).toMatchObject({ bucket, windows: [] });
  });
});

describe("concurrency", () => {
  test.each([
    [{ max: 3 }, { start: 3, min: 2, max: 3 }],
    [{ max: 1 }, { start: 1, min: 1, max: 1 }],
    [{ start: 20 }, { start: 20, min: 2, max: 20 }],
    [{ start: 1 }, { start: 1, min: 1, max: 10 }],
    [{ min: 7 }, { start: 7, min: 7, max: 10 }],
  ])("%j is %j", async (concurrency, expected) => {
    expect((await full({ concurrency }))["concurrency"]).toEqual(expected);
  });
});

test("expires takes one text or several", async () => {
  expect(
    (await full({ expires: { after: "10 minutes", status: [400], match: "EXPIRED" } }))["expires"],
  ).toEqual({
    after_ms: 600_000,
    status: [400],
    match: ["EXPIRED"],
  });
  expect((await full({ expires: { match: ["a", "b"] } }))["expires"]).toMatchObject({
    after_ms: null,
    status: [410],
    match: ["a", "b"],
  });
});

test.each([
  ['"1 day"', 86_400_000_000],
  ['"00:00:01.5"', 1_500_000],
  ['"0 s"', 0],
  ['"PT5M"', 300_000_000],
  ['"1 month"', null],
  ['"1 year"', null],
  ['"-1 s"', null],
  ['"40000 days"', null],
  ['"99999999999999 days"', null],
  ['"infinity"', null],
  ['"soon"', null],
  ["60", null],
  ["null", null],
])("the interval %s has %s microseconds", async (value, expected) => {
  const { rows } = await db.query("select ampsync_private.interval_us($1) as us", [value]);
  expect(rows[0]!["us"]).toBe(expected === null ? null : String(expected));
});

test.each([
  ["", []],
  ["/", [""]],
  ["/a/b", ["a", "b"]],
  ["/a~1b/~01", ["a/b", "~1"]],
])("the pointer '%s' has the parts %j, and comes back from them", async (pointer, parts) => {
  const { rows } = await db.query(
    "select ampsync_private.pointer_path($1) as parts, ampsync_private.pointer_to($2) as pointer",
    [pointer, parts],
  );
  expect(rows).toEqual([{ parts, pointer }]);
});
