import { setTimeout as pause } from "node:timers/promises";

import { Reads } from "../db/reads.ts";
import { startDevServer } from "../devserver/server.ts";
import { type DemoChain, startDemoChain } from "./demo-chain.ts";
import { chainPicture, DemoScreen } from "./demo-screen.ts";
import { CATCH_UP_DEADLINE_MS, type DemoOptions, DemoStage, untilEqual } from "./demo-stage.ts";
import { differences } from "./demo-verify.ts";

const MINE_EVERY_MS = 700;
const REORG_DEPTH = 6;

/** Runs the whole product on this machine. Resolves to the exit code: 0 if the tables equal the chain. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { once: isUnattended, isTerminal, print, signal } = options;
  await using stack = new AsyncDisposableStack();
  const stage = await DemoStage.open(stack, options);
  const { pool, url } = stage;

  print("Starting a chain and mining its first blocks …");
  const chain = await startDemoChain();
  stack.defer(() => chain.stop());
  print(`  ${chain.title}`);
  const amp = await startDevServer({ source: chain.source });
  stack.defer(() => amp.stop());
  print(`  development Amp server: Flight ${amp.flightAddress}, Admin API ${amp.adminAddress}`);

  await stage.startWorker({ AMP_FLIGHT_ADDR: amp.flightAddress, AMP_ADMIN_API_ADDR: amp.adminAddress });

  print("demo=# select ampsync.enqueue_sync('anvil');\n");
  await pool.query("select ampsync.enqueue_sync('anvil')");

  const screen = new DemoScreen(chainPicture(new Reads(pool)), print, isTerminal);
  stack.defer(() => screen.stop());
  screen.start();

  try {
    await mineFor(chain, 6_000, signal);
    await chain.reorg(REORG_DEPTH);
    print(`The chain replaces its last ${REORG_DEPTH} blocks.\n`);
    await mineFor(chain, 3_000, signal);
    const different = await untilEqual(() => differences(pool, chain), signal);
    await screen.stop();
    const height = (await chain.blocks()).length;
    if (different.length > 0) {
      print(`NOT EQUAL after ${CATCH_UP_DEADLINE_MS / 1000} s:\n  ${different.slice(0, 10).join("\n  ")}`);
      return 1;
    }
    print(
      `Equal: anvil.blocks, anvil.logs and anvil.transactions hold exactly the ${height} blocks of the chain.\n`,
    );
    if (!isUnattended) {
      print(invitation(url));
      print("The chain goes on. Stop with Ctrl-C.\n");
      screen.start();
      await mineFor(chain, Number.POSITIVE_INFINITY, signal);
    }
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    await screen.stop();
    print("\nStopping …");
    return isUnattended ? 1 : 0;
  }
}

async function mineFor(chain: DemoChain, ms: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await chain.mine();
    await pause(MINE_EVERY_MS, undefined, { signal });
  }
}

function invitation(url: string): string {
  return `See for yourself:

  psql '${url}'

  select * from ampsync.streams;
  select * from ampsync.status;
  select event, table_name, details from ampsync.events order by event_id desc limit 10;
  select _block_num, encode(hash, 'hex') as hash, gas_used from anvil.blocks order by _block_num desc limit 5;
  select b._block_num, count(*) from anvil.blocks b join anvil.logs l on l.block_hash = b.hash group by 1 order by 1 desc limit 5;
`;
}
