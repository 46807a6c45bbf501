// npm run chaos -- versions 200 --seed 1 --json: so many datasets whose versions change at random, under crashes
// at statements of each switch, killed workers, reorgs and orders of users. Exits 1 if one does not end as it must.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { runRandomVersions } from "../tests/support/chain/run-random-versions.ts";
import { seedsFrom } from "../tests/support/chain/seeds.ts";
import { cloneDatabase } from "../tests/support/postgres/database.ts";
import { startTemplate } from "../tests/support/postgres/template.ts";
import { print } from "./print.ts";

export async function chaosOfVersions(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      lanes: { type: "string", default: "2" },
      json: { type: "boolean", default: false },
    },
  });
  const rounds = Number(positionals[0] ?? "200");
  const seed = Number(values.seed ?? randomInt(10_000, 1_000_000_000));
  const start = performance.now();
  let done = 0;
  const template = await startTemplate();
  try {
    const { failures, counts } = await runRandomVersions(seedsFrom(seed, rounds), {
      lanes: Number(values.lanes),
      createDatabase: () => cloneDatabase(template),
      onCase(of, failure, sum) {
        done++;
        if (failure !== null) console.error(`seed ${of}: ${failure}`);
        if (done % 10 === 0) {
          const told = Object.entries(sum).map(([name, n]) => `${n} ${name}`);
          console.error(`${done} of ${rounds} rounds, seeds from ${seed}: ${told.join(", ")}`);
        }
      },
    });
    const seconds = Math.round((performance.now() - start) / 1000);
    print(
      "chaos versions",
      { cases: [{ rounds, failures: failures.length, ...counts, seconds, seed }] },
      values.json,
    );
    process.exitCode = failures.length === 0 ? 0 : 1;
  } finally {
    await template.stop();
  }
}
