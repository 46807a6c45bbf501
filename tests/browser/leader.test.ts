// Takes 148 s.
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { hasChromium, launchChromium } from "../support/browser/chromium.ts";
import { endLeaders } from "../support/browser/end-leaders.ts";
import { type Served, serveFolder } from "../support/browser/serve-folder.ts";
import { TAB_BUNDLES, TabPage } from "../support/browser/tab-page.ts";
import { ScriptedGateway } from "../support/client/scripted-gateway.ts";
import { dice } from "../support/dice.ts";
import { waitFor } from "../support/wait-for.ts";

/** Of 20, which `npm run chaos -- leader` does. */
const ROUNDS = 5;
const STORE = "idb://tabs";
const FOR_EVER = "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b";

describe.skipIf(!hasChromium)("tabs of a browser (needs Chromium on the path)", () => {
  let served: Served;
  let gateway: ScriptedGateway;
  let browser: Browser;
  let context: BrowserContext;

  // One store for all of them: to make one takes longer than what they do with it.
  beforeAll(async () => {
    served = await serveFolder({ bundles: TAB_BUNDLES });
    gateway = await ScriptedGateway.start();
    browser = await launchChromium();
    context = await browser.newContext();
  });

  afterAll(async () => {
    await browser?.close();
    await gateway?.[Symbol.asyncDispose]();
    await served?.[Symbol.asyncDispose]();
  });

  // Who leads is the same over OPFS, as the demo shows, and there a new leader takes seconds of a core more.
  const start = () => ({ origin: served.url, gateway: gateway.url, store: STORE });
  const open = () => TabPage.open(context, start());

  test("have one store and one connection, and see what the other one writes", async () => {
    const one = await open();
    const two = await open();
    expect(await gateway.hears("hello")).toMatchObject({ token: "token 1", shapes: [] });
    gateway.welcome();
    await one.until("is connected", ({ connected }) => connected);
    await two.until("is connected", ({ connected }) => connected);
    await one.query("create table notes (id integer primary key, note text)");
    await two.watch("select note from notes order by id");
    await one.query("insert into notes values (1, 'of one')");
    await two.query("insert into notes values (2, 'of two')");
    await waitFor("the rows of both", async () => (await two.seen()).at(-1)?.length === 2);
    expect([(await one.status()).leader, (await two.status()).leader]).toEqual(["here", "elsewhere"]);
    await one.close();
    await two.query("insert into notes values (3, 'when one was gone')");
    await waitFor("rows from the new leader", async () => (await two.seen()).at(-1)?.length === 3);
    expect((await two.status()).leader).toBe("here");
    await two.close();
  });

  test("give the store to the next one when their client is closed, and go on when their worker ends", async () => {
    const one = await open();
    const two = await open();
    await one.closeClient();
    await two.until("leads", ({ leader }) => leader === "here");
    await two.killWorker();
    expect(await two.query("select count(*)::int as notes from notes")).toEqual([{ notes: 3 }]);
    await one.close();
    await two.close();
  });

  test("leave a leader that does not answer its store, and say so", async () => {
    const one = await open();
    const two = await TabPage.open(context, {
      ...start(),
      times: { deadlineMs: 1_500, pingMs: 200, frozenMs: 1_000 },
    });
    await two.until("has a leader", ({ leader }) => leader === "elsewhere");
    const before = await two.holder(STORE);
    void one.query(FOR_EVER).catch(() => {});
    await two.until(
      "shows that",
      ({ leader, error }) => leader === "leader_frozen" && error?.code === "SY420",
    );
    await expect(two.query("insert into notes values (4, 'in vain')")).rejects.toThrow(
      /no answer within 1500 ms/,
    );
    expect(await two.holder(STORE)).toBe(before);
    await one.close();
    await two.until("leads", ({ leader, error }) => leader === "here" && error === null);
    await two.close();
  });

  test("lose no write and do none twice while leaders end amid them", async () => {
    const seed = Date.now() % 1_000_000;
    const found = await endLeaders(context, start(), { rounds: ROUNDS, dice: dice(seed) });
    expect(found, `seed ${seed}`).toMatchObject({ lost: [], twice: [], halves: [], errors: [] });
    expect(found.confirmed).toBeGreaterThan(0);
  });
});
