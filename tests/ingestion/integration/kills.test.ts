// Takes 13 s.
import { randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { runIngestKills } from "../../support/http/ingest-kills.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";

const KILLS = 3;

test(`${KILLS} kills lose nothing and double nothing, and every look finds the rows of the pages before the positions`, async () => {
  await using db = await createDatabase();
  const seed = randomInt(1, 1_000_000_000);
  const result = await runIngestKills(db, { kills: KILLS, seed });
  expect(result, `npm run chaos -- ingest --kills ${KILLS} --seed ${seed}`).toMatchObject({
    ...{ faults: [], lost: 0, doubled: 0, outOfStep: 0 },
  });
  expect(result.takeovers).toBeGreaterThan(0);
  expect(result.looks).toBeGreaterThan(KILLS);
});
