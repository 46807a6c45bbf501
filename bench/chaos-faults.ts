// npm run chaos -- faults --seeds 3 --seed 1 --json: every fault of the development API server, with so many seeds: the table
// equals the truth, or the source shows the code that it must show. Exits 1 if one does not.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { FAULT_CASES, FaultMatrix } from "../tests/support/http/faults/fault-matrix.ts";
import { cloneDatabase } from "../tests/support/postgres/database.ts";
import { startTemplate } from "../tests/support/postgres/template.ts";
import { print } from "./print.ts";

const DEADLINE_MS = 180_000;

export async function chaosOfFaults(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "3" },
      seed: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const first = Number(values.seed ?? randomInt(1, 1_000_000_000));
  const template = await startTemplate();
  const cases: Record<string, number>[] = [];
  let failed = 0;
  try {
    for (let seed = first; seed < first + Number(values.seeds); seed++) {
      const start = performance.now();
      await using db = await cloneDatabase(template);
      await using matrix = await FaultMatrix.start(db, FAULT_CASES, seed, DEADLINE_MS);
      const verdicts = await Promise.all(FAULT_CASES.map((_, nth) => matrix.verdict(nth)));
      const failures = verdicts.flatMap((verdict, nth) =>
        verdict === null ? [] : [`seed ${seed}, ${FAULT_CASES[nth]!.name}: ${verdict}`],
      );
      for (const failure of failures) console.error(failure);
      failed += failures.length;
      const seconds = Math.round((performance.now() - start) / 1000);
      cases.push({ seed, faults: FAULT_CASES.length, failed: failures.length, seconds });
    }
    print("chaos faults", { cases }, values.json);
    process.exitCode = failed === 0 ? 0 : 1;
  } finally {
    await template.stop();
  }
}
