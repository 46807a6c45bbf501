// npm run chaos -- leader 20 --store idb://tabs --seed 1 --json: so many leaders end, with their tab or their worker alone,
// while all tabs of a Chromium write. Exits 1 if a write that was confirmed is lost, or one is done twice or by half.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { launchChromium } from "../tests/support/browser/chromium.ts";
import { endLeaders } from "../tests/support/browser/end-leaders.ts";
import { serveFolder } from "../tests/support/browser/serve-folder.ts";
import { TAB_BUNDLES } from "../tests/support/browser/tab-page.ts";
import { dice } from "../tests/support/dice.ts";
import { print } from "./print.ts";

export async function chaosOfLeaders(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      store: { type: "string", default: "tabs" },
      json: { type: "boolean", default: false },
    },
  });
  const rounds = Number(positionals[0] ?? "20");
  const seed = Number(values.seed ?? randomInt(10_000, 1_000_000_000));
  const { store } = values;
  const start = performance.now();
  await using served = await serveFolder({ bundles: TAB_BUNDLES });
  const browser = await launchChromium();
  try {
    const context = await browser.newContext();
    // A gateway that is not there: what is written is of these tabs alone.
    const place = { origin: served.url, gateway: "http://127.0.0.1:9", store };
    const found = await endLeaders(context, place, { rounds, dice: dice(seed) });
    const faults = [...found.lost, ...found.twice, ...found.halves, ...found.errors];
    for (const fault of faults.slice(0, 100)) console.error(fault);
    const seconds = Math.round((performance.now() - start) / 1000);
    const counts = { confirmed: found.confirmed, lost: found.lost.length, twice: found.twice.length };
    const cases = [{ store, rounds, ...counts, halves: found.halves.length, seconds, seed }];
    print("chaos leader", { cases }, values.json);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await browser.close();
  }
}
