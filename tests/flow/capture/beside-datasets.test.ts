import { expect, test } from "vitest";

import { mixedStorm } from "../../support/capture/mixed-storm.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";

test("captured transactions beside commits and reorgs of datasets: in the order of WAL, and behind what their writers saw", async () => {
  await using db = await createDatabase();
  const { faults, commits, captured, passes } = await mixedStorm(db, {
    streams: 3,
    sessions: 3,
    seed: 5,
    goesOn: (count) => count < 100,
  });
  expect(faults).toEqual([]);
  expect(commits).toBeGreaterThanOrEqual(100);
  expect(captured).toBeGreaterThan(20);
  expect(passes).toBeGreaterThan(0);
});
