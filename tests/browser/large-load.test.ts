// Takes 44 s.
import { describe, expect, test } from "vitest";

import { hasChromium } from "../support/browser/chromium.ts";
import { loadInBrowser } from "../support/browser/large-load.ts";
import { createDatabase } from "../support/postgres/postgres.ts";

/** Of 50,000, which `npm run chaos -- delivery-large` loads: 5 MB of text, in several chunks. */
const ROWS = 8_000;

describe.skipIf(!hasChromium)("a load in a browser (needs Chromium on the path)", () => {
  test("of several chunks is there whole, and takes a bounded memory", async () => {
    const { rows, beforeMiB, peakMiB } = await loadInBrowser(
      await createDatabase(),
      "opfs-ahp://large",
      ROWS,
    );

    expect(rows).toBe(ROWS);
    expect(peakMiB - beforeMiB).toBeLessThan(400);
  }, 240_000);
});
