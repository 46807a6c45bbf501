// npm run chaos -- capture 200 --seed 1 --json: so many kills -9 of the process that captures, under load.
// Exits 1 if the log is not exactly what was committed, in its order, each once, or its changes do not make the tables.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { killCapture } from "../tests/support/capture/chaos.ts";
import { createLogicalDatabase } from "../tests/support/postgres/logical-database.ts";
import { print } from "./print.ts";

export async function chaosOfCapture(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seed: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const kills = Number(positionals[0] ?? "200");
  const seed = Number(values.seed ?? randomInt(1, 1_000_000_000));
  await using db = await createLogicalDatabase();
  const { transactions, changes, differences } = await killCapture(db, {
    kills,
    seed,
    onKill: (n) => {
      if ((n + 1) % 20 === 0) console.error(`${n + 1} kills`);
    },
  });
  for (const difference of differences) console.error(difference);
  const outcome = { kills, transactions, changes, differences: differences.length, seed };
  print("chaos capture", { cases: [outcome] }, values.json);
  process.exitCode = differences.length === 0 ? 0 : 1;
}
