import { expect, test } from "vitest";

import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import type { Trouble } from "../../../src/devserver/http/trouble/trouble.ts";
import { startApiServer } from "../../support/http/api-server.ts";

/** A server of 20 records whose next answers suffer these. */
async function troubled(...next: (Trouble | null)[]): Promise<ApiServer> {
  return await startApiServer({ records: 20, faults: { next } });
}

async function statuses(server: ApiServer, count: number): Promise<readonly number[]> {
  const found: number[] = [];
  while (found.length < count) found.push((await fetch(server.url, { redirect: "manual" })).status);
  return found;
}

test("queued statuses are answered one after the other, then pages again", async () => {
  await using server = await troubled({ status: 503 }, null, { status: 401 });
  expect(await statuses(server, 4)).toEqual([503, 200, 401, 200]);
});

test("trouble can befall every answer, or each n-th one", async () => {
  await using server = await troubled();
  server.faults.every = { n: 2, trouble: { status: 500 } };
  expect(await statuses(server, 4)).toEqual([200, 500, 200, 500]);
  server.faults.each = { status: 404 };
  server.faults.every = null;
  expect(await statuses(server, 2)).toEqual([404, 404]);
});

test("a page can have another status of success", async () => {
  await using server = await troubled(
    { status: 206 },
    { status: 202, body: "empty" },
    { status: 204, body: "empty" },
  );
  const partial = await fetch(server.url);
  expect(partial.status).toBe(206);
  expect(Object(await partial.json()).data).toHaveLength(20);
  for (const status of [202, 204]) {
    const answer = await fetch(server.url);
    expect([answer.status, await answer.text()]).toEqual([status, ""]);
  }
});

test.each<[NonNullable<Trouble["body"]>, unknown]>([
  ["empty", expect.stringMatching(/^$/)],
  ["null", expect.stringMatching(/^null$/)],
  ["error", expect.stringMatching(/^\{"error":\{"code":"INTERNAL",[^}]*\}\}$/)],
  ["not json", expect.stringMatching(/^<!doctype html>/)],
  ["null records", expect.stringMatching(/^\{"data":null,"pagination":\{.*"meta":\{[^}]*\}\}$/)],
  [
    "null records and error",
    expect.stringMatching(/^\{"data":null,.*\},"error":\{"code":"INTERNAL",[^}]*\}\}$/),
  ],
  ["no records", expect.stringMatching(/^\{"data":\[\],"pagination":/)],
])("an answer with 200 has a body that is: %s", async (body, expected) => {
  await using server = await troubled({ body });
  const answer = await fetch(server.url);
  expect(answer.status).toBe(200);
  expect(await answer.text()).toEqual(expected);
  expect(server.recordsServed()).toEqual([]);
});

test("a text of its own stands in the place of a page or of an error", async () => {
  const text = '{"error":{"code":"CURSOR_EXPIRED"}}';
  await using server = await troubled({ status: 400, text }, { text: "[1,]" });
  expect(await (await fetch(server.url)).text()).toBe(text);
  expect(await (await fetch(server.url)).text()).toBe("[1,]");
});

test.each(["gzip", "br", "deflate"] as const)(
  "a body in %s is the same when it is unpacked",
  async (encoding) => {
    await using server = await troubled(null, { encodings: [encoding] });
    const plain = Object(await (await fetch(server.url)).json());
    const packed = await fetch(server.url);
    expect(packed.headers.get("Content-Encoding")).toBe(encoding);
    expect(Object(await packed.json()).data).toEqual(plain.data);
  },
);

test("a body can be packed five times, or say that it is packed in another way", async () => {
  const encodings = ["gzip", "gzip", "gzip", "gzip", "gzip"] as const;
  await using server = await troubled({ encodings }, { encodings: ["gzip"], toldEncoding: "zstd" });
  const five = await fetch(server.url);
  expect(five.headers.get("Content-Encoding")).toBe("gzip, gzip, gzip, gzip, gzip");
  const other = await fetch(server.url);
  expect(other.headers.get("Content-Encoding")).toBe("zstd");
});

test("a bomb is small on the wire", async () => {
  await using server = await troubled({ encodings: ["gzip"], blanksMb: 20 });
  const answer = await fetch(server.url);
  expect(Number(answer.headers.get("Content-Length"))).toBeLessThan(100_000);
  expect((await answer.text()).length).toBeGreaterThan(20 * 1024 * 1024);
});

test("a page has a byte order mark, or another charset that is told or not", async () => {
  const faults = { next: [{ bom: true }, { latin1: "told" }, { latin1: "untold" }] } as const;
  await using server = await startApiServer({
    records: 1,
    oddities: { umlaut: 1 },
    faults: { next: [...faults.next] },
  });
  const [marked, told, untold] = [await fetch(server.url), await fetch(server.url), await fetch(server.url)];
  expect([...new Uint8Array(await marked.arrayBuffer()).subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
  expect(told.headers.get("Content-Type")).toBe("application/json; charset=iso-8859-1");
  expect(new TextDecoder("latin1").decode(await told.arrayBuffer())).toContain("Grüße");
  expect(untold.headers.get("Content-Type")).toBe("application/json; charset=utf-8");
  expect(await untold.text()).toContain("Gr\ufffd\ufffde");
});

test("a body that is cut or reset fails, one cut with the right length does not", async () => {
  await using server = await troubled(
    { breaks: { at: 700, how: "reset" } },
    { breaks: { at: 700, how: "cut" } },
    { breaks: { at: 700, how: "short" } },
  );
  const body = () => fetch(server.url).then((answer) => answer.text());
  await expect(body()).rejects.toThrow();
  await expect(body()).rejects.toThrow();
  expect(await body()).toHaveLength(700);
  expect(server.recordsServed()).toEqual([]);
});

test("a packed body breaks off in the middle of its packed bytes", async () => {
  await using server = await troubled({ encodings: ["gzip"], breaks: { at: 100, how: "short" } });
  const answer = await fetch(server.url);
  expect(answer.headers.get("Content-Length")).toBe("100");
  await expect(answer.json()).rejects.toThrow();
});

test("a body that stalls sends its first bytes and stays open", async () => {
  await using server = await troubled({ breaks: { at: 700, how: "stall" } });
  const abort = new AbortController();
  const answer = await fetch(server.url, { signal: abort.signal });
  const reader = answer.body!.getReader();
  expect((await reader.read()).value).toHaveLength(700);
  const more = reader.read().then(
    () => "more",
    () => "aborted",
  );
  expect(await Promise.race([more, fetch(server.url).then(() => "silence")])).toBe("silence");
  abort.abort();
  expect(await more).toBe("aborted");
});

test("a body that pauses goes on, and headers come late", async () => {
  await using server = await troubled({ breaks: { at: 10, how: { pauseMs: 80 } } }, { lateMs: 80 });
  for (const _ of ["pause", "late"]) {
    const start = performance.now();
    expect(Object(await (await fetch(server.url)).json()).data).toHaveLength(20);
    expect(performance.now() - start).toBeGreaterThan(75);
  }
});

test("a body without an end ends when nobody reads it any more", async () => {
  await using server = await troubled({ breaks: { at: 10, how: "endless" } });
  const abort = new AbortController();
  const reader = (await fetch(server.url, { signal: abort.signal })).body!.getReader();
  for (let bytes = 0; bytes < 5 * 1024 * 1024; ) bytes += (await reader.read()).value!.length;
  abort.abort();
  expect(await statuses(server, 1)).toEqual([200]);
});

test("an answer has headers of its own, or one that is too long", async () => {
  await using server = await troubled({ headers: { "X-Other": "1" } }, { giantHeader: 20_000 });
  expect((await fetch(server.url)).headers.get("X-Other")).toBe("1");
  await expect(fetch(server.url)).rejects.toThrow();
});

test("requests are sent elsewhere, with a Location or without", async () => {
  await using server = await troubled(
    { redirect: { to: "/moved" } },
    { status: 307, redirect: { to: "http://elsewhere.example/" } },
    { status: 301, redirect: { to: null } },
  );
  const answers: [number, string | null][] = [];
  while (answers.length < 3) {
    const { status, headers } = await fetch(server.url, { redirect: "manual" });
    answers.push([status, headers.get("Location")]);
  }
  expect(answers).toEqual([
    [302, "/moved"],
    [307, "http://elsewhere.example/"],
    [301, null],
  ]);
});

test("a search by POST can be sent elsewhere too", async () => {
  const next = [{ status: 308, redirect: { to: "/moved" } }];
  await using server = await startApiServer({ style: "elastic", faults: { next } });
  expect((await fetch(server.url, { method: "POST", redirect: "manual" })).status).toBe(308);
});

test("requests must carry all secrets, each in its place", async () => {
  await using server = await startApiServer({
    style: "elastic",
    faults: {
      secrets: [
        { in: "header", name: "X-API-Key", value: "a" },
        { in: "query", name: "key", value: "b+c" },
        { in: "body", pointer: "/auth/token", value: "d" },
        { in: "basic", user: "me", value: "e" },
      ],
    },
  });
  const headers = { "X-API-Key": "a", Authorization: `Basic ${Buffer.from("me:e").toString("base64")}` };
  const body = '{"auth":{"token":"d"}}';
  const status = async (query: string, init: RequestInit) =>
    (await fetch(`${server.url}${query}`, { method: "POST", ...init })).status;
  expect(await status("?key=b%2Bc", { headers, body })).toBe(200);
  expect(await status("?key=b+c", { headers, body })).toBe(401);
  expect(await status("?key=b%2Bc", { headers, body: "{}" })).toBe(401);
  expect(await status("?key=b%2Bc", { headers: { "X-API-Key": "a" }, body })).toBe(401);
  server.faults.secrets = [];
  expect(await status("", {})).toBe(200);
});
