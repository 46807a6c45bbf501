// Takes 19 s.
import { randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { runRandomCases } from "../support/chain/run-random-cases.ts";
import { chosenSeeds, seedsFrom } from "../support/chain/seeds.ts";
import { CASES, someCases } from "../support/some-cases.ts";

/** Each showed a fault once. */
const FAILED_ONCE = someCases([1209, 1325, 1765, 2097, 2343, 2466, 2469], { oneOf: 6 });
const ALWAYS = someCases(seedsFrom(1, 3));
/** Other ones in each run. */
const NEW = seedsFrom(randomInt(10_000, 1_000_000_000), 2);

const chosen = chosenSeeds();
const seeds = chosen ?? [...FAILED_ONCE, ...ALWAYS, ...NEW];
const described =
  chosen === null ? `${NEW.length} of them new, seeds from ${NEW[0]}` : `seeds from ${chosen[0]}`;

test(
  `rpc_reorg_prop: ${seeds.length} random chains (${described}, ${CASES}): each commit shows one whole chain, the last one what a fresh load gives`,
  async () => {
    expect(await runRandomCases(seeds)).toEqual([]);
  },
  seeds.length * 20_000 + 60_000,
);
