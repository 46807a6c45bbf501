import { readFile, writeFile } from "node:fs/promises";

import type { Browser } from "playwright-core";

import { TestGateway } from "../delivery/gateway.ts";
import { startLand } from "../delivery/land.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import { launchChromium } from "./chromium.ts";
import { serveFolder } from "./serve-folder.ts";
import { TAB_BUNDLES, TabPage } from "./tab-page.ts";

export interface LargeLoad {
  readonly rows: number;
  readonly seconds: number;
  /** Of the process that has the page, its worker and the store: before the load, the most of it, and after it. */
  readonly beforeMiB: number;
  readonly peakMiB: number;
  readonly afterMiB: number;
}

const LONGEST_MS = 600_000;

/** Loads a table, of 650 bytes a row, into a store of Chromium, and measures how much memory that takes. */
export async function loadInBrowser(db: TestDatabase, store: string, rows: number): Promise<LargeLoad> {
  await using land = await startLand(db, { items: rows });
  await using served = await serveFolder({ bundles: TAB_BUNDLES });
  await using gateway = await TestGateway.start(land.db.url, { allowedOrigins: [served.url] });
  const browser = await launchChromium();
  try {
    const context = await browser.newContext();
    const tab = await TabPage.open(context, { origin: served.url, gateway: gateway.url, store });
    await tab.until("is connected", ({ connected }) => connected);
    const renderer = await largestRenderer(browser);
    const before = await memoryOf(renderer, "VmRSS");
    await forgetPeak(renderer);
    const begun = performance.now();
    await tab.subscribe("items");
    await waitFor("the load", async () => (await tab.status()).phase === "live", LONGEST_MS);
    const seconds = (performance.now() - begun) / 1000;
    const [{ n = 0 } = {}] = await tab.query<{ n: number }>("select count(*)::int as n from items");
    const peak = await memoryOf(renderer, "VmHWM");
    return {
      rows: n,
      seconds: Math.round(seconds * 10) / 10,
      beforeMiB: before,
      peakMiB: peak,
      afterMiB: await memoryOf(renderer, "VmRSS"),
    };
  } finally {
    await browser.close();
  }
}

/** PGlite's memory is no JavaScript, and only the process tells of it. */
async function largestRenderer(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const sizes = await Promise.all(
    processInfo
      .filter(({ type }) => type === "renderer")
      .map(async ({ id }) => ({ id, size: await memoryOf(id, "VmRSS") })),
  );
  return sizes.sort((a, b) => b.size - a.size)[0]!.id;
}

async function memoryOf(pid: number, what: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024);
}

/** As proc(5) has it: the peak is that from now on. */
async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, "5");
}
