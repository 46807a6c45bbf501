// Takes 86 s.
import { randomInt } from "node:crypto";

import { describe, expect, test } from "vitest";

import { hasChromium } from "../support/browser/chromium.ts";
import { killStores } from "../support/browser/kill-stores.ts";
import { dice } from "../support/dice.ts";

/** Of 20 of each, which `npm run chaos -- stores` does. OPFS has a thousand files opened each time: seconds of a core. */
const KILLS = [
  ["opfs-ahp://killed", 2],
  ["idb://killed", 3],
] as const;

describe.skipIf(!hasChromium)("stores of a browser (needs Chromium on the path)", () => {
  test.each(KILLS)(
    "%s: a browser that is killed amid writes has what was stored, rows and position together",
    async (store, kills) => {
      const seed = randomInt(1_000_000);
      const { lost, wrong } = await killStores(store, { kills, dice: dice(seed) });

      expect({ seed, lost, wrong }).toEqual({ seed, lost: [], wrong: [] });
    },
    // A browser that starts on a busy machine takes its time, three and four times.
    480_000,
  );
});
