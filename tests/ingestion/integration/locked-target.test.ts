// Takes 15 s.
import { expect, test } from "vitest";

import { runLockedTarget } from "../../support/http/locked-target.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";

test("while its table is locked a source is not asked and takes no permit; then it goes on, and nothing is lost", async () => {
  await using db = await createDatabase();
  const result = await runLockedTarget(db, { records: 30_000, pageSize: 1_000, seconds: 0 });
  expect(result.faults).toEqual([]);
  // 10,000 that wait, 10,000 that are written, and pages that were under way.
  expect(result.waiting).toBeLessThanOrEqual(22_000);
  // A guard, not the measure: when a collection runs is up to how busy the machine is.
  expect(result.rssMiB).toBeLessThan(600);
});
