// Takes 15 s.
import { expect, test } from "vitest";

import { type LimitCase, limitsInTime } from "../support/http/limits-in-time.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";

const db = sharedDatabase();

/** Known from headers alone: windows declared shorter than 10 s hear none. */
const told = {
  windows: [{ requests: 24, perS: 3 }],
  declared: false,
  begins: "clock",
  resets: "exact",
  dialect: "draft-8",
  latencyMs: 0,
} as const;

/** How much of a budget is used, by which source, and paced requests depend on the machine: npm run chaos -- limits. */
const CASES: Record<string, LimitCase> = {
  "one window": told,
  "resets cut to whole seconds": {
    ...told,
    begins: "first request",
    resets: "cut",
    latencyMs: 300,
    sources: 2,
  },
  "two windows": {
    ...told,
    windows: [
      { requests: 12, perS: 1 },
      { requests: 24, perS: 3 },
    ],
    latencyMs: 300,
  },
};

test("four processes share budgets, one of them killed: nothing is refused after the first window", async () => {
  const figures = await limitsInTime(db, CASES, { workers: 4, slots: 10, seconds: 14, killAt: 2.5 });
  for (const { name, refusedLater } of figures) {
    expect(refusedLater, name).toBe(0);
  }
});
