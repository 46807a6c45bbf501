import { expect, test } from "vitest";

import { runRandomCases } from "../support/chain/run-random-cases.ts";

const CASES = Number(process.env["CHAOS_CASES"] ?? 200);
const FIRST_SEED = Number(process.env["CHAOS_SEED"] ?? 1);

test(
  `rpc_reorg_prop: ${CASES} random chains (seeds from ${FIRST_SEED}): each commit shows one whole chain, the last one what a fresh load gives`,
  async () => {
    expect(await runRandomCases({ first: FIRST_SEED, count: CASES })).toEqual([]);
  },
  CASES * 3_000 + 60_000,
);
