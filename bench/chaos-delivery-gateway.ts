// npm run chaos -- delivery-gateway 50 --seed 1 --json: one of two gateways is killed with -9 so many times under load;
// each tenth time it is frozen for 40 s instead. Exits 1 if a client differs from the server in the end.
import { GeneratedSource } from "../src/devserver/sources/generated/source.ts";
import { killGateways } from "../tests/support/delivery/gateway-kills.ts";
import { startLand } from "../tests/support/delivery/land.ts";
import { reorg, runChaosOf } from "./chaos-delivery.ts";

export async function chaosOfGateways(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-gateway", args, 50, async (db, { count, seed, onDone }) => {
    const source = new GeneratedSource({ blocks: 40, logsPerBlock: 3, transactionsPerBlock: 1 });
    await using scenario = await startLand(db, { source });
    const reorgs = setInterval(() => reorg(source), 500);
    try {
      const shapes = ["todos", "items", "blocks", "logs"].map((shape) => ({ shape }));
      const freeze = { each: 10, ms: 40_000 };
      const onKill = (n: number) => {
        onDone(n);
        if (n === count - 1) clearInterval(reorgs);
      };
      return await killGateways(scenario.db, { kills: count, clients: 4, shapes, seed, freeze, onKill });
    } finally {
      clearInterval(reorgs);
    }
  });
}
