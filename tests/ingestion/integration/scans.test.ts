import { describe, expect, test } from "vitest";

import { InProcessSource } from "../../support/http/in-process-source.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();
const PAGES = {
  type: "cursor",
  param: "cursor",
  next: "/pagination/nextCursor",
  more: "/pagination/hasMore",
};

test("a scan goes on behind many empty pages", async () => {
  await using source = await InProcessSource.start(db, {
    api: { records: 250, faults: { pages: { empty: { from: 100, count: 150 } } } },
  });
  expect(await source.pass()).toMatchObject({ state: "complete", rows: 250, duplicates: 0 });
  await source.expectEqual();
});

describe("the token that was sent, answered again", () => {
  const api = { records: 150, faults: { cursors: { sameAtEnd: true } } };
  const pages = { ...PAGES, more: undefined };

  test("without records is the end where the definition says so", async () => {
    await using source = await InProcessSource.start(db, {
      api,
      source: { pages: { ...pages, same: "end" } },
    });
    expect(await source.pass()).toMatchObject({ state: "complete", rows: 150 });
  });

  test("without records stops the source where it does not, and the hint names that option", async () => {
    await using source = await InProcessSource.start(db, { api, source: { pages } });
    expect(await source.pass()).toMatchObject({
      state: "failed",
      code: "SY301",
      rows: 150,
      hint: expect.stringContaining('"same": "end"'),
    });
  });

  test("with records stops the source of a server that keeps the place itself, and the hint says what to use", async () => {
    await using source = await InProcessSource.start(db, {
      api: { records: 450, faults: { cursors: { held: true } } },
    });
    expect(await source.pass()).toMatchObject({
      state: "failed",
      code: "SY301",
      hint: expect.stringContaining("search_after"),
    });
  });
});

test("an API that wants a first token is read to its end with it", async () => {
  await using source = await InProcessSource.start(db, {
    api: { records: 250, faults: { cursors: { firstToken: "*" } } },
    source: { pages: { ...PAGES, first: "*" } },
  });
  expect(await source.pass()).toMatchObject({ state: "complete", rows: 250 });
  expect(source.api.requests[0]?.token).toBe("*");
});
