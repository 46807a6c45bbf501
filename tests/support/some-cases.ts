import { randomInt } from "node:crypto";

/** Of so many cases of a kind one is taken unless told: each case comes in one run of three on average. */
const ONE_OF = 3;
/** Every part of groups of two, of three and of six comes with one of these. */
const PARTS = 6;

const chosen = process.env["CASES"] ?? String(randomInt(PARTS));
if (!/^(all|\d{1,9})$/.test(chosen)) {
  throw new Error(`CASES=${chosen} is neither all nor the number of a part`);
}

/** Which part of long tables of cases this run takes, as it is repeated; for the titles of tests. */
export const CASES = `CASES=${chosen}`;

/**
 * A third of a table of cases, another one in each run, and at least one of each kind; `CASES=all` takes all of them,
 * `CASES=<number>` those of the run that printed it. Of one kind are cases that would take each other's place: by default
 * all are. Each kind begins with another one of its cases than the kind before it, and the whole table `shift` cases later.
 * Of a table whose cases take seconds of a core one of six may do.
 */
export function someCases<Case>(
  cases: readonly Case[],
  {
    kindOf = () => null,
    shift = 0,
    oneOf = ONE_OF,
  }: { kindOf?: (one: Case) => unknown; shift?: number; oneOf?: 3 | 6 } = {},
): readonly Case[] {
  if (chosen === "all") return cases;
  return [...Map.groupBy(cases, kindOf).values()].flatMap((kind, number) => {
    const step = Math.min(oneOf, kind.length);
    return kind.filter((_, index) => (index + Number(chosen) + number + shift) % step === 0);
  });
}
