// npm run chaos -- stores --kills 20 --store idb --seed 1 --json: kills Chromium amid the writes of a page, so often for
// each kind of store. Exits 1 if anything that was acknowledged or confirmed is missing, or a position is not that of its
// rows.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { killStores } from "../tests/support/browser/kill-stores.ts";
import { dice } from "../tests/support/dice.ts";
import type { Figures } from "./figures.ts";
import { print } from "./print.ts";

const STORES: Readonly<Record<string, string>> = { opfs: "opfs-ahp://killed", idb: "idb://killed" };

export async function chaosOfStores(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: "string", default: "20" },
      store: { type: "string" },
      seed: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const seed = Number(values.seed ?? randomInt(1_000_000));
  const kinds = values.store === undefined ? Object.keys(STORES) : [values.store];
  const kills = Number(values.kills);
  const cases: Figures[] = [];
  for (const kind of kinds) {
    const start = performance.now();
    const { stored, lost, wrong } = await killStores(STORES[kind]!, { kills, dice: dice(seed) });
    for (const line of [...lost, ...wrong]) process.stderr.write(`${kind}: ${line}\n`);
    if (lost.length + wrong.length > 0) process.exitCode = 1;
    const seconds = Math.round((performance.now() - start) / 1000);
    cases.push({ store: kind, seed, kills, stored, lost: lost.length, wrong: wrong.length, seconds });
  }
  print("chaos stores", { cases }, values.json);
}
