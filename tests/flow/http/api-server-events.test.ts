import { expect, test } from "vitest";

import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import { startApiServer } from "../../support/http/api-server.ts";

interface EventsPage {
  readonly data: readonly { readonly id: string; readonly type: string; readonly timestamp: string }[];
  readonly pagination: {
    readonly limit: number;
    readonly hasMore: boolean;
    readonly nextCursor: string | null;
  };
  readonly meta: { readonly total: number; readonly returned: number };
}

async function get(server: ApiServer, query: Record<string, string> = {}): Promise<Response> {
  return await fetch(`${server.url}?${new URLSearchParams(query)}`);
}

async function walk(server: ApiServer, limit: number): Promise<readonly EventsPage[]> {
  const pages: EventsPage[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = { limit: String(limit), ...(cursor === undefined ? {} : { cursor }) };
    const page = (await (await get(server, query)).json()) as EventsPage; // The shape is what is tested.
    pages.push(page);
    cursor = page.pagination.nextCursor;
  }
  return pages;
}

test("following the cursors brings every record once, in order", async () => {
  await using server = await startApiServer({ records: 250 });
  const pages = await walk(server, 100);
  expect(pages.map(({ data, pagination }) => [data.length, pagination.hasMore])).toEqual([
    [100, true],
    [100, true],
    [50, false],
  ]);
  const ids = pages.flatMap(({ data }) => data.map(({ id }) => id));
  expect(new Set(ids).size).toBe(250);
  const served = server.recordsServed().map(({ versions }) => JSON.parse(versions[0]!).id);
  expect(served).toEqual(ids);
  expect(pages[0]!.meta).toMatchObject({ total: 250, returned: 100 });
});

test("the same seed makes the same records and reads the same cursors", async () => {
  await using first = await startApiServer({ records: 3, seed: 7 });
  await using second = await startApiServer({ records: 3, seed: 7 });
  await using other = await startApiServer({ records: 3, seed: 8 });
  const [page] = await walk(first, 2);
  expect((await walk(second, 2))[0]!.data).toEqual(page!.data);
  expect((await walk(other, 2))[0]!.data).not.toEqual(page!.data);
  const cursor = page!.pagination.nextCursor!;
  expect((await get(second, { cursor })).status).toBe(200);
  expect((await get(other, { cursor })).status).toBe(400);
});

test("a cursor that was changed or has expired is refused with a code", async () => {
  await using server = await startApiServer({ faults: { cursors: { ttlMs: 50 } } });
  const page = (await (await get(server)).json()) as EventsPage; // As above.
  const cursor = page.pagination.nextCursor!;
  expect(await (await get(server, { cursor: `x${cursor}` })).json()).toMatchObject({
    error: { code: "INVALID_CURSOR" },
  });
  await expect
    .poll(async () => await (await get(server, { cursor })).json())
    .toMatchObject({ error: { code: "CURSOR_EXPIRED" } });
});

test("a request above the limit is refused until the window ends, as its headers say", async () => {
  await using server = await startApiServer({ rate: [{ requests: 2, perS: 60 }] });
  const answers = [await get(server), await get(server), await get(server)];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(answers.map(({ headers }) => headers.get("X-RateLimit-Remaining"))).toEqual(["1", "0", "0"]);
  const { headers } = answers[2]!;
  expect(headers.get("X-RateLimit-Limit")).toBe("2");
  const resetInS = Number(headers.get("X-RateLimit-Reset")) - Date.now() / 1000;
  expect(resetInS).toBeGreaterThan(50);
  expect(resetInS).toBeLessThan(62);
  expect(Number(headers.get("Retry-After"))).toBeGreaterThan(50);
});

test("requests are logged with time, token, order and what became of them", async () => {
  const before = Date.now() - 1;
  await using server = await startApiServer({ records: 150, rate: [{ requests: 2, perS: 60 }] });
  const [, second] = await walk(server, 100);
  await get(server, { cursor: "abc" });
  expect(second!.data).toHaveLength(50);
  expect(
    server.requests.map(({ order, status, records, limited }) => [order, status, records, limited]),
  ).toEqual([
    [1, 200, 100, false],
    [2, 200, 50, false],
    [3, 429, 0, true],
  ]);
  expect(server.requests.map(({ token }) => token?.slice(0, 3))).toEqual([
    undefined,
    expect.any(String),
    "abc",
  ]);
  expect(server.requests[0]!.at).toBeGreaterThanOrEqual(before);
  expect(server.requests[0]!).toMatchObject({ style: "events", method: "GET" });
});

test("records that are appended come behind the others", async () => {
  await using server = await startApiServer({ records: 1 });
  server.append(2);
  const [page] = await walk(server, 10);
  expect(page!.data).toHaveLength(3);
  const times = page!.data.map(({ timestamp }) => timestamp);
  expect(times).toEqual(times.toSorted());
});
