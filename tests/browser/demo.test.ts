// Takes 91 s.
import { get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import axe from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";

import { createPool } from "../../src/db/pool.ts";
import { Balancer } from "../../src/demo/balancer.ts";
import { PageServer } from "../../src/demo/page-server.ts";
import { setScene } from "../../src/demo/scene.ts";
import { Tour } from "../../src/demo/visit.ts";
import { startWebDemo } from "../../src/demo/web-demo.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { createLog } from "../../src/log.ts";
import { hasChromium, launchChromium } from "../support/browser/chromium.ts";
import { ampsync } from "../support/worker/command.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { MAIN } from "../support/worker/worker-process.ts";

const FOLDERS = {
  page: join(MAIN, "..", "..", "demo-page"),
  pglite: fileURLToPath(new URL(".", import.meta.resolve("@electric-sql/pglite"))),
};
const MINE_EVERY_MS = 1_000;
/** A thousand files, on a busy machine. */
const OPEN_WITHIN_MS = 120_000;
const PHONE = { width: 390, height: 844 };

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<readonly Violation[]>("axe.run().then(({ violations }) => violations)");
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

describe.skipIf(!hasChromium)("the page of the demo (needs Chromium on the path)", () => {
  test("two windows follow blocks, a reorg in one step, SQL and a killed gateway, for everybody to read", async () => {
    const source = new GeneratedSource({ blocks: 20, logsPerBlock: 3, transactionsPerBlock: 1 });
    await using scenario = await Scenario.start({ source });
    scenario.startWorker();
    const sync = await scenario.sync(["blocks", "logs"]);
    await sync.reaches();
    await using stack = new AsyncDisposableStack();
    const browser = await launchChromium();
    stack.defer(() => browser.close());
    const context = await browser.newContext({ colorScheme: "light" });
    let isMining = true;
    const log = createLog("error", (line) => process.stderr.write(line));
    const pool = createPool({ url: scenario.db.url, max: 2, queryTimeoutMs: 10_000, name: "demo" }, log);
    stack.defer(() => pool.end());
    await setScene(pool, "chain", new AbortController().signal);
    const url = await startWebDemo(stack, {
      pool,
      folders: FOLDERS,
      command: [process.execPath, MAIN, "gateway"],
      env: { DATABASE_URL: scenario.db.url },
      log: "ignore",
      schema: "chain",
      psql: "psql",
      async reorg(depth) {
        isMining = false;
        const newest = { hasText: new RegExp(`^${source.chain.head()?.number}$`) };
        for (const page of context.pages())
          await page.locator("#block-rows td:first-child", newest).waitFor();
        source.reorg(depth);
        isMining = true;
      },
    });
    const mining = setInterval(() => isMining && source.mine(), MINE_EVERY_MS);
    stack.defer(() => clearInterval(mining));
    const seen: string[] = [];
    const tour = new Tour(context, { url, pool, schema: "chain", print: (line) => seen.push(line) });
    expect(await tour.run(), seen.join("\n")).toEqual([]);

    const [page] = context.pages();
    expect(await violations(page!)).toEqual([]);
    await page!.emulateMedia({ colorScheme: "dark" });
    await page!.setViewportSize(PHONE);
    expect(await violations(page!)).toEqual([]);
    expect(await page!.evaluate("document.documentElement.scrollWidth")).toBe(PHONE.width);

    // The window that has the store is closed, and OPFS gives its files to the other one.
    const leads = (each: Page) => each.locator("#here-leader", { hasText: /^this window$/ });
    const [one, two] = context.pages();
    const [leader, other] = (await leads(one!).count()) > 0 ? [one!, two!] : [two!, one!];
    await leader.close();
    await leads(other).waitFor({ timeout: OPEN_WITHIN_MS });
    const next = { hasText: new RegExp(`^${Number(source.chain.head()!.number) + 1}$`) };
    await other.locator("#block-rows td:first-child", next).waitFor();
  });
});

test("without Chromium an unattended demo says what it needs, before it starts anything", async () => {
  const { exitCode, stdout, stderr } = await ampsync(["demo", "--web", "--once"], { PATH: "/nowhere" });
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(stderr).toMatch(/there is no Chromium on the path[\s\S]*apt-get install chromium/);
});

test("the demo answers pages of its own origin alone", async () => {
  await using server = await PageServer.start(FOLDERS);
  const kills: (string | null)[] = [];
  server.serve(
    {
      setting: async () => ({}),
      state: async () => ({ is: "state" }),
      reorg: async () => ({}),
      killGateway: async (address) => kills.push(address),
    },
    "http://127.0.0.1:1",
  );
  const { url } = server;
  const kill = (origin?: string) =>
    fetch(`${url}/kill-gateway`, { method: "POST", body: "{}", headers: origin ? { origin } : {} });
  expect((await fetch(url)).headers.get("content-security-policy")).toContain("default-src 'none'");
  expect((await fetch(`${url}/state`)).status).toBe(200);
  expect((await fetch(`${url}/state`, { headers: { origin: "https://evil.example" } })).status).toBe(403);
  expect(await statusWithHost(`${url}/state`, "evil.example")).toBe(403);
  expect((await kill()).status).toBe(403);
  expect((await kill("https://evil.example")).status).toBe(403);
  expect(kills).toEqual([]);
  expect((await kill(url)).status).toBe(200);
  expect(kills).toEqual([null]);
  expect((await fetch(`${url}/pglite/fs/opfs-ahp.js`)).status).toBe(200);
  expect((await fetch(`${url}/..%2f..%2fpackage.json`)).status).toBe(404);
});

/** `fetch` sets the header itself. */
function statusWithHost(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host } }, (response) => resolve(response.resume().statusCode)).on("error", reject);
  });
}

test("a balancer passes over what does not answer, and lets go where nothing does", async () => {
  await using page = await PageServer.start(FOLDERS);
  const dead = { host: "127.0.0.1", port: 1 };
  const alive = { host: "127.0.0.1", port: Number(new URL(page.url).port) };
  await using half = await Balancer.start([dead, alive]);
  // In turn: with both of them first.
  for (const _ of [1, 2]) {
    expect(await statusWithHost(`http://127.0.0.1:${half.port}/`, new URL(page.url).host)).toBe(503);
  }
  await using none = await Balancer.start([dead]);
  const socket = connect(none.port, "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("error", () => {}).on("close", () => resolve());
  await promise;
});
