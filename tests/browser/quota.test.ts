// Takes 94 s.
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { hasChromium, launchChromium } from "../support/browser/chromium.ts";
import { type Served, serveFolder } from "../support/browser/serve-folder.ts";
import { TAB_BUNDLES, TabPage } from "../support/browser/tab-page.ts";
import { frameOf } from "../support/client/frames.ts";
import { ScriptedGateway } from "../support/client/scripted-gateway.ts";
import { todos } from "../support/client/tables.ts";
import { waitFor } from "../support/wait-for.ts";

/** What it may store before; Chromium looks at what is left of it, for IndexedDB, once in 30 s, or where that is little. */
const AT_FIRST = 200 * 2 ** 20;
const MOST_FRAMES = 200;

/** Of a MiB, each with the number of its frame. */
const rowsOf = (frame: number) =>
  JSON.stringify(
    Array.from({ length: 1000 }, (_, n) => ({
      id: String(n),
      weight: String(frame),
      title: "x".repeat(1000),
    })),
  );

describe.skipIf(!hasChromium)("the quota of a browser (needs Chromium on the path)", () => {
  let served: Served;
  let browser: Browser;
  beforeAll(async () => {
    served = await serveFolder({ bundles: TAB_BUNDLES });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await served?.[Symbol.asyncDispose]();
  });

  test.each(["opfs-ahp://full", "idb://full"])(
    "%s: reached in a commit, nothing more is applied or taken, reading goes on; with space all comes, and stays",
    async (store) => {
      await using gateway = await ScriptedGateway.start();
      const context = await browser.newContext();
      const quota = await quotaOf(context, served.url);
      await quota.set(AT_FIRST);
      const start = { origin: served.url, gateway: gateway.url, store, shapes: [{ shape: "todos" }] };
      const tab = await TabPage.open(context, start);
      const { id } = (await gateway.hears("hello")).shapes[0]!;
      gateway.welcome([{ id, mode: "load", table: todos.name, reason: "new" }], [todos]);
      const load = { op: "load", table: todos.name, rows: rowsOf(1), where: null };
      gateway.say(frameOf({ to: "1", ops: [load], live: [{ id, definition: "d" }] }));
      await tab.until("has its rows", ({ phase, position }) => phase === "live" && position === "1");
      await tab.query("create table mine (id integer)");

      await quota.set(1);
      const isAcked = (position: string) =>
        gateway.heard.some((message) => message.t === "ack" && message.position === position);
      const isFull = async () => (await tab.status()).store.status === "storage_full";
      const say = (to: number) => {
        const ops = [{ op: "upsert", table: todos.name, rows: rowsOf(to) }];
        gateway.say(frameOf({ from: String(to - 1), to: String(to), ops }));
      };
      let said = 1;
      while (!(await isFull()) && said < MOST_FRAMES) {
        say(++said);
        await waitFor("the frame, or a full store", async () => isAcked(String(said)) || (await isFull()));
      }
      const { position, error } = await tab.status();
      expect(error).toMatchObject({ code: "SY433" });
      expect(isAcked(String(said))).toBe(false);
      // The next one is left to come again, as are writes of the application.
      say(Number(position) + 1);
      await expect(tab.query("insert into mine values (1)")).rejects.toThrow("the store takes nothing");
      const frameIn = (of: TabPage) =>
        of.query(
          "select distinct weight::text as frame, (select position::text from ampsync.state) from todos",
        );
      expect(await frameIn(tab)).toEqual([{ frame: position, position }]);
      expect(isAcked(position)).toBe(position !== String(said));

      gateway.heard.length = 0;
      await quota.set(null);
      await tab.wake();
      await tab.until("has space", ({ store, error }) => store.status === "ok" && error === null);
      await waitFor("a hello", async () => {
        await tab.wake();
        return gateway.heard.some(({ t }) => t === "hello");
      });
      expect(await gateway.hears("hello")).toMatchObject({ position });
      gateway.welcome([{ id, mode: "resume", table: todos.name }], [todos]);
      const next = String(Number(position) + 1);
      say(Number(next));
      await waitFor("the frame to be acknowledged", () => isAcked(next));
      await tab.query("insert into mine values (2)");
      await tab.close();
      const again = await TabPage.open(context, start);
      expect(await frameIn(again)).toEqual([{ frame: next, position: next }]);
      expect(await again.query("select id from mine")).toEqual([{ id: 2 }]);
      await context.close();
    },
    240_000,
  );
});

/** What the browser lets an origin store; null: as much as it would by itself. */
async function quotaOf(context: BrowserContext, origin: string) {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  return {
    async set(bytes: number | null): Promise<void> {
      const quota = bytes === null ? {} : { quotaSize: bytes };
      await session.send("Storage.overrideQuotaForOrigin", { origin, ...quota });
    },
  };
}
