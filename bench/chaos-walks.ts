// npm run chaos -- walks 10000 --seed 1 --json: walks through APIs of random styles and faults. Exits 1 if one has no
// end, or ends as complete although not all was served, or does not although nothing is wrong.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { seedsFrom } from "../tests/support/chain/seeds.ts";
import { walkRandomApis } from "../tests/support/http/walk-api.ts";
import { print } from "./print.ts";

export function chaosOfWalks(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seed: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const walks = Number(positionals[0] ?? "10000");
  const seed = Number(values.seed ?? randomInt(10_000, 1_000_000_000));
  const start = performance.now();
  const { wrong, ends } = walkRandomApis(seedsFrom(seed, walks));
  for (const each of wrong) console.error(each);
  const seconds = Math.round((performance.now() - start) / 1000);
  print("chaos walks", { cases: [{ walks, wrong: wrong.length, ...ends, seconds, seed }] }, values.json);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}
