export interface LaneOptions {
  readonly lanes: number;
  readonly casesPerLane: number;
}

/**
 * Runs a case for each seed in lanes side by side, each with what its cases run on, one after the other; resolves to what
 * went wrong, with the seed that shows it.
 */
export async function inLanes<Lane extends AsyncDisposable>(
  seeds: readonly number[],
  { lanes, casesPerLane }: LaneOptions,
  startLane: () => Promise<Lane>,
  run: (seed: number, lane: Lane) => Promise<string | null>,
): Promise<readonly string[]> {
  const failures: string[] = [];
  const left = [...seeds];
  async function runLane(): Promise<void> {
    while (left.length > 0) {
      await using lane = await startLane();
      for (let i = 0; i < casesPerLane && left.length > 0; i++) {
        const seed = left.shift()!;
        const failure = await run(seed, lane);
        if (failure !== null) {
          failures.push(`CHAOS_SEED=${seed} CHAOS_CASES=1: ${failure}`);
        }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(lanes, seeds.length) }, runLane));
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
