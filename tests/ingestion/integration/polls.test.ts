import { describe, expect, test } from "vitest";

import { InProcessSource } from "../../support/http/in-process-source.ts";
import { letTimePass } from "../../support/postgres/clock.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

test("what fills the last page later is there after the next run of a source that only grows", async () => {
  await using source = await InProcessSource.start(db, {
    api: { style: "github", records: 150 },
    source: {
      query: { per_page: 100, sort: "created", direction: "asc" },
      pages: { type: "page", param: "page" },
      ...{ every: "1 minute", append_only: true },
    },
  });
  expect(await source.pass()).toMatchObject({ state: "live", rows: 150 });
  const before = source.api.requests.length;
  source.api.append(130);
  await letTimePass(db, "1 minute");
  expect(await source.pass()).toMatchObject({ state: "live", rows: 280, duplicates: 50 });
  expect(source.api.requests.slice(before).map(({ token }) => token)).toEqual(["2", "3", "4"]);
  await source.expectEqual();
});

describe("records that change are taken over by full polls:", () => {
  test.each([["replace"], [{ newest: "updated_at" }]])("%j", async (on_conflict) => {
    await using source = await InProcessSource.start(db, {
      api: { style: "offset", records: 230 },
      source: { every: "1 minute", on_conflict },
    });
    await source.pass();
    source.api.change(60);
    source.api.append(5);
    await letTimePass(db, "1 minute");
    expect(await source.pass()).toMatchObject({ state: "live", rows: 235, records: 465 });
    await source.expectEqual();
  });
});

test.each(["iso", "iso_ms", "s", "ms", "date"])(
  "more than 30 windows of a range in format %s hold every record once",
  async (format) => {
    await using source = await InProcessSource.start(db, {
      api: { style: "offset", records: 130 },
      source: {
        range: {
          ...{ field: "/updated_at", since: "updated_since", until: "updated_until", format },
          ...{ from: "2024-01-01T00:00:00Z", step: "30 days" },
        },
        on_conflict: { newest: "updated_at" },
      },
    });
    expect(await source.pass()).toMatchObject({ state: "complete", rows: 130, duplicates: 0 });
    expect(source.api.requests.length).toBeGreaterThan(30);
    await source.expectEqual();
  },
);
