// Takes 19 s.
import { randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { runIngestStops } from "../../support/http/ingest-stops.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";

const STOPS = 2;

test(`SIGTERM at ${STOPS} moments: exit 0, leases given back, and no page that was answered is asked for again`, async () => {
  await using db = await createDatabase();
  const seed = randomInt(1, 1_000_000_000);
  const { faults } = await runIngestStops(db, { stops: STOPS, seed, lateEvery: null });
  expect(faults, `npm run chaos -- ingest --stops ${STOPS} --seed ${seed}`).toEqual([]);
});
