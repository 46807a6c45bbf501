import type { TestDatabase } from "../postgres/database.ts";
import { FreshVersions } from "../worker/fresh-versions.ts";
import { RandomVersions } from "./random-versions.ts";
import { inLanes } from "./seeds.ts";
import { noVersionCounts, type VersionCounts } from "./version-counts.ts";

/** After this many cases fresh loads begin with a new database. */
const CASES_PER_LANE = 10;

export interface RandomVersionsOptions {
  readonly createDatabase: () => Promise<TestDatabase>;
  readonly lanes: number;
  /** Called after each case, with the sum of all so far. */
  readonly onCase?: (seed: number, failure: string | null, counts: VersionCounts) => void;
}

export interface RandomVersionsResult {
  readonly failures: readonly string[];
  /** Of all cases. */
  readonly counts: VersionCounts;
}

/** Runs a random life of a dataset for each seed, side by side. */
export async function runRandomVersions(
  seeds: readonly number[],
  { createDatabase, lanes, onCase }: RandomVersionsOptions,
): Promise<RandomVersionsResult> {
  const counts = noVersionCounts();
  const options = { lanes, casesPerLane: CASES_PER_LANE };
  const failures = await inLanes(seeds, options, startLane, async (seed, { fresh }) => {
    await using db = await createDatabase();
    const random = new RandomVersions(seed, db, fresh);
    const failure = await outcomeOf(random);
    for (const [name, n] of Object.entries(random.counts)) counts[name as keyof VersionCounts] += n;
    onCase?.(seed, failure, counts);
    return failure;
  });
  return { failures, counts };

  async function startLane() {
    const stack = new AsyncDisposableStack();
    const db = stack.use(await createDatabase());
    return Object.assign(stack, { fresh: stack.use(await FreshVersions.start(db)) });
  }
}

async function outcomeOf(random: RandomVersions): Promise<string | null> {
  try {
    const fault = await random.run();
    return fault === null ? null : `${fault}\n  ${random.script.join("; ")}`;
  } catch (error) {
    return `${error}\n  ${random.script.join("; ")}`;
  }
}
