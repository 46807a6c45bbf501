// npm run chaos -- delivery-client 100 --seed 1 --json: so many kills -9 of a Node client, at each of its steps and at
// random. Exits 1 if a store's data and its position do not agree, a frame that was acknowledged is missing, or a chunk
// that was staged is fetched again.
import { killClients } from "../tests/support/client/kills.ts";
import { TestGateway } from "../tests/support/delivery/gateway.ts";
import { startLand } from "../tests/support/delivery/land.ts";
import { runChaosOf } from "./chaos-delivery.ts";

const ITEMS = 6000;

export async function chaosOfDeliveryClients(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-client", args, 100, async (db, { count, seed, onDone }) => {
    await using scenario = await startLand(db, { items: ITEMS });
    await using gateway = await TestGateway.start(scenario.db.url);
    const shapes = [{ shape: "todos" }, { shape: "items" }];
    const options = { url: gateway.url, shapes, kills: count, seed, items: ITEMS, onKill: onDone };
    return await killClients(scenario.db, options);
  });
}
