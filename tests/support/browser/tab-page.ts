import type { BrowserContext, Page } from "playwright-core";

import type { TabOptions } from "../../../src/client/api.ts";
import type { ClientStatus } from "../../../src/client/status.ts";
import type { Times } from "../../../src/client/tabs/line.ts";
import { waitFor } from "../wait-for.ts";
import type { TestPage } from "./tabs.page.ts";

interface InPage {
  readonly testPage: TestPage;
}

/** Longer than in production: a machine that is busy with other tests is no reason to give up. */
const TIMES: Times = { deadlineMs: 60_000, pingMs: 1_000, frozenMs: 60_000 };

/** What pages with clients of several tabs are made of. */
export const TAB_BUNDLES = {
  page: "tests/support/browser/tabs.page.ts",
  worker: "tests/support/browser/tabs.worker.page.ts",
};

interface Start extends Pick<TabOptions, "store" | "shapes"> {
  /** Of the page. */
  readonly origin: string;
  readonly gateway: string;
  readonly times?: Partial<Times>;
}

/** A tab of a browser whose page has a client. */
export class TabPage {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  static async open(context: BrowserContext, start: Start): Promise<TabPage> {
    const page = await context.newPage();
    await page.goto(start.origin);
    await page.waitForFunction("globalThis.testPage");
    const { store, shapes, gateway } = start;
    const options = { url: gateway, store, ...(shapes === undefined ? {} : { shapes }) };
    await page.evaluate(
      ([options, times]) => (globalThis as unknown as InPage).testPage.start(options, times),
      [options, { ...TIMES, ...start.times }] as const,
    );
    return new TabPage(page);
  }

  async query<T>(sql: string, params: readonly unknown[] = []): Promise<T[]> {
    const given = await this.page.evaluate(
      ([sql, params]) => (globalThis as unknown as InPage).testPage.client!.query(sql, params),
      [sql, params] as const,
    );
    return given.rows as T[];
  }

  status(): Promise<ClientStatus> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).testPage.client!.status);
  }

  async until(what: string, isSo: (status: ClientStatus) => boolean, withinMs?: number): Promise<void> {
    await waitFor(`a tab that ${what}`, async () => isSo(await this.status()), withinMs);
  }

  /** What a live query has given so far, the newest last. */
  seen(): Promise<TestPage["seen"]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).testPage.seen);
  }

  /** Keeps writing, and does not wait for it. */
  async writeForEver(writer: string): Promise<void> {
    await this.page.evaluate((writer) => {
      void (globalThis as unknown as InPage).testPage.writeForEver(writer);
    }, writer);
  }

  async watch(sql: string): Promise<void> {
    await this.page.evaluate(async (sql) => {
      const { client, seen } = (globalThis as unknown as InPage).testPage;
      await client!.live(sql, [], (rows) => void seen.push(rows));
    }, sql);
  }

  /** Ends the worker of this tab, as a browser does that needs its memory. */
  async killWorker(): Promise<void> {
    await this.page.evaluate(() => (globalThis as unknown as InPage).testPage.workers.at(-1)!.terminate());
  }

  close(): Promise<void> {
    return this.page.close();
  }
}
