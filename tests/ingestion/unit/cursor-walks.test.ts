import { expect, test } from "vitest";

import { seedsFrom } from "../../support/chain/seeds.ts";
import { walkRandomApis } from "../../support/http/walk-api.ts";

/** All ten thousand: npm run chaos -- walks. */
const WALKS = Number(process.env["AMPSYNC_TEST_RUNS"] ?? 2_000);
const FIRST_SEED = Number(process.env["AMPSYNC_TEST_SEED"] ?? 1);

test("a walk through any API comes to an end, complete only if all was served, and always where nothing is wrong", () => {
  const { wrong, ends } = walkRandomApis(seedsFrom(FIRST_SEED, WALKS));
  expect(wrong.slice(0, 20)).toEqual([]);
  for (const [end, times] of Object.entries(ends)) expect(times, end).toBeGreaterThan(WALKS / 500);
});
