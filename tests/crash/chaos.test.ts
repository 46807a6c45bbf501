// Takes 26 s.
import { expect, test } from "vitest";

import { runChaos } from "../support/worker/chaos.ts";

const KILLS = 6;

test(`${KILLS} kills during a backfill lose nothing, double nothing, and no reader sees part of a commit`, async () => {
  const result = await runChaos({ kills: KILLS, rows: 60_000, seed: 1 });
  expect(result).toMatchObject({ kills: KILLS, lost: 0, doubled: 0, torn: 0 });
  expect(result.takeovers).toBeGreaterThan(0);
});
