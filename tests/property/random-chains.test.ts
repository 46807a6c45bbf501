import { expect, test } from "vitest";

import { Lane, RandomCase } from "../support/random-case.ts";

const CASES = Number(process.env["CHAOS_CASES"] ?? 200);
const FIRST_SEED = Number(process.env["CHAOS_SEED"] ?? 1);
const LANES = Math.min(4, CASES);
/** After this many cases a lane begins with new databases. */
const CASES_PER_LANE = 25;

async function runSeed(seed: number, lane: Lane): Promise<string | null> {
  const random = new RandomCase(seed, lane);
  try {
    const fault = await random.run();
    return fault === null ? null : `${fault}\n  ${random.script.join("; ")}`;
  } catch (error) {
    return `${error}\n  ${await random.states()}\n  ${random.script.join("; ")}`;
  }
}

test(
  `rpc_reorg_prop: ${CASES} random chains (seeds from ${FIRST_SEED}): each commit shows one whole chain, the last one what a fresh load gives`,
  async () => {
    const failures: string[] = [];
    let seed = FIRST_SEED;
    async function runLane(): Promise<void> {
      while (seed < FIRST_SEED + CASES) {
        await using lane = await Lane.start();
        for (let i = 0; i < CASES_PER_LANE && seed < FIRST_SEED + CASES; i++) {
          const own = seed++;
          const failure = await runSeed(own, lane);
          if (failure !== null) {
            failures.push(`CHAOS_SEED=${own} CHAOS_CASES=1: ${failure}`);
          }
        }
      }
    }
    await Promise.all(Array.from({ length: LANES }, runLane));
    expect(failures).toEqual([]);
  },
  CASES * 3_000 + 60_000,
);
