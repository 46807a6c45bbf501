// Takes 44 s.
import { expect, test } from "vitest";

import { runRandomCases } from "../support/chain/run-random-cases.ts";
import { chosenSeeds, seedsFrom } from "../support/chain/seeds.ts";

const SEEDS = chosenSeeds() ?? seedsFrom(1001, 10);
/** Enough for 10 cases on a busy machine; `CHAOS_CASES` says how many others. */
const DEADLINE_MS = 180_000;

test(
  `${SEEDS.length} random chains (seeds from ${SEEDS[0]}), each microbatch written while it grows, three rows a message, and given up once before it is sent whole`,
  async () => {
    const failures = await runRandomCases(SEEDS, {
      limits: { spillBytes: 1 },
      misbehaviour: { rowsPerBatch: 3, interrupts: true },
    });
    expect(failures).toEqual([]);
  },
  DEADLINE_MS,
);
