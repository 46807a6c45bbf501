// Takes 12 s.
import { randomInt } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { FAULT_CASES, FaultMatrix } from "../../support/http/faults/fault-matrix.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { CASES, someCases } from "../../support/some-cases.ts";

const DEADLINE_MS = 100_000;
const seed = randomInt(1, 1_000_000_000);
/** Neighbours are of one kind, more or less: each third has all kinds. */
const cases = someCases(FAULT_CASES);

describe(`an API with a fault: the table equals the truth, or the source says why not (seed ${seed}, ${CASES})`, () => {
  let db: TestDatabase;
  let matrix: FaultMatrix;
  let verdicts: readonly Promise<string | null>[];

  beforeAll(async () => {
    db = await createDatabase();
    matrix = await FaultMatrix.start(db, cases, seed, DEADLINE_MS);
    verdicts = cases.map((_, nth) => matrix.verdict(nth));
  });

  afterAll(async () => {
    await matrix?.[Symbol.asyncDispose]();
    await db?.drop();
  });

  test.each(cases.map(({ name }, nth) => [name, nth] as const))("%s", async (_, nth) => {
    expect(await verdicts[nth]).toBeNull();
  });
});
