import { describe, expect, test } from "vitest";

import { STYLES, type StyleName } from "../../../src/devserver/http/styles.ts";
import { startApiServer } from "../../support/http/api-server.ts";
import { definitionOf, type SourceDocument } from "../../support/http/definitions.ts";
import { at, walk } from "./naive-client.ts";

// The keys of STYLES.
const NAMES = Object.keys(STYLES) as StyleName[];

const KEYS: Readonly<Record<StyleName, string>> = {
  ...{ events: "/id", jsonapi: "/id", github: "/id", stripe: "/id", elastic: "/_id", offset: "/id" },
};

describe.each(NAMES)("style %s", (style) => {
  test("gives every record once to who follows its pages", async () => {
    await using server = await startApiServer({ style, records: 250 });
    const pages = await walk(definitionOf(server));
    const keys = pages.flatMap(({ records }) => records.map((record) => at(record, KEYS[style])));
    expect(keys).toHaveLength(250);
    expect(new Set(keys).size).toBe(250);
    const served = server.recordsServed();
    expect(served.map(({ serial }) => serial)).toEqual(Array.from({ length: 250 }, (_, serial) => serial));
    expect(served.map(({ versions: [text] }) => text)).toEqual(server.records());
  });

  test("names keys, times and totals where its definition looks for them", async () => {
    await using server = await startApiServer({ style, records: 5 });
    const { columns, total, ...source } = definitionOf(server);
    const [page] = await walk(source);
    for (const [name, column] of Object.entries(Object(columns))) {
      const from = String(Reflect.get(Object(column), "from") ?? `/${name}`);
      expect(at(page!.records[0], from), from).toBeDefined();
    }
    if (typeof total === "string") expect(at(page!.document, total)).toBe(5);
  });

  test("makes the same records of the same seed, and others of another", async () => {
    await using one = await startApiServer({ style, records: 3, seed: 5 });
    await using same = await startApiServer({ style, records: 3, seed: 5 });
    await using other = await startApiServer({ style, records: 3, seed: 6 });
    expect(same.records()).toEqual(one.records());
    expect(other.records()).not.toEqual(one.records());
  });

  test("answers errors in its own way, with the status", async () => {
    await using server = await startApiServer({ style, faults: { next: [{ status: 500 }] } });
    const answer = await fetch(server.url, { method: STYLES[style].method });
    expect(answer.status).toBe(500);
    expect(await answer.text()).toContain("the server was told to fail");
    expect((await fetch(`${server.origin}/elsewhere`)).status).toBe(404);
  });

  test("gives records of a range, each bound as the server has it", async () => {
    await using server = await startApiServer({ style, records: 10 });
    const source = definitionOf(server);
    const { query = {}, body = source.body } = RANGES[style];
    const pages = await walk({
      ...source,
      query,
      ...(body === undefined ? {} : { body: { ...source.body, ...body } }),
    });
    expect(pages.flatMap(({ records }) => records)).toHaveLength(style === "github" ? 7 : 4);
  });
});

/** From the fourth record on, up to but not including the eighth. GitHub has no upper bound. */
const [SINCE, UNTIL] = ["2024-01-01T00:00:03Z", "2024-01-01T00:00:07Z"];
const RANGES: Readonly<Record<StyleName, Pick<SourceDocument, "query" | "body">>> = {
  events: { query: { since: SINCE, until: UNTIL } },
  jsonapi: { query: { "filter[updatedSince]": SINCE, "filter[updatedUntil]": UNTIL } },
  github: { query: { since: SINCE } },
  stripe: { query: { "created[gte]": "1704067203", "created[lt]": "1704067207" } },
  elastic: { body: { query: { range: { updated_at: { gte: SINCE, lt: UNTIL } } } } },
  offset: { query: { updated_since: SINCE, updated_until: UNTIL } },
};

test("JSON:API links its pages to each other, and ends with null", async () => {
  await using server = await startApiServer({ style: "jsonapi", records: 3 });
  const answer = await fetch(`${server.url}?page[number]=2&page[size]=2`);
  expect(answer.headers.get("Content-Type")).toBe("application/vnd.api+json");
  const { links, data, meta } = Object(await answer.json());
  expect(links).toMatchObject({ next: null, first: links.prev, last: links.self });
  expect(new URL(links.prev).searchParams.get("page[number]")).toBe("1");
  expect(data).toEqual([{ type: "events", id: "3", attributes: expect.any(Object) }]);
  expect(meta).toEqual({ "total-pages": 2, "total-records": 3 });
  const refused = await fetch(`${server.url}?page[number]=x`);
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({
    errors: [{ status: "400", source: { parameter: "page[number]" } }],
  });
});

test("GitHub answers an array, the newest first, and links to the next and the last page in a header", async () => {
  await using server = await startApiServer({ style: "github", records: 250 });
  const answer = await fetch(`${server.url}?per_page=1000`);
  const link = answer.headers.get("Link");
  expect(link).toBe(
    `<${server.url}?per_page=1000&page=2>; rel="next", <${server.url}?per_page=1000&page=3>; rel="last"`,
  );
  const issues = Object(await answer.json());
  expect(issues).toHaveLength(100);
  expect(issues[0]).toMatchObject({ number: 250, state: "open", created_at: "2024-01-01T00:04:09Z" });
  expect(await (await fetch(`${server.url}?page=99`)).json()).toEqual([]);
  expect((await fetch(`${server.url}?sort=size`)).status).toBe(422);
});

test("Stripe gives at most 100 events, the newest first, and knows the one to start after", async () => {
  await using server = await startApiServer({ style: "stripe", records: 3 });
  const { data, has_more, object, url } = Object(await (await fetch(`${server.url}?limit=2`)).json());
  expect({ has_more, object, url }).toEqual({ has_more: true, object: "list", url: "/v1/events" });
  expect(data.map(({ created }: { created: number }) => created)).toEqual([1704067202, 1704067201]);
  const last = Object(await (await fetch(`${server.url}?starting_after=${data[1].id}`)).json());
  expect(last).toMatchObject({ has_more: false, data: [{ created: 1704067200 }] });
  const refused = await fetch(`${server.url}?starting_after=evt_none`);
  expect(await refused.json()).toMatchObject({
    error: { type: "invalid_request_error", param: "starting_after", message: "No such event: 'evt_none'" },
  });
  expect((await fetch(`${server.url}?limit=101`)).status).toBe(400);
});

test("Elasticsearch goes on behind sort values beyond 2^53, and refuses those that do not fit the sort", async () => {
  await using server = await startApiServer({ style: "elastic", records: 3, oddities: { ties: 3 } });
  const search = async (body: string) => await fetch(server.url, { method: "POST", body });
  const sort = '"sort":[{"timestamp":"asc"},{"sequence":{"order":"asc"}}]';
  const rest = await search(`{${sort},"search_after":[1704067200000,9007199254740993]}`);
  const text = await rest.text();
  expect([...text.matchAll(/"sort":(\[[^\]]+\])/g)].map(([, values]) => values)).toEqual([
    "[1704067200000,9007199254740994]",
    "[1704067200000,9007199254740995]",
  ]);
  const rounded = await search(`{${sort},"search_after":[1704067200000,9007199254740992]}`);
  expect(Object(await rounded.json()).hits.hits).toHaveLength(3);
  const refused = await search(`{${sort},"search_after":[1704067200000]}`);
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ status: 400, error: { type: "illegal_argument_exception" } });
  expect((await search('{"size":10001}')).status).toBe(400);
  expect((await search("{")).status).toBe(400);
  expect(server.requests.map(({ token }) => token)).toEqual([
    "[1704067200000,9007199254740993]",
    "[1704067200000,9007199254740992]",
    "[1704067200000]",
    null,
    null,
  ]);
});

test("an API with offsets tells how many records there are, and clamps what is asked for", async () => {
  await using server = await startApiServer({ style: "offset", records: 300 });
  const page = Object(await (await fetch(`${server.url}?offset=50&limit=1000`)).json());
  expect(page).toMatchObject({ total_count: 300, offset: 50, limit: 200 });
  expect(page.records).toHaveLength(200);
  expect(page.records[0].id).toBe(51);
  expect((await fetch(`${server.url}?offset=-1`)).status).toBe(400);
});
