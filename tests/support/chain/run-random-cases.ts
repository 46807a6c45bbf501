import { Lane, RandomCase, type RandomCaseOptions } from "./random-case.ts";

const MOST_LANES = 4;
/** After this many cases a lane begins with new databases. */
const CASES_PER_LANE = 25;

/** Runs a random case for each seed, side by side; resolves to what went wrong, with the seed that shows it. */
export async function runRandomCases(
  seeds: readonly number[],
  options: RandomCaseOptions = {},
): Promise<readonly string[]> {
  const failures: string[] = [];
  const left = [...seeds];
  async function runLane(): Promise<void> {
    while (left.length > 0) {
      await using lane = await Lane.start();
      for (let i = 0; i < CASES_PER_LANE && left.length > 0; i++) {
        const seed = left.shift()!;
        const failure = await runSeed(seed, lane, options);
        if (failure !== null) {
          failures.push(`CHAOS_SEED=${seed} CHAOS_CASES=1: ${failure}`);
        }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(MOST_LANES, seeds.length) }, runLane));
  return failures;
}

/** Seeds of a run by hand: `CHAOS_SEED` is the first of `CHAOS_CASES`; null where neither is given. */
export function chosenSeeds(): readonly number[] | null {
  const { CHAOS_SEED: first, CHAOS_CASES: count } = process.env;
  return first === undefined && count === undefined
    ? null
    : seedsFrom(Number(first ?? 1), Number(count ?? 1));
}

export function seedsFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + i);
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
