import { Lane, RandomCase, type RandomCaseOptions } from "./random-case.ts";

const MOST_LANES = 4;
/** After this many cases a lane begins with new databases. */
const CASES_PER_LANE = 25;

export interface Seeds {
  readonly first: number;
  readonly count: number;
}

/** Runs some random cases side by side; resolves to what went wrong, with the seed that shows it. */
export async function runRandomCases(
  { first, count }: Seeds,
  options: RandomCaseOptions = {},
): Promise<readonly string[]> {
  const failures: string[] = [];
  let seed = first;
  async function runLane(): Promise<void> {
    while (seed < first + count) {
      await using lane = await Lane.start();
      for (let i = 0; i < CASES_PER_LANE && seed < first + count; i++) {
        const own = seed++;
        const failure = await runSeed(own, lane, options);
        if (failure !== null) {
          failures.push(`CHAOS_SEED=${own} CHAOS_CASES=1: ${failure}`);
        }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(MOST_LANES, count) }, runLane));
  return failures;
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
