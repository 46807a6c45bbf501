import { describe, expect, test } from "vitest";

import { hasChromium, launchChromium } from "../support/browser/chromium.ts";
import { serveFolder } from "../support/browser/serve-folder.ts";

describe.skipIf(!hasChromium)("a browser (needs Chromium on the path)", () => {
  test("opens a store", async () => {
    await using served = await serveFolder({ bundles: { page: "tests/browser/store.page.ts" } });
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      await page.goto(`${served.url}/`);
      const opened = await page.waitForFunction("globalThis.opened", undefined, { timeout: 60_000 });
      expect(await opened.jsonValue()).toEqual({ kind: "memory", rows: [{ phase: "new" }] });
    } finally {
      await browser.close();
    }
  });
});
