import { expect, test } from "vitest";

import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import type { StyleName } from "../../../src/devserver/http/styles.ts";
import { startApiServer } from "../../support/http/api-server.ts";
import { definitionOf } from "../../support/http/definitions.ts";
import { at, walk } from "./naive-client.ts";

async function sizes(server: ApiServer, query?: Record<string, string>): Promise<readonly number[]> {
  const source = definitionOf(server);
  const pages = await walk({ ...source, query: { ...source.query, ...query } });
  return pages.map(({ records }) => records.length);
}

/** How the page size is asked for. */
const SIZE = { events: "limit", jsonapi: "page[size]", github: "per_page", offset: "limit" } as const;

test.each(["events", "jsonapi", "github"] as const)("%s has empty pages in the middle", async (style) => {
  const pages = { empty: { from: 15, count: 3 } };
  await using server = await startApiServer({ style, records: 40, faults: { pages } });
  expect(await sizes(server, { [SIZE[style]]: "10" })).toEqual([10, 10, 0, 0, 0, 10, 10]);
  expect(server.recordsServed()).toHaveLength(40);
});

test("thousands of empty pages have a cursor of their own each", async () => {
  await using server = await startApiServer({
    records: 10,
    faults: { pages: { empty: { from: 5, count: 5000 } } },
  });
  expect((await sizes(server, { limit: "5" })).slice(0, 4)).toEqual([5, 0, 0, 0]);
  expect(new Set(server.requests.map(({ token }) => token)).size).toBe(server.requests.length);
});

test.each<["empty" | "last page" | 404 | 500, number, number]>([
  ["empty", 200, 0],
  ["last page", 200, 5],
  [404, 404, 0],
  [500, 500, 0],
])("beyond the end comes: %s", async (beyondEnd, status, count) => {
  for (const [style, query] of [
    ["jsonapi", "page[number]=4&page[size]=10"],
    ["github", "page=4&per_page=10"],
    ["offset", "offset=30&limit=5"],
  ] as const) {
    await using server = await startApiServer({ style, records: 25, faults: { pages: { beyondEnd } } });
    const answer = await fetch(`${server.url}?${query}`);
    expect(answer.status, style).toBe(status);
    const records = at(await answer.json(), definitionOf(server).records ?? "");
    if (status === 200) expect(records, style).toHaveLength(count);
  }
});

test("pages are clamped, whatever is asked for", async () => {
  const styles: readonly StyleName[] = ["events", "jsonapi", "github", "stripe", "elastic", "offset"];
  for (const style of styles) {
    await using server = await startApiServer({ style, records: 20, faults: { pages: { maxSize: 8 } } });
    expect((await sizes(server)).slice(0, 3), style).toEqual([8, 8, 4]);
  }
});

test("records that come while the newest are listed first push others onto the next page", async () => {
  const pages = { newestFirst: true, meanwhile: { pages: 1, append: 3 } };
  await using server = await startApiServer({ style: "offset", records: 20, faults: { pages } });
  const walked = await walk({ ...definitionOf(server), query: { limit: 10 } });
  const ids = walked.flatMap(({ records }) => records.map((record) => at(record, "/id")));
  expect(ids.slice(0, 13)).toEqual([20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 13, 12, 11]);
  expect(server.recordsServed()).toHaveLength(20);
  expect(server.records()).toHaveLength(23);
});

test("Stripe's place is a record, so that nothing moves", async () => {
  await using server = await startApiServer({ style: "stripe", records: 250 });
  server.faults.pages.meanwhile = { pages: 2, append: 10 };
  expect(await sizes(server)).toEqual([100, 100, 50]);
});

test("late records lie below the newest, and changed ones are served again where changes are listed", async () => {
  await using server = await startApiServer({ style: "github", records: 10 });
  server.append(1, { lateMs: 5000 });
  server.change(1);
  const [page] = await walk(definitionOf(server));
  const numbers = page!.records.map((record) => at(record, "/number"));
  expect(numbers.indexOf(11)).toBeLessThan(7);
  const changed = page!.records.at(-1);
  expect(at(changed, "/updated_at")).not.toBe(at(changed, "/created_at"));
  server.change(3);
  await walk(definitionOf(server));
  expect(server.recordsServed().some(({ versions }) => versions.length === 2)).toBe(true);
});

test("records come late and change while they are paged", async () => {
  await using server = await startApiServer({ records: 30 });
  server.faults.pages.meanwhile = { pages: 2, late: 2, change: 1 };
  await sizes(server, { limit: "10" });
  expect(server.records()).toHaveLength(34);
  expect(server.records().filter((text) => text.includes('"version":2'))).not.toHaveLength(0);
});

test("each n-th record comes twice, at most 100 places apart", async () => {
  const pages = { duplicateEvery: 5 };
  await using server = await startApiServer({ records: 500, faults: { pages } });
  const walked = await walk(definitionOf(server));
  const ids = walked.flatMap(({ records }) => records.map((record) => at(record, "/id")));
  expect(ids.length).toBeGreaterThan(570);
  expect(new Set(ids).size).toBe(500);
});

test.each(["[)", "[]", "(]", "()"] as const)("a range is %s", async (bounds) => {
  await using server = await startApiServer({ records: 10, faults: { pages: { bounds } } });
  const query = { since: "2024-01-01T00:00:03Z", until: "1704067207" };
  const count = 3 + (bounds.startsWith("[") ? 1 : 0) + (bounds.endsWith("]") ? 1 : 0);
  expect(await sizes(server, query)).toEqual([count]);
  expect(await sizes(server, { since_sequence: "4", until_sequence: "8" })).toEqual([count]);
});

test("records that tie at a bound of a page have one time", async () => {
  await using server = await startApiServer({ records: 9, oddities: { ties: 4 } });
  const times = server.records().map((text) => JSON.parse(text).timestamp.slice(17, 19));
  expect(times).toEqual(["00", "00", "00", "00", "01", "01", "01", "01", "02"]);
});

test("links lead to another host, or carry the secret", async () => {
  const secrets = [{ in: "query", name: "key", value: "s3cret" }] as const;
  await using server = await startApiServer({ style: "jsonapi", records: 50, faults: { secrets } });
  const next = async () => Object(await (await fetch(`${server.url}?key=s3cret`)).json()).links.next;
  expect(await next()).not.toContain("s3cret");
  server.faults.pages.linkEchoesSecret = true;
  expect(new URL(await next()).searchParams.get("key")).toBe("s3cret");
  server.faults.secrets = [{ in: "header", name: "X-API-Key", value: "b" }];
  const headers = { "X-API-Key": "b" };
  expect(Object(await (await fetch(server.url, { headers })).json()).links.next).toContain("api_key=b");
  server.faults.secrets = secrets;
  server.faults.pages.linkOrigin = "http://elsewhere.example";
  expect(new URL(await next()).origin).toBe("http://elsewhere.example");
});

test("the last page fills when records come", async () => {
  await using server = await startApiServer({ style: "github", records: 15 });
  server.faults.pages.newestFirst = false;
  const page = async () => Object(await (await fetch(`${server.url}?per_page=10&page=2`)).json());
  expect(await page()).toHaveLength(5);
  server.append(3);
  expect(await page()).toHaveLength(8);
});
