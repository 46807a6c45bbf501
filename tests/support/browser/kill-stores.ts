import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Dice } from "../dice.ts";
import { STALL_DEADLINE_MS, waitFor } from "../wait-for.ts";
import { ARGUMENTS, chromiumPath } from "./chromium.ts";
import { serveFolder } from "./serve-folder.ts";

const ROWS = 20;
const BUNDLES = {
  page: "tests/support/browser/stores.page.ts",
  "stores-worker": "tests/support/browser/stores-worker.page.ts",
};

interface Opened {
  readonly beginning: string;
  readonly position: number;
  readonly mine: number;
  readonly highest: number;
  readonly lowest: number;
  readonly rows: number;
}

/** What was found after all kills: the lists are empty where nothing is wrong. */
export interface Killed {
  readonly kills: number;
  readonly stored: number;
  /** Acknowledged or confirmed, and not there. */
  readonly lost: readonly string[];
  /** The position is not that of the rows, or the store was made anew. */
  readonly wrong: readonly string[];
}

export interface KillOptions {
  readonly kills: number;
  readonly dice: Dice;
  /** The modules of another release of PGlite. */
  readonly pglite?: string;
  /** False: what was committed is called stored, without bringing it into the store. */
  readonly stores?: boolean;
}

/** Kills a browser, all its processes, amid the writes of a page; opens the store again each time, and compares. */
export async function killStores(
  store: string,
  { kills, dice, pglite, stores = true }: KillOptions,
): Promise<Killed> {
  await using served = await serveFolder({ bundles: BUNDLES, ...(pglite !== undefined && { pglite }) });
  await using told = await Told.start();
  const profile = await mkdtemp(join(tmpdir(), "ampsync-chromium-"));
  const page = `${served.url}/?${new URLSearchParams({
    store,
    tell: told.url,
    ...(pglite !== undefined && { fresh: "" }),
    ...(!stores && { unstored: "" }),
  })}`;
  const lost: string[] = [];
  const wrong: string[] = [];
  try {
    for (let kill = 0; kill <= kills; kill++) {
      const before = { stored: told.stored, wrote: told.wrote };
      await using _ = browserAt(profile, page);
      const opened = await told.opens();
      if (opened.position < before.stored) lost.push(`frame ${before.stored}: at ${opened.position}`);
      if (opened.mine < before.wrote) lost.push(`row ${before.wrote}: at ${opened.mine}`);
      if (!fits(opened) || opened.beginning !== "ok") wrong.push(JSON.stringify(opened));
      const wanted = told.stored + dice(1, 10);
      await waitFor(
        `frame ${wanted}`,
        () => told.stored >= wanted || told.error !== null,
        STALL_DEADLINE_MS * 3,
      );
      if (told.error !== null) throw new Error(told.error);
    }
    return { kills, stored: told.stored, lost, wrong };
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function fits({ position, highest, lowest, rows }: Opened): boolean {
  return position === highest && rows === (highest - lowest + 1) * ROWS;
}

/** Ends with SIGKILL. */
function browserAt(profile: string, page: string): AsyncDisposable {
  const quiet = ["--headless", "--no-first-run", "--disable-extensions", "--disable-crash-reporter"];
  const child: ChildProcess = spawn(
    chromiumPath(),
    [...ARGUMENTS, ...quiet, `--user-data-dir=${profile}`, "--remote-debugging-port=0", page],
    { stdio: "ignore", detached: true },
  );
  return {
    async [Symbol.asyncDispose]() {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, "exit") : null;
      // All of its processes are of this group.
      process.kill(-child.pid!, "SIGKILL");
      await ended;
    },
  };
}

/** Hears what pages tell. */
class Told implements AsyncDisposable {
  stored = 0;
  wrote = 0;
  error: string | null = null;
  #opened: Opened | null = null;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      let body = "";
      for await (const part of request) body += part;
      this.#take(JSON.parse(body));
      response.end();
    });
  }

  static async start(): Promise<Told> {
    const told = new Told();
    told.#server.listen(0, "127.0.0.1");
    await once(told.#server, "listening");
    return told;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves with what the next page finds in the store. */
  async opens(): Promise<Opened> {
    this.#opened = null;
    await waitFor(
      "a store to be opened",
      () => this.#opened !== null || this.error !== null,
      STALL_DEADLINE_MS * 3,
    );
    if (this.error !== null) throw new Error(this.error);
    return this.#opened!;
  }

  #take(told: { opened?: Opened; stored?: number; wrote?: number; error?: string }): void {
    if (told.opened) this.#opened = told.opened;
    if (told.stored) this.stored = told.stored;
    if (told.wrote) this.wrote = told.wrote;
    if (told.error) this.error = told.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
