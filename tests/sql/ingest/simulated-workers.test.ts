// Takes 18 s.
import { describe, expect, test } from "vitest";

import { type SimulationOptions, simulateWorkers } from "../../support/http/simulated-workers.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

const TWO = [
  { requests: 20, perS: 10 },
  { requests: 60, perS: 60 },
];
const ONE = [{ requests: 20, perS: 10 }];
const told = {
  begins: "clock",
  resets: "exact",
  dialect: "draft-8",
  latencyMs: 300,
  workers: 4,
  slots: 10,
  seconds: 75,
  seed: 1,
} as const;

describe("four workers of ten slots use all of the budget, and are never refused after the first window", () => {
  const CASES: Record<string, SimulationOptions> = {
    "one window by the clock": { ...told, windows: ONE },
    "one window by the first request, cut resets, 1 s": {
      ...told,
      windows: ONE,
      begins: "first request",
      resets: "cut",
      latencyMs: 1000,
    },
    "two windows by the clock, cut resets": { ...told, windows: TWO, resets: "cut", seconds: 250 },
    "two windows by the first request": {
      ...told,
      windows: TWO,
      begins: "first request",
      seconds: 250,
      latencyMs: 1000,
    },
    "two windows of which the fuller one is told": {
      ...told,
      windows: TWO,
      dialect: "x-ratelimit",
      seconds: 250,
    },
    "two windows by the first request of which the fuller one is told": {
      ...told,
      windows: TWO,
      begins: "first request",
      resets: "cut",
      dialect: "x-ratelimit",
      seconds: 250,
    },
    "a worker that dies and starts again": { ...told, windows: ONE, diesAt: 33 },
    "nothing is told": { ...told, windows: ONE, dialect: "none", begins: "first request" },
    "answers of which some are five seconds late": { ...told, windows: ONE, slowOneIn: 10 },
    "a pause of three windows": { ...told, windows: ONE, pause: [30.5, 61], seconds: 100 },
  };

  test.each(Object.entries(CASES))("%s", async (name, options) => {
    const result = await simulateWorkers(db, name, options);
    expect(result.refusedLater).toBe(0);
    expect(result.used).toBeGreaterThanOrEqual(0.95);
  });
});

describe("somebody else who uses up the quota of the same key", () => {
  test.each([
    ["at once", 20],
    ["but for one request", 19],
  ])(
    "%s has what was under way refused, and from the next window on all of it is used again",
    async (name, requests) => {
      const options = { ...told, windows: ONE, others: { at: 40.05, requests }, seconds: 120 };
      const result = await simulateWorkers(db, `others ${name}`, options);
      expect(result.refusedLater).toBeGreaterThan(0);
      expect(result.refusedLater).toBeLessThanOrEqual(told.workers * told.slots);
      expect(result.used).toBeGreaterThanOrEqual(0.95);
    },
  );
});

test.each(["draft-8", "none"] as const)(
  "eight sources of one bucket, whose answers tell %s, each get their turn",
  async (dialect) => {
    const { permits, used } = await simulateWorkers(db, `turns ${dialect}`, {
      ...told,
      ...{ dialect, windows: ONE, workers: 8, seconds: 60, takesTurns: true },
    });
    const equal = permits.reduce((sum, each) => sum + each, 0) / permits.length;
    expect(Math.min(...permits)).toBeGreaterThanOrEqual(equal / 2);
    expect(used).toBeGreaterThanOrEqual(0.95);
  },
);
