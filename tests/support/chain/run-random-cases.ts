import { Lane, RandomCase, type RandomCaseOptions } from "./random-case.ts";
import { inLanes } from "./seeds.ts";

const MOST_LANES = 4;
/** After this many cases a lane begins with new databases. */
const CASES_PER_LANE = 25;

/** Runs a random case for each seed, side by side; resolves to what went wrong, with the seed that shows it. */
export async function runRandomCases(
  seeds: readonly number[],
  options: RandomCaseOptions = {},
): Promise<readonly string[]> {
  return await inLanes(seeds, { lanes: MOST_LANES, casesPerLane: CASES_PER_LANE }, Lane.start, (seed, lane) =>
    runSeed(seed, lane, options),
  );
}

async function runSeed(seed: number, lane: Lane, options: RandomCaseOptions): Promise<string | null> {
  const random = new RandomCase(seed, lane, options);
  try {
    const fault = await random.run();
    return fault === null ? null : `${fault}\n  ${random.script.join("; ")}`;
  } catch (error) {
    return `${error}\n  ${await random.states()}\n  ${random.script.join("; ")}`;
  }
}
