import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { probeCommand } from "../../src/cli/probe.ts";
import type { ApiServer, ApiServerOptions } from "../../src/devserver/http/api-server.ts";
import type { Secret } from "../../src/devserver/http/secrets.ts";
import { STYLES, type StyleName } from "../../src/devserver/http/styles.ts";
import type { Findings } from "../../src/probe/findings.ts";
import { startApiServer } from "../support/http/api-server.ts";
import { definitionOf } from "../support/http/definitions.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { waitFor } from "../support/wait-for.ts";
import { ampsync } from "../support/worker/command.ts";
import { Worker } from "../support/worker/worker.ts";

const db = sharedDatabase();
const KEY = "s3cret/k%y+1";
const IN_HEADER: Secret = { in: "header", name: "X-API-Key", value: KEY };
const HEADER = ["--header", "X-API-Key: $PROBE_KEY"];
const STYLE_NAMES = Object.keys(STYLES) as StyleName[];

/** What is typed for each style. */
const TYPED: Readonly<Record<StyleName, readonly string[]>> = {
  events: ["--param", "limit", "--sizes", "50,10000"],
  jsonapi: ["--param", "page[size]", "--sizes", "50,10000"],
  github: ["--param", "per_page", "--sizes", "50,10000"],
  stripe: ["--param", "limit", "--sizes", "50,10000"],
  elastic: [
    ...["--body", '{"size": 10, "sort": [{"timestamp": "asc"}, {"sequence": "asc"}]}'],
    ...["--param", "/size", "--sizes", "50,10000"],
  ],
  offset: ["--param", "limit", "--sizes", "50,10000"],
};

beforeEach(() => {
  process.env["PROBE_KEY"] = KEY;
});
afterEach(() => {
  for (const name of ["PROBE_KEY", "AMPSYNC_SECRET_PROBED", "AMPSYNC_HTTP_MAX_PAGE_MB"])
    delete process.env[name];
});

/** What the command prints, which never has the key. */
async function probed(
  ...args: readonly string[]
): Promise<{ readonly text: string; readonly exitCode: number }> {
  const lines: string[] = [];
  const exitCode = await probeCommand(
    args,
    (line) => lines.push(line),
    () => {},
  );
  const text = lines.join("\n");
  for (const form of [KEY, encodeURIComponent(KEY), Buffer.from(KEY).toString("base64")]) {
    expect(text).not.toContain(form);
  }
  return { text, exitCode };
}

async function found(...args: readonly string[]): Promise<Findings> {
  return JSON.parse((await probed(...args, "--json")).text);
}

/** How such a value is told. */
function jsonTypes(value: unknown): RegExp {
  if (typeof value === "number") return /^(large )?integer$|^fraction$/;
  return new RegExp(`^${value === null ? "null" : Array.isArray(value) ? "array" : typeof value}$`);
}

/** Any server. */
async function served(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

describe("of each style", () => {
  const apis = {} as Record<StyleName, ApiServer>;
  const findings = {} as Record<StyleName, Findings>;

  beforeEach(async () => {
    if (Object.keys(apis).length > 0) return;
    for (const style of STYLE_NAMES) {
      const options: ApiServerOptions = { style, records: 300, faults: { secrets: [IN_HEADER] } };
      apis[style] = await startApiServer({ ...options, rate: [{ requests: 50, perS: 60 }] });
      findings[style] = await found(apis[style].url, ...HEADER, ...TYPED[style]);
    }
  });

  test.each(STYLE_NAMES)("%s: it recognises where records, key and next page are", (style) => {
    const { page } = findings[style];
    const { pages, records = "", total = null } = definitionOf(apis[style]);
    expect(page?.records).toBe(records);
    expect(page?.next).toMatchObject({ pages, how: "followed" });
    expect(page?.total?.pointer ?? null).toBe(total);
    expect(page?.total?.value ?? 300).toBe(300);
    expect(page?.key).toBe(style === "elastic" ? "/_id" : "/id");
  });

  test.each(STYLE_NAMES)("%s: the fields are those of the records, with their types", (style) => {
    const { page, ways } = findings[style];
    const record = JSON.parse(apis[style].records()[0]!);
    const inner = style === "elastic" ? record["_source"] : style === "jsonapi" ? record.attributes : record;
    const outer = { elastic: "/_source", jsonapi: "/attributes" }[style as string] ?? "";
    for (const [name, value] of Object.entries(inner)) {
      const field = page!.fields.find(({ pointer }) => pointer === `${outer}/${name}`);
      const types = Object.keys(field?.types ?? {});
      expect(types, name).not.toEqual([]);
      for (const type of types) expect(type, name).toMatch(jsonTypes(value));
    }
    expect(ways[0]).toMatchObject({ status: 200, problem: null });
  });

  test.each(STYLE_NAMES)("%s: a page size is what the server really gives", (style) => {
    const { sizes } = findings[style];
    const largest = { events: 300, jsonapi: 300, github: 100, stripe: null, elastic: 300, offset: 200 }[
      style
    ];
    expect(sizes.map(({ asked, records }) => [asked, records])).toEqual([
      [50, 50],
      [10_000, largest],
    ]);
    expect(sizes[1]?.is_all).toBe(["events", "jsonapi", "elastic"].includes(style));
    expect(sizes[1]?.status).toBe(style === "stripe" ? 400 : 200);
  });

  test.each(STYLE_NAMES)("%s: both ways of sending the key are tried, and tell their limits", (style) => {
    const { ways, requests } = findings[style];
    expect(ways.map(({ key, status }) => [key, status])).toEqual([
      ["key in the header X-API-Key", 200],
      ["key in the query, as api_key", 401],
    ]);
    const isTold = STYLES[style].dialect !== "none";
    expect(ways.map(({ limits }) => limits.map(({ limit, remaining }) => [limit, remaining]))).toEqual(
      isTold ? [[[50, 49]], [[50, 48]]] : [[], []],
    );
    expect(requests).toBe(apis[style].requests.length);
  });

  test.each(STYLE_NAMES)(
    "%s: enqueue_http takes the suggested definition as it is printed",
    async (style) => {
      const { text } = await probed(apis[style].url, ...HEADER, ...TYPED[style]);
      expect(text).toContain("-- A suggestion to begin with");
      const statement = text.slice(text.indexOf("-- A suggestion"));
      await db.query("begin");
      try {
        const { rows } = await db.query(statement);
        expect(rows).toMatchObject([{ state: "waiting" }]);
      } finally {
        await db.query("rollback");
      }
    },
  );

  test("a worker reads every one of them to its end by the suggestion alone", async () => {
    for (const style of STYLE_NAMES) {
      const { suggestion } = findings[style];
      await db.query(suggestion!.replace(/enqueue_http\('\w+'/, `enqueue_http('by_${style}'`));
    }
    const hosts = STYLE_NAMES.map((style) => `${apis[style].origin}=PROBE_KEY`);
    await using _ = new Worker({
      databaseUrl: db.url,
      flightAddress: "http://127.0.0.1:1",
      adminAddress: "http://127.0.0.1:1",
      env: { AMPSYNC_HTTP_ALLOW: hosts.join(","), AMPSYNC_SECRET_PROBE_KEY: KEY },
    });
    await waitFor("all to be complete", async () => {
      const { rows } = await db.query(
        "select count(*)::int as n from ampsync.streams where state = 'complete'",
      );
      return rows[0]!["n"] === STYLE_NAMES.length;
    });
    for (const style of STYLE_NAMES) {
      const { rows } = await db.query(
        `(select data from public.by_${style} except select t::jsonb from unnest($1::text[]) t)
           union all (select t::jsonb from unnest($1::text[]) t except select data from public.by_${style})
           union all select to_jsonb(count(*)) from public.by_${style} having count(*) <> 300`,
        [apis[style].records()],
      );
      expect(rows, style).toEqual([]);
      await apis[style].stop();
    }
  });
});

test("a key that is wanted in the query is gone on with there, and suggested there", async () => {
  const secret: Secret = { in: "query", name: "token", value: KEY };
  await using api = await startApiServer({ records: 150, faults: { secrets: [secret] } });
  const { ways, page, suggestion } = await found(api.url, ...HEADER, "--key-param", "token");
  expect(ways.map(({ status }) => status)).toEqual([401, 200]);
  expect(page?.next).toMatchObject({ pages: { param: "cursor" }, how: "followed" });
  expect(suggestion).toContain('"auth": {"query": "token", "secret": "PROBE_KEY"}');
  expect(api.requests.filter(({ status }) => status === 200)).not.toContainEqual(
    expect.objectContaining({ headers: expect.objectContaining({ "x-api-key": KEY }) }),
  );
});

test("a bearer token keeps its prefix, and a variable of a worker the name of its secret", async () => {
  process.env["AMPSYNC_SECRET_PROBED"] = KEY;
  const secret: Secret = { in: "header", name: "Authorization", value: `Bearer ${KEY}` };
  await using api = await startApiServer({ records: 150, faults: { secrets: [secret] } });
  const header = ["--header", "Authorization: Bearer $AMPSYNC_SECRET_PROBED", "--header", "X-Tenant: acme"];
  const { ways, suggestion } = await found(api.url, ...header);
  expect(ways.map(({ key }) => key)).toEqual([
    "key in the header Authorization",
    "key in the query, as access_token",
  ]);
  expect(suggestion).toContain(
    '"auth": {"header": "Authorization", "prefix": "Bearer ", "secret": "PROBED"}',
  );
  expect(suggestion).toContain('"headers": {"x-tenant": "acme"}');
});

test("the lifetime of a cursor is told where the answer tells it", async () => {
  await using api = await startApiServer({ records: 150, faults: { cursors: { ttlMs: 90_000 } } });
  const { page, suggestion } = await found(api.url);
  expect(page?.lifetime).toEqual({ at: "/pagination/cursorExpiresIn", seconds: 90 });
  expect(suggestion).toContain('"expires": {"after": "90 seconds"}');
});

test("with one page alone the next one is a guess, and is called one", async () => {
  await using api = await startApiServer({ records: 5 });
  const { page } = await found(api.url);
  expect(page?.next).toMatchObject({ pages: { type: "cursor", param: "cursor" }, how: "untried" });
  expect((await probed(api.url)).text).toContain('"pages" is a guess');
});

describe("the next page is recognised by the names that APIs use:", () => {
  interface Shape {
    /** The parameter that the server goes by, and where its page begins by that. */
    readonly param: string;
    readonly at?: (value: string) => number;
    /** What stands beside the records of the page that begins at this record. */
    readonly beside: (at: number, next: string | null) => object;
    readonly headers?: (next: string | null) => Record<string, string>;
    readonly pages: object;
  }
  const ITEMS = Array.from({ length: 7 }, (_, id) => ({ id, name: `item ${id}` }));
  const SIZE = 3;
  const byPage = (value: string) => (Number(value) - 1) * SIZE;

  test.each<[string, Shape]>([
    [
      "nextPageToken",
      {
        param: "pageToken",
        beside: (_, nextPageToken) => ({ nextPageToken }),
        pages: { type: "cursor", param: "pageToken", next: "/nextPageToken" },
      },
    ],
    [
      "NextToken, sent back as itself",
      {
        param: "NextToken",
        beside: (_, NextToken) => ({ NextToken }),
        pages: { type: "cursor", param: "NextToken", next: "/NextToken" },
      },
    ],
    [
      "endCursor and hasNextPage",
      {
        param: "after",
        beside: (_, endCursor) => ({ pageInfo: { endCursor, hasNextPage: endCursor !== null } }),
        pages: { type: "cursor", param: "after", next: "/pageInfo/endCursor", more: "/pageInfo/hasNextPage" },
      },
    ],
    [
      "meta.next_page, a number",
      {
        param: "page",
        at: byPage,
        beside: (at) => ({ meta: { next_page: at / SIZE + 2 } }),
        pages: { type: "cursor", param: "page", next: "/meta/next_page" },
      },
    ],
    [
      "a header",
      {
        param: "cursor",
        beside: () => ({}),
        headers: (next): Record<string, string> => (next === null ? {} : { "x-next-cursor": next }),
        pages: { type: "cursor", param: "cursor", next: { header: "x-next-cursor" } },
      },
    ],
    [
      "a link as in HAL",
      {
        param: "from",
        beside: (_, next) => ({ _links: { next: { href: `/things?from=${next}` } } }),
        pages: { type: "link", next: "/_links/next/href" },
      },
    ],
    [
      "a page from 0, and the number of pages",
      {
        param: "pageNumber",
        at: (value) => Number(value) * SIZE,
        beside: (at) => ({ pageNumber: at / SIZE, totalPages: 3 }),
        pages: { type: "page", param: "pageNumber", first: 0, pages: "/totalPages" },
      },
    ],
    [
      "startAt beside a token that is none",
      {
        param: "startAt",
        at: Number,
        beside: (at) => ({ startAt: at, total: ITEMS.length, cursor: "of another kind" }),
        pages: { type: "offset", param: "startAt" },
      },
    ],
    [
      "nothing, but the server has pages",
      { param: "page", at: byPage, beside: () => ({}), pages: { type: "page", param: "page" } },
    ],
  ])("%s", async (_, { param, at = Number, beside, headers, pages }) => {
    await using api = await served(({ url = "" }, response) => {
      const asked = new URL(url, "http://localhost").searchParams.get(param);
      const begins = asked === null ? 0 : at(asked);
      const next = begins + SIZE < ITEMS.length ? String(begins + SIZE) : null;
      response.writeHead(200, { "content-type": "application/json", ...headers?.(next) });
      response.end(JSON.stringify({ ...beside(begins, next), things: ITEMS.slice(begins, begins + SIZE) }));
    });
    const { page, suggestion } = await found(`${api.origin}/things`);
    expect(page).toMatchObject({ records: "/things", next: { pages, how: "followed" } });
    expect(page?.next?.pages).toEqual(pages);
    await db.query("begin");
    await db.query(suggestion!);
    await db.query("rollback");
  });

  test("an address of a later page does not make the source begin there", async () => {
    await using api = await served(({ url = "" }, response) => {
      const current = Number(new URL(url, "http://localhost").searchParams.get("page") ?? "1");
      response.end(JSON.stringify({ page: current, data: ITEMS.slice(current - 1, current) }));
    });
    const { page, suggestion } = await found(`${api.origin}/things?page=3&color=red`);
    expect(page?.next).toMatchObject({ pages: { type: "page", param: "page" }, how: "followed" });
    expect(suggestion).toContain('"query": {"color": "red"}');
    expect(suggestion).not.toContain("first");
  });
});

test("a parameter that the server does not know is not taken for the next page", async () => {
  await using api = await served((_, response) => {
    const items = Array.from({ length: 5 }, (_, id) => ({ id, name: "x" }));
    response
      .setHeader("content-type", "application/json")
      .end(JSON.stringify({ items, count: 5, total: 70 }));
  });
  const { page, suggestion } = await found(`${api.origin}/things`);
  expect(page).toMatchObject({
    records: "/items",
    key: "/id",
    next: null,
    total: { pointer: "/total", value: 70 },
  });
  expect(suggestion).toBeNull();
  expect((await probed(`${api.origin}/things`)).text).toContain("not recognised");
});

test("a next page at another host is named, and not asked for", async () => {
  await using other = await startApiServer();
  await using api = await served((_, response) => {
    response.setHeader("link", `<${other.url}>; rel="next"`).end('[{"id":1},{"id":2}]');
  });
  const { page } = await found(api.origin);
  expect(page).toMatchObject({ next: null, next_elsewhere: new URL(other.url).host });
  expect(other.requests).toEqual([]);
});

test("nothing is asked any more once the limit is used up", async () => {
  const rate = [{ requests: 2, perS: 60 }];
  await using api = await startApiServer({ records: 500, rate, faults: { secrets: [IN_HEADER] } });
  const { text, exitCode } = await probed(api.url, ...HEADER, "--param", "limit", "--sizes", "10,20");
  expect(exitCode).toBe(0);
  expect(text).toContain("The rate limit is used up");
  expect(api.requests.map(({ limited }) => limited)).toEqual([false, false]);
});

describe("a body of records one after the other is named as not supported", () => {
  test.each([
    ["application/x-ndjson", '{"id":1}\n{"id":2}\n'],
    ["application/json", '{"id":1}\n{"id":2}\n'],
    ["text/event-stream", 'data: {"id":1}\n\n'],
  ])("%s %j", async (type, body) => {
    await using api = await served((_, response) => void response.setHeader("content-type", type).end(body));
    const { text, exitCode } = await probed(`${api.origin}/events/stream`);
    expect(exitCode).toBe(1);
    expect(text).toMatch(/(NDJSON|server-sent events).*is not supported/);
  });

  test("also where it never ends, and at once", async () => {
    await using api = await served((_, response) => {
      response.setHeader("content-type", "application/x-ndjson").write('{"id":1}\n');
    });
    const { text } = await probed(`${api.origin}/export`, "--timeout", "300");
    expect(text).toContain("NDJSON, a record a line, is not supported");
  });
});

describe("a body that workers could not read is a problem of the answer:", () => {
  const list = JSON.stringify({ data: [{ id: 1 }, { id: 2 }] });
  test.each([
    ["an unknown charset", "application/json; charset=klingon", list, /encoding that nobody knows/],
    ["a charset that does not fit", "application/json; charset=utf-16", list, /no JSON/],
    [
      "too much beside its records",
      "application/json",
      `{"data": [{"id": 1}], "beside": [${Array(1_000_001).fill(0).join()}]}`,
      /too much beside its records/,
    ],
  ])("%s", async (_, type, body, problem) => {
    await using api = await served((_, response) => void response.setHeader("content-type", type).end(body));
    const { text, exitCode } = await probed(`${api.origin}/events`);
    expect(text).toMatch(problem);
    expect(exitCode).toBe(1);
  });
});

describe("a server that misbehaves is described, and the key is not shown:", () => {
  test.each<[string, ApiServerOptions["faults"], RegExp]>([
    ["a refusal", { secrets: [{ ...IN_HEADER, value: "another" }] }, /HTTP 401.*refused.*missing or wrong/],
    ["HTML", { each: { body: "not json" } }, /HTTP 200.*no JSON: <!doctype html>/],
    ["nothing", { each: { body: "empty" } }, /HTTP 200.*no JSON, without a text/],
    ["an error in a 200", { each: { body: "error" } }, /a failure in an answer 200.*INTERNAL/],
    ["204", { each: { status: 204 } }, /HTTP 204.*an empty page/],
    ["202", { each: { status: 202 } }, /HTTP 202.*not yet/],
    ["a limit", { each: { limited: {} } }, /HTTP 429(.|\n)*nothing more for 1 s/],
    ["silence", { each: { lateMs: 60_000 } }, /no answer.*did not answer within 1 s/],
    ["a stall", { each: { breaks: { at: 10, how: "stall" } } }, /no answer.*fell silent for 1 s/],
    ["a body cut short", { each: { breaks: { at: 10, how: "cut" } } }, /no answer.*broke off/],
    ["a huge body", { each: { blanksMb: 3 } }, /no answer.*2 MiB/],
    ["a bomb", { each: { blanksMb: 3, encodings: ["gzip"] } }, /no answer.*2 MiB/],
    ["giant headers", { each: { giantHeader: 20_000 } }, /no answer.*16 KiB of headers/],
    ["a redirect nowhere", { each: { redirect: { to: null } } }, /HTTP 302.*does not say where to/],
    [
      "redirects for ever",
      { each: { redirect: { to: "/api" } } },
      /more than 3 times(.|\n)*redirected to \/api/,
    ],
    [
      "an echo",
      { each: { status: 400, text: `{"error":"no ${KEY}, no ${encodeURIComponent(KEY)}"}` } },
      /no \[secret\]/,
    ],
  ])("%s", async (_, faults, pattern) => {
    process.env["AMPSYNC_HTTP_MAX_PAGE_MB"] = "2";
    await using api = await startApiServer({ records: 20, ...(faults === undefined ? {} : { faults }) });
    const { text, exitCode } = await probed(api.url, ...HEADER, "--timeout", "1");
    expect(text).toMatch(pattern);
    expect(exitCode).toBe(1);
    expect(text).not.toContain("enqueue_http");
  });

  test("nobody is there", async () => {
    const { text, exitCode } = await probed("http://127.0.0.1:1/events", ...HEADER);
    expect(text).toContain("no answer: http://127.0.0.1:1 cannot be reached");
    expect(exitCode).toBe(1);
  });

  test("a redirect to another host is shown, and not followed", async () => {
    await using other = await startApiServer();
    await using api = await startApiServer({ faults: { each: { redirect: { to: other.url } } } });
    const { text, exitCode } = await probed(api.url, ...HEADER);
    expect(text).toContain(`redirected to ${other.url}`);
    expect(exitCode).toBe(1);
    expect(other.requests).toEqual([]);
  });

  test("a redirect within the host is followed, with the key in its place alone", async () => {
    const secret: Secret = { in: "query", name: "api_key", value: KEY };
    await using api = await startApiServer({ records: 5, faults: { secrets: [secret] } });
    api.faults.next.push(null, {
      redirect: { to: `/api/v1/events?api_key=${encodeURIComponent(KEY)}&limit=3` },
    });
    const { page, ways } = await found(api.url, ...HEADER);
    expect(page?.count).toBe(3);
    expect(ways[1]?.redirects).toEqual(["/api/v1/events?api_key=[secret]&limit=3"]);
  });

  test("a server that puts the key wherever it can", async () => {
    await using api = await served(({ url = "" }, response) => {
      const records = [1, 2].map((id) => ({ id: `${id} ${KEY}`, [KEY]: KEY, note: { [`x${KEY}`]: 1 } }));
      const headers = { "content-type": `application/json; v=${KEY}`, "x-ratelimit-limit": KEY };
      response.writeHead(200, { ...headers, link: `<${url}&again=${encodeURIComponent(KEY)}>; rel="next"` });
      response.end(JSON.stringify({ [KEY]: records, total: KEY, error: KEY }));
    });
    const { text } = await probed(`${api.origin}/events`, ...HEADER);
    expect(text).toContain("[secret]");
    await probed(`${api.origin}/events`, ...HEADER, "--json");
  });

  test("names of fields neither write to the terminal nor spoil the suggestion", async () => {
    const hostile = [
      "c1\u009b2J",
      "turned\u202e",
      "esc\u001b[2J",
      "nul\u0000",
      "half\ud800",
      "it's",
      "\"}'); drop table t; --",
    ];
    const record = (id: number) => Object.fromEntries([["id", id], ...hostile.map((name) => [name, id])]);
    await using api = await served(({ url = "" }, response) => {
      const begins = url.includes("cursor") ? 2 : 0;
      response.end(JSON.stringify({ data: [record(begins), record(begins + 1)], next_cursor: "2" }));
    });
    const { text } = await probed(`${api.origin}/events`);
    expect(text).toContain("/esc\\u001b[2J");
    for (const control of ["\u001b", "\u009b", "\u202e"]) expect(text).not.toContain(control);
    await db.query("begin");
    const { rows } = await db.query(text.slice(text.indexOf("-- A suggestion")));
    expect(rows).toMatchObject([{ state: "waiting" }]);
    await db.query("rollback");
  });
});

describe("the command line", () => {
  test("shows no secret that it refuses", async () => {
    for (const [args, message] of [
      [["https://api.example.com/e", "--header", `X-API-Key: ${KEY}`], "in single quotes"],
      [["https://api.example.com/e", "--header", `Authorization: Bearer ${KEY}`], "in single quotes"],
      [
        ["https://api.example.com/e", "--header", "X-API-Key: $NOT_THERE"],
        "the environment has no NOT_THERE",
      ],
      [[`https://api.example.com/e?api_key=${encodeURIComponent(KEY)}`], "the address holds a secret"],
      [[`https://me:${encodeURIComponent(KEY)}@api.example.com/e`], "the address holds a secret"],
      [["https://api.example.com/e", "--body", `{"api_key": "${KEY}"}`], "--body holds a secret"],
      [["ftp://api.example.com/e"], "the address is not one of http or https"],
      [["https://api.example.com/e", "--sizes", "10"], "--param and --sizes go together"],
      [["https://api.example.com/e", "--param", "limit", "--sizes", "0"], "whole numbers"],
      [["https://api.example.com/e", "--header", "Host: elsewhere"], "is set by ampsync itself"],
      [["https://api.example.com/e", "--timeout", "301"], "1 to 300 seconds"],
      [["https://api.example.com/e", "--hedaer", "x"], "did you mean --header?"],
      [[], "takes one address"],
    ] as const) {
      const error: unknown = await probed(...args).catch((thrown) => thrown);
      expect(String(error), args.join(" ")).toContain(message);
      expect(String(error)).not.toContain(KEY);
    }
  });

  test("has help, and exit codes", async () => {
    const [help, wrong, nobody] = await Promise.all([
      ampsync(["probe", "--help"]),
      ampsync(["probe", "--json"]),
      ampsync(["probe", "http://127.0.0.1:1/events", "--header", "X-API-Key: $PROBE_KEY", "--json"]),
    ]);
    expect(help).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("--param limit --sizes") });
    expect(wrong).toMatchObject({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringContaining('"code":"SY004"'),
    });
    expect(nobody).toMatchObject({ exitCode: 1, stderr: "" });
    expect(JSON.parse(nobody.stdout)).toMatchObject({ page: null, suggestion: null });
  });
});
