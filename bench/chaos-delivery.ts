import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import type { GeneratedSource } from "../src/devserver/sources/generated/source.ts";
import { cloneDatabase, type TestDatabase } from "../tests/support/postgres/database.ts";
import { startTemplate } from "../tests/support/postgres/template.ts";
import type { Figures } from "./figures.ts";
import { print } from "./print.ts";

interface Asked {
  readonly count: number;
  readonly seed: number;
  readonly onDone: (n: number) => void;
}

interface Outcome {
  readonly differences: readonly string[];
}

/**
 * One kind of chaos of delivery, with a database of its own: `<name> <count> --seed <n> --json`. Prints what it found and
 * exits 1 if that is anything.
 */
export async function runChaosOf(
  name: string,
  args: readonly string[],
  usual: number,
  run: (db: TestDatabase, asked: Asked) => Promise<Outcome>,
): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seed: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const count = Number(positionals[0] ?? usual);
  const seed = Number(values.seed ?? randomInt(1, 1_000_000_000));
  const onDone = (n: number) => {
    if ((n + 1) % 10 === 0) console.error(`${n + 1} of ${count}`);
  };
  const start = performance.now();
  const template = await startTemplate();
  try {
    const { differences, ...figures } = await run(await cloneDatabase(template), { count, seed, onDone });
    for (const difference of differences) console.error(difference);
    const seconds = Math.round((performance.now() - start) / 1000);
    const outcome = { count, ...(figures as Figures), differences: differences.length, seed, seconds };
    print(`chaos ${name}`, { cases: [outcome] }, values.json);
    process.exitCode = differences.length === 0 ? 0 : 1;
  } finally {
    await template.stop();
  }
}

/** Of 1 to 9 blocks, after which there is one more: a chain that became shorter would be used up in a long run. */
export function reorg(source: GeneratedSource): void {
  const depth = randomInt(1, 10);
  source.reorg(depth, depth + 1);
}
