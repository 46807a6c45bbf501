// npm run chaos -- delivery-network 30 --seed 1 --json: a network that cuts all connections every 2 s, delays, truncates and
// lets connections overtake each other, until it was cut so often. Exits 1 if a client differs from the server in the end.
import { GeneratedSource } from "../src/devserver/sources/generated/source.ts";
import { TestGateway } from "../tests/support/delivery/gateway.ts";
import { startLand } from "../tests/support/delivery/land.ts";
import { breakNetwork } from "../tests/support/delivery/network.ts";
import { runChaosOf } from "./chaos-delivery.ts";

const CUT_MS = 2_000;

export async function chaosOfNetworks(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-network", args, 30, async (db, { count, seed, onDone }) => {
    const source = new GeneratedSource({ blocks: 40, logsPerBlock: 3, transactionsPerBlock: 1 });
    await using scenario = await startLand(db, { source });
    await using gateway = await TestGateway.start(scenario.db.url);
    const reorg = () => {
      const depth = 1 + Math.floor(Math.random() * 9);
      source.reorg(depth, depth + 1); // Never shorter: there is to be something to replace until the end.
    };
    const reorgs = setInterval(reorg, 500);
    setTimeout(() => clearInterval(reorgs), count * CUT_MS);
    const shapes = ["todos", "items", "blocks", "logs"].map((shape) => ({ shape }));
    return await breakNetwork(scenario.db, {
      ...{ url: gateway.url, shapes, clients: 4, cutMs: CUT_MS, cuts: count, seed, onDone },
    });
  });
}
