import fc from "fast-check";
import { expect, test } from "vitest";

import { restMs } from "../../../src/capture/cadence.ts";

const ms = (max: number) => fc.double({ min: 0, max, noNaN: true });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("looks begin an interval after each other, a fifth more or less", () => {
  expect([0, 0.5, 1].map((at) => Math.round(restMs({ tookMs: 100, intervalMs: 1000 }, at)))).toEqual([
    700, 900, 1100,
  ]);
});

test("one that took long is followed by the next after four times as long, be there more to read or not", () => {
  fc.assert(
    fc.property(ms(60_000), ms(60_000), random, (tookMs, intervalMs, at) => {
      const apart = tookMs + restMs({ tookMs, intervalMs }, at);
      expect(apart).toBeGreaterThanOrEqual(4 * tookMs - 1e-6);
      expect(apart).toBeGreaterThanOrEqual(0.8 * intervalMs - 1e-6);
      expect(apart).toBeLessThanOrEqual(Math.max(4 * tookMs, 1.2 * intervalMs) + 1e-6);
    }),
  );
});
