// Takes 36 s.
import { randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { runRandomVersions } from "../support/chain/run-random-versions.ts";
import { chosenSeeds, seedsFrom } from "../support/chain/seeds.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { CASES, someCases } from "../support/some-cases.ts";

const ALWAYS = someCases(seedsFrom(1, 3));
/** Another one in each run. */
const NEW = seedsFrom(randomInt(10_000, 1_000_000_000), 1);

const chosen = chosenSeeds();
const seeds = chosen ?? [...ALWAYS, ...NEW];
const described =
  chosen === null ? `${NEW.length} of them new, seeds from ${NEW[0]}` : `seeds from ${chosen[0]}`;

test(
  `${seeds.length} datasets of random versions (${described}, ${CASES}): they end as fresh loads of the versions that they say they hold, or say why not`,
  async () => {
    const { failures } = await runRandomVersions(seeds, { createDatabase, lanes: 2 });
    expect(failures).toEqual([]);
  },
  seeds.length * 30_000 + 60_000,
);
