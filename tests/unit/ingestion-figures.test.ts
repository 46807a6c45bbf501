import { describe, expect, test } from "vitest";

import { IngestionFigures } from "../../src/cli/ingestion-figures.ts";
import type { SourceReport } from "../../src/db/source-calls.ts";

function report(rows: bigint, others: Partial<SourceReport> = {}): SourceReport {
  return {
    ...{ state: "backfill", error: null, attempts: 0, eta: null },
    ...{ rows, records: rows, duplicates: 0n, rejected: 0n, pages: rows / 100n },
    ...{ requestsSent: null, requestsUsed: null, requestsAllowed: null },
    ...others,
  };
}

describe("progress", () => {
  test("has the counts of the source, and the speed since it was told last", () => {
    const figures = new IngestionFigures(1_000, null);
    figures.saw(report(0n), 2_000);
    figures.saw(report(5_000n, { requestsSent: 50n, requestsUsed: 50, requestsAllowed: 100 }), 11_000);
    expect(figures.progress()).toMatchObject({ rows: 5_000, pages: 50, rows_per_s: 500, eta: null });
    figures.saw(report(6_000n, { eta: new Date("2026-11-29T12:00:00Z") }), 16_000);
    expect(figures.progress()).toMatchObject({ rows_per_s: 200, eta: "2026-11-29T12:00:00.000Z" });
    expect(figures.progress()).toMatchObject({ rows_per_s: 0 });
  });

  test("says what is in the way, and nothing of it where nothing is", () => {
    const figures = new IngestionFigures(0, null);
    figures.saw(report(0n), 1);
    expect(Object.keys(figures.progress())).not.toContain("code");
    const error = { code: "SY304", message: "used up", detail: null, hint: "wait" };
    figures.saw(report(0n, { error }), 2);
    expect(figures.progress()).toMatchObject({ code: "SY304", reason: "used up", hint: "wait" });
  });
});

describe("the summary", () => {
  test("has the counts of the source, and the speed of this process", () => {
    const figures = new IngestionFigures(500, report(80_000n));
    expect(figures.summary(500)).toMatchObject({ rows: 80_000, seconds: 0, rows_per_s: 0 });
    figures.saw(report(100_000n, { duplicates: 7n, rejected: 3n }), 10_000);
    expect(figures.summary(10_500)).toEqual({
      ...{ rows: 100_000, records: 100_000, pages: 1_000, duplicates: 7, rejected: 3 },
      ...{ seconds: 10, rows_per_s: 2_000 },
    });
  });

  test("of a process that never saw its source has zeros", () => {
    expect(new IngestionFigures(0, null).summary(2_000)).toEqual({
      ...{ rows: 0, records: 0, pages: 0, duplicates: 0, rejected: 0, seconds: 2, rows_per_s: 0 },
    });
  });
});

test("a source has moved once a page came, an empty one too, since the process began", () => {
  const figures = new IngestionFigures(0, report(100n));
  expect(figures.hasMoved).toBe(false);
  figures.saw(report(100n), 1);
  expect(figures.hasMoved).toBe(false);
  figures.saw(report(100n, { pages: 2n }), 2);
  expect(figures.hasMoved).toBe(true);
  const fresh = new IngestionFigures(0, null);
  fresh.saw(report(0n), 1);
  expect(fresh.hasMoved).toBe(false);
});
