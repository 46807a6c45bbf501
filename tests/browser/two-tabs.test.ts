import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { hasChromium, launchChromium } from "../support/browser/chromium.ts";
import { type Served, serveFolder } from "../support/browser/serve-folder.ts";
import { TAB_BUNDLES, TabPage } from "../support/browser/tab-page.ts";
import { waitFor } from "../support/wait-for.ts";

describe.skipIf(!hasChromium)("tabs of a browser (needs Chromium on the path)", () => {
  let served: Served;
  let browser: Browser;
  let context: BrowserContext;

  beforeAll(async () => {
    served = await serveFolder({ bundles: TAB_BUNDLES });
    browser = await launchChromium();
    context = await browser.newContext();
  });

  afterAll(async () => {
    await browser?.close();
    await served?.[Symbol.asyncDispose]();
  });

  const open = () =>
    TabPage.open(context, { origin: served.url, gateway: "http://127.0.0.1:9", store: "tabs" });

  test("have one store, and see what the other one writes", async () => {
    const one = await open();
    const two = await open();
    await one.query("create table notes (id integer primary key, note text)");
    await two.watch("select note from notes order by id");
    await one.query("insert into notes values (1, 'of one')");
    await two.query("insert into notes values (2, 'of two')");
    expect(await one.query("select note from notes order by id")).toEqual([
      { note: "of one" },
      { note: "of two" },
    ]);
    await waitFor("the newest rows", async () => (await two.seen()).at(-1)?.length === 2);
    expect([(await one.status()).leader, (await two.status()).leader]).toEqual(["here", "elsewhere"]);
    await one.close();
    expect(await two.query("select count(*)::int as notes from notes")).toEqual([{ notes: 2 }]);
    expect((await two.status()).leader).toBe("here");
    await two.close();
  });
});
