import { expect, test } from "vitest";

import { backoffMs } from "../../src/model/backoff.ts";

test("each wait is twice as long as the one before, up to a limit, give or take a fifth", () => {
  for (const [attempt, ms] of [1_000, 2_000, 4_000, 5_000, 5_000].entries()) {
    for (let i = 0; i < 100; i++) {
      const waited = backoffMs(attempt + 1, 1_000, 5_000);
      expect(waited).toBeGreaterThanOrEqual(0.8 * ms);
      expect(waited).toBeLessThan(1.2 * ms);
    }
  }
  expect(backoffMs(5_000, 1_000, 5_000)).toBeLessThan(6_000);
});
