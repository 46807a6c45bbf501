import type { BrowserContext, Page } from "playwright-core";

import type { TabOptions } from "../../../src/client/api.ts";
import type { ClientStatus } from "../../../src/client/status.ts";
import type { Times } from "../../../src/client/tabs/line.ts";
import { leaderLock } from "../../../src/client/tabs/messages.ts";
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

export interface Start extends Pick<TabOptions, "store" | "shapes"> {
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

  async until(what: string, isSo: (status: ClientStatus) => boolean): Promise<void> {
    await waitFor(`a tab that ${what}`, async () => isSo(await this.status()), TIMES.deadlineMs);
  }

  /** What a live query has given so far, the newest last. */
  seen(): Promise<TestPage["seen"]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).testPage.seen);
  }

  /** Keeps writing, and does not wait for it. */
  async writeForEver(writer: string): Promise<void> {
    await this.page.evaluate(
      (writer) => (globalThis as unknown as InPage).testPage.writeForEver(writer),
      writer,
    );
  }

  /** Resolves when the last write is answered, with what went wrong. */
  stopWriting(): Promise<readonly string[]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).testPage.stopWriting());
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

  /** The thread that has the lock of a store. */
  holder(store: string): Promise<string | undefined> {
    return this.page.evaluate(async (name) => {
      const { held } = await navigator.locks.query();
      return held.find((lock) => lock.name === name)?.clientId;
    }, leaderLock(store));
  }

  async subscribe(shape: string): Promise<void> {
    await this.page.evaluate(async (shape) => {
      await (globalThis as unknown as InPage).testPage.client!.subscribe({ shape });
    }, shape);
  }

  /** As the browser does when the device is online again. */
  async wake(): Promise<void> {
    await this.page.evaluate(() => (globalThis as unknown as InPage).testPage.client!.wake());
  }

  /** As an application that stays open and needs its client no more. */
  closeClient(): Promise<void> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).testPage.client!.close());
  }

  close(): Promise<void> {
    return this.page.close();
  }
}
