import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { findBrowser } from "../demo/browser.ts";
import { setScene } from "../demo/scene.ts";
import { visit } from "../demo/visit.ts";
import { startWebDemo } from "../demo/web-demo.ts";
import { startDevServer } from "../devserver/server.ts";
import { AmpsyncError } from "../errors.ts";
import { type DemoChain, startDemoChain } from "./demo-chain.ts";
import { type DemoOptions, DemoStage } from "./demo-stage.ts";

const MINE_EVERY_MS = 1_500;
/** No block comes meanwhile: by then windows have all that are replaced. */
const BEFORE_REORG_MS = 700;
const SCHEMA = "anvil";

/** The whole product, from a chain to a page that windows share. Resolves to the exit code. */
export async function runWebDemo(options: DemoOptions): Promise<number> {
  const { once: isUnattended, print, signal } = options;
  const folders = { page: fileURLToPath(new URL("../demo-page", import.meta.url)), pglite: pgliteFolder() };
  // Before anything is started in vain.
  const browser = isUnattended ? await findBrowser(options.env["PATH"] ?? "") : null;
  await using stack = new AsyncDisposableStack();
  try {
    const stage = await DemoStage.open(stack, options);
    const { pool } = stage;
    print("Starting a chain and mining its first blocks …");
    const chain = await startDemoChain();
    stack.defer(() => chain.stop());
    print(`  ${chain.title}`);
    const amp = await startDevServer({ source: chain.source });
    stack.defer(() => amp.stop());
    await stage.startWorker({ AMP_FLIGHT_ADDR: amp.flightAddress, AMP_ADMIN_API_ADDR: amp.adminAddress });

    print("demo=# select ampsync.enqueue_sync('anvil');\n");
    await pool.query("select ampsync.enqueue_sync('anvil')");
    print("Loading the chain, and publishing what the page shows …");
    await setScene(pool, SCHEMA, signal);

    print("Starting two gateways and what distributes clients among them …");
    const turns = new Turns();
    const url = await startWebDemo(stack, {
      pool,
      folders,
      schema: SCHEMA,
      psql: await stage.psqlCommand(),
      reorg: (depth) =>
        turns.take(async () => {
          await pause(BEFORE_REORG_MS);
          await chain.reorg(depth);
        }),
      ...(await stage.gatewayProgram()),
    });
    stack.use(mining(chain, turns));
    if (browser !== null) return await visit({ url, browser, pool, schema: SCHEMA, print, signal });
    print(`\nThe page is at ${url}: open it in two windows. Stop with Ctrl-C.\n`);
    await pause(2 ** 31 - 1, undefined, { signal });
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    print("\nStopping …");
    return isUnattended ? 1 : 0;
  }
}

/** A chain does one thing after the other. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take(step: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(step);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/** Blocks come until it is disposed of. */
function mining(chain: DemoChain, turns: Turns): AsyncDisposable {
  const ended = new AbortController();
  const { signal } = ended;
  const run = async () => {
    while (!signal.aborted) {
      await turns.take(() => chain.mine());
      await pause(MINE_EVERY_MS, undefined, { signal }).catch(() => {});
    }
  };
  const done = run();
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      await done.catch(() => {}); // A chain that is gone is seen in the page.
    },
  };
}

/** The page loads PGlite as it was published. */
function pgliteFolder(): string {
  try {
    return fileURLToPath(new URL(".", import.meta.resolve("@electric-sql/pglite")));
  } catch (cause) {
    throw new AmpsyncError("SY902", "the page needs PGlite, which is not installed", {
      hint: "npm install @electric-sql/pglite",
      cause,
    });
  }
}
