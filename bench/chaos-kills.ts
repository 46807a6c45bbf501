// npm run chaos -- --kills 500 --json: a backfill of 2 M rows whose workers are killed with -9 all the time.
// Exits 1 unless no row was lost, doubled, or seen torn.
import { parseArgs } from "node:util";

import { runChaos } from "../tests/support/worker/chaos.ts";
import { print } from "./print.ts";

export async function chaosOfKills(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: "string", default: "500" },
      rows: { type: "string", default: "2000000" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
    },
  });
  const result = await runChaos({
    kills: Number(values.kills),
    rows: Number(values.rows),
    seed: Number(values.seed),
    onProgress: (line) => console.error(line),
  });
  print("chaos kills", { cases: [{ ...result }] }, values.json);
  process.exitCode = result.lost + result.doubled + result.torn === 0 ? 0 : 1;
}
