import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";
import type { BrowserContext, Page } from "playwright-core";

import { REORG_DEPTH } from "./backend.ts";
import type { Launch } from "./browser.ts";

const WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 50;
/** Making a database in a browser takes seconds of computing, and longer where others compute as well. */
const OPEN_WITHIN_MS = 120_000;

export interface VisitOptions {
  readonly url: string;
  readonly browser: Launch;
  readonly pool: pg.Pool;
  readonly schema: string;
  readonly print: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Does in a browser what a person would do with the page in two windows. Resolves to the exit code. */
export async function visit({ browser, print, signal, ...rest }: VisitOptions): Promise<number> {
  const chromium = await browser();
  const close = () => void chromium.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    const tour = new Tour(await chromium.newContext(), { print, ...rest });
    const faults = await tour.run();
    for (const fault of faults) print(`NOT SO: ${fault}`);
    print(faults.length === 0 ? "\nAll of it was seen." : "");
    return faults.length === 0 ? 0 : 1;
  } finally {
    signal.removeEventListener("abort", close);
    await chromium.close();
  }
}

/** The steps of a visit; what is not as it should be is collected, and what does not come within 30 s ends it. */
export class Tour {
  readonly #context: BrowserContext;
  readonly #options: Omit<VisitOptions, "browser" | "signal">;
  readonly #faults: string[] = [];

  constructor(context: BrowserContext, options: Omit<VisitOptions, "browser" | "signal">) {
    this.#context = context;
    this.#options = options;
    context.setDefaultTimeout(WITHIN_MS);
  }

  /** Resolves to what was not so. */
  async run(): Promise<readonly string[]> {
    try {
      const [first, second] = await Promise.all([this.#open("first"), this.#open("second")]);
      await this.#oneStore([first, second]);
      await this.#blocksArrive(first);
      await this.#reorg(first, second);
      await this.#todos(first, second);
      await this.#gateway(first);
      await this.#nothingLost(first);
      await this.#nothingLost(second);
    } catch (error) {
      this.#faults.push(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
      this.#faults.push(...(await Promise.all(this.#context.pages().map(standing))));
    }
    return this.#faults;
  }

  /** A window, when what it asked for is there. */
  async #open(name: string): Promise<Page> {
    const page = await this.#context.newPage();
    page.on("pageerror", ({ message }) => this.#faults.push(`an error in the ${name} window: ${message}`));
    await page.goto(this.#options.url);
    const patience = { timeout: OPEN_WITHIN_MS };
    await page.locator("#now-phase[data-state=good], #problem[data-end]").first().waitFor(patience);
    if ((await page.locator("#problem[data-end]").count()) > 0)
      throw new Error(`the ${name} window has a problem`);
    await page.locator("#block-rows tr").first().waitFor();
    await page.locator("#states:not(:text-is('–'))").waitFor();
    this.#options.print(`The ${name} window is live.`);
    return page;
  }

  async #oneStore(pages: readonly Page[]): Promise<void> {
    const leaders = await Promise.all(pages.map((page) => page.locator("#here-leader").innerText()));
    const isOne = leaders.toSorted().join(" ") === "another window this window";
    this.#expect(`the windows say of their leader: ${leaders.join(", ")}`, isOne);
    if (isOne) this.#options.print("The windows share one store, which one of them has open.");
  }

  async #blocksArrive(page: Page): Promise<void> {
    const from = await newest(page);
    await reaches(page, from + 2);
    this.#options.print(`Blocks arrive: ${from}, now ${await newest(page)}.`);
  }

  async #reorg(first: Page, second: Page): Promise<void> {
    await first.getByRole("button", { name: "Make a reorg" }).click();
    // At once, before what was replaced has left the table.
    const looks = [first, second].map(async (page) => {
      await page.locator("#reorg-note[data-blocks]").waitFor();
      const blocks = (await page.locator("#reorg-note").getAttribute("data-blocks"))?.split(" ") ?? [];
      const hashes = await page.locator("#block-rows del").count();
      const mixed = await page.locator("#mixed").innerText();
      const states = await page.locator("#states").innerText();
      this.#expect(`${blocks.length} blocks replaced in one step`, blocks.length === REORG_DEPTH);
      this.#expect(`${hashes} old hashes beside the new ones`, hashes === REORG_DEPTH);
      this.#expect(`${mixed} mixed states in ${states}`, mixed === "0");
    });
    await Promise.all(looks);
    this.#options.print(`A reorg: ${await first.locator("#reorg-note").innerText()} In both windows.`);
  }

  async #todos(first: Page, second: Page): Promise<void> {
    const title = `Written at ${new Date().toISOString()}`;
    const { rows } = await this.#options.pool.query(
      "insert into public.todos (title) values ($1) returning id",
      [title],
    );
    for (const page of [first, second]) await page.getByText(title).waitFor();
    await this.#options.pool.query("update public.todos set done = true where id = $1", [rows[0]?.id]);
    for (const page of [first, second]) await page.locator("li", { hasText: `${title}, done` }).waitFor();
    this.#options.print("A todo, added and changed in SQL: seen in both windows.");
  }

  async #gateway(page: Page): Promise<void> {
    const serving = page.locator("#gateway-rows li", { hasText: "serves this window" });
    await serving.waitFor();
    const before = await newest(page);
    const address = await serving.locator("code").innerText();
    await page.getByRole("button", { name: "Kill a gateway" }).click();
    await page.locator("#gateway-rows li", { hasText: address }).filter({ hasText: "killed" }).waitFor();
    await reaches(page, before + 2);
    this.#options.print(`The gateway at ${address} was killed: the page went on.`);
  }

  /** The same query on both sides, over the blocks that both have. */
  async #nothingLost(page: Page): Promise<void> {
    const { schema, pool, print } = this.#options;
    const sql = `select count(*)::integer as rows, min(_block_num)::text as low, max(_block_num)::text as high,
        md5(string_agg(encode(hash, 'hex'), ',' order by _block_num)) as sum from ${schema}.blocks`;
    const [mine] = await page.evaluate<Sum[]>(
      `client.query(${JSON.stringify(sql)}).then(({ rows }) => rows)`,
    );
    const { rows } = await pool.query<Sum>(`${sql} where _block_num between $1 and $2`, [
      mine?.low,
      mine?.high,
    ]);
    const same = mine !== undefined && mine.sum === rows[0]?.sum && mine.rows === rows[0]?.rows;
    this.#expect(`${mine?.rows} blocks in the window, ${rows[0]?.rows} on the server, and they differ`, same);
    const mixed = await page.locator("#mixed").innerText();
    this.#expect(`${mixed} mixed states at the end`, mixed === "0");
    if (same)
      print(
        `Nothing lost: blocks ${mine.low} to ${mine.high} are those of the server; ${mixed} mixed states.`,
      );
  }

  #expect(what: string, holds: boolean): void {
    if (!holds) this.#faults.push(what);
  }
}

interface Sum {
  readonly rows: number;
  readonly low: string;
  readonly high: string;
  readonly sum: string;
}

/** Looked at from here: the page's own policy lets nothing be evaluated later on. */
async function reaches(page: Page, block: number): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  while ((await newest(page)) < block) {
    if (performance.now() > deadline)
      throw new Error(`block ${block} did not come within ${WITHIN_MS / 1000} s`);
    await pause(LOOK_EVERY_MS);
  }
}

/** What a window shows of itself, for whoever asks why something did not come. */
async function standing(page: Page): Promise<string> {
  const texts = ["#now-phase", "#now-position", "#problem", "#reorg-note"].map((id) =>
    page.locator(id).innerText(),
  );
  return `a window says: ${(await Promise.all(texts)).join("; ")}`;
}

async function newest(page: Page): Promise<number> {
  return Number(await page.locator("#block-rows td").first().innerText());
}
