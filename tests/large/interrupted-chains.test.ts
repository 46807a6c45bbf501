import { expect, test } from "vitest";

import { runRandomCases } from "../support/chain/run-random-cases.ts";

const CASES = Number(process.env["CHAOS_CASES"] ?? 40);
const FIRST_SEED = Number(process.env["CHAOS_SEED"] ?? 1001);
/** For 40 of them. */
const DEADLINE_MS = 180_000;

test(
  `${CASES} random chains (seeds from ${FIRST_SEED}), each microbatch written while it grows, three rows a message, and given up once before it is sent whole`,
  async () => {
    const failures = await runRandomCases(
      { first: FIRST_SEED, count: CASES },
      { limits: { spillBytes: 1 }, faults: { rowsPerBatch: 3, interrupts: true } },
    );
    expect(failures).toEqual([]);
  },
  DEADLINE_MS,
);
