// npm run chaos -- delivery-hydration 30 --seed 1 --json: so many clients load, five at once, under 8 writers and reorgs.
// Exits 1 if one of them differs from the server once all is quiet.
import { GeneratedSource } from "../src/devserver/sources/generated/source.ts";
import { TestGateway } from "../tests/support/delivery/gateway.ts";
import { hydrate } from "../tests/support/delivery/hydrations.ts";
import { startLand } from "../tests/support/delivery/land.ts";
import { reorg, runChaosOf } from "./chaos-delivery.ts";

const ITEMS = 4000;

export async function chaosOfHydrations(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-hydration", args, 30, async (db, { count, seed, onDone }) => {
    const source = new GeneratedSource({ blocks: 800, logsPerBlock: 3, transactionsPerBlock: 1 });
    await using scenario = await startLand(db, { source, items: ITEMS });
    await using gateway = await TestGateway.start(scenario.db.url);
    const shapes = ["todos", "items", "blocks", "logs"].map((shape) => ({ shape }));
    const reorgs = () => {
      const timer = setInterval(() => reorg(source), 500);
      return () => clearInterval(timer);
    };
    const options = { url: gateway.url, hydrations: count, items: ITEMS, seed, shapes, reorgs, onDone };
    return await hydrate(scenario.db, options);
  });
}
