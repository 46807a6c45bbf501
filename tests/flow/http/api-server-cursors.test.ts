import { expect, test } from "vitest";

import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import type { CursorFaults } from "../../../src/devserver/http/paging/cursor-faults.ts";
import type { TokenForm } from "../../../src/devserver/http/paging/token-forms.ts";
import { startApiServer } from "../../support/http/api-server.ts";
import { definitionOf } from "../../support/http/definitions.ts";
import { waitFor } from "../../support/wait-for.ts";
import { walk } from "./naive-client.ts";

type Cursors = Partial<CursorFaults>;

/** The numbers of records on the pages of a walk, 10 a page. */
async function sizes(server: ApiServer): Promise<readonly number[]> {
  const pages = await walk({ ...definitionOf(server), query: { limit: 10 } });
  return pages.map(({ records }) => records.length);
}

async function get(server: ApiServer, query: Record<string, string> = {}): Promise<Response> {
  return await fetch(`${server.url}?${new URLSearchParams({ limit: "10", ...query })}`);
}

/** The source text of the next cursor. */
async function cursorOf(answer: Response): Promise<string> {
  return /"nextCursor":(.*?)(,"cursorExpiresIn":[^}]*)?\},"meta"/.exec(await answer.text())![1]!;
}

test.each<[CursorFaults["expiredAs"], number, string]>([
  ["code", 400, "CURSOR_EXPIRED"],
  ["gone", 410, "no longer there"],
  ["text", 400, "Cursor has expired"],
])("an expired cursor is told as %s", async (expiredAs, status, text) => {
  await using server = await startApiServer({ faults: { cursors: { ttlMs: 0, expiredAs } } });
  const cursor = JSON.parse(await cursorOf(await get(server)));
  const answer = await get(server, { cursor });
  expect(answer.status).toBe(status);
  expect(await answer.text()).toContain(text);
});

test("a cursor lives from when it was given, or from the first page of its chain", async () => {
  await using server = await startApiServer({ faults: { cursors: { ttlMs: 10_000 } } });
  const first = JSON.parse(await cursorOf(await get(server)));
  const given = performance.now();
  await waitFor("the first cursor to be old", () => performance.now() - given > 300);
  const second = JSON.parse(await cursorOf(await get(server, { cursor: first })));
  server.faults.cursors.ttlMs = 300;
  expect((await get(server, { cursor: first })).status).toBe(400);
  expect((await get(server, { cursor: second })).status).toBe(200);
  server.faults.cursors.ttlFrom = "first page";
  expect((await get(server, { cursor: second })).status).toBe(400);
});

test.each<[TokenForm, RegExp]>([
  ["plain", /^"[\w-]+\.[\w-]+"$/],
  ["hostile", /^"[\w.-]+\+\/=&%2B#\?;, \\"\\\\é🦀"$/u],
  ["number", /^\d{100,}$/],
  ["array", /^\["[\w.-]+",1e2,12345678901234567890123\]$/],
  ["object", /^\{"z":1e2,"token":"[\w.-]+","a":\[1\.10,true\],"z":null\}$/],
  ["url", /^"http:\/\/127\.0\.0\.1:\d+\/api\/v1\/events\?cursor=/],
])(
  "a cursor of form %s leads on when it comes back as it was given, and only then",
  async (form, expected) => {
    await using server = await startApiServer({ records: 15, faults: { cursors: { form } } });
    const source = await cursorOf(await get(server));
    expect(source).toMatch(expected);
    const cursor = source.startsWith('"') ? JSON.parse(source) : source;
    const { data } = Object(await (await get(server, { cursor })).json());
    expect(data).toHaveLength(5);
    if (form !== "url") expect((await get(server, { cursor: cursor.replace(/.$/u, "") })).status).toBe(400);
    if (form === "object")
      expect((await get(server, { cursor: JSON.stringify(JSON.parse(cursor)) })).status).toBe(400);
  },
);

test("a stuck cursor is the same again, with the same page", async () => {
  await using server = await startApiServer({
    records: 50,
    faults: { cursors: { stuck: { how: "same", from: 20 } } },
  });
  expect(await sizes(server)).toHaveLength(60);
  const tokens = server.requests.map(({ token }) => token);
  expect(new Set(tokens).size).toBe(3);
  expect(server.recordsServed()).toHaveLength(30);
});

test("a stuck cursor is ignored: new ones bring the first page for ever", async () => {
  await using server = await startApiServer({
    records: 50,
    faults: { cursors: { stuck: { how: "ignored", from: 0 } } },
  });
  expect(await sizes(server)).toHaveLength(60);
  expect(new Set(server.requests.map(({ token }) => token)).size).toBe(60);
  expect(server.recordsServed()).toHaveLength(10);
});

test("a stuck cursor is null although there is more", async () => {
  await using server = await startApiServer({
    records: 50,
    faults: { cursors: { stuck: { how: "null", from: 20 } } },
  });
  const pages = await walk({ ...definitionOf(server), query: { limit: 10 } });
  expect(pages).toHaveLength(3);
  expect(pages[2]!.document).toMatchObject({ pagination: { hasMore: true, nextCursor: null } });
});

test("the end can be told by the cursor that was sent, without records", async () => {
  await using server = await startApiServer({ records: 20, faults: { cursors: { sameAtEnd: true } } });
  const pages = await sizes(server);
  expect(pages.slice(0, 4)).toEqual([10, 10, 0, 0]);
  const [, , third, fourth] = server.requests;
  expect(fourth!.token).toBe(third!.token);
  server.append(5);
  expect(Object(await (await get(server, { cursor: fourth!.token! })).json()).data).toHaveLength(5);
});

test("the last page can name a cursor for what comes later", async () => {
  await using server = await startApiServer({ records: 5, faults: { cursors: { tokenAtEnd: true } } });
  const end = await get(server);
  const { pagination } = Object(await end.clone().json());
  expect(pagination.hasMore).toBe(false);
  server.append(3);
  const later = Object(await (await get(server, { cursor: pagination.nextCursor })).json());
  expect(later.data).toHaveLength(3);
});

test("an API that wants a first token looks complete after one page without it", async () => {
  await using server = await startApiServer({ records: 25, faults: { cursors: { firstToken: "*" } } });
  expect(await sizes(server)).toEqual([10]);
  const pages = await walk({ ...definitionOf(server), query: { limit: 10, cursor: "*" } });
  expect(pages.map(({ records }) => records.length)).toEqual([10, 10, 5]);
});

test("a cursor that the server keeps is one for the whole run, and asked twice it loses a page", async () => {
  const cursors: Cursors = { held: true };
  await using server = await startApiServer({ records: 40, faults: { cursors } });
  expect(await sizes(server)).toEqual([10, 10, 10, 10]);
  expect(new Set(server.requests.map(({ token }) => token)).size).toBe(2);
  const cursor = JSON.parse(await cursorOf(await get(server)));
  const ids = async () =>
    Object(await (await get(server, { cursor })).json()).data.map(({ id }: { id: string }) => id);
  expect(await ids()).not.toEqual(await ids());
});
