// npm run chaos -- delivery-tenants 50 --seed 1 --json: tables, shapes, claims, wishes and writes at random, so many times.
// Exits 1 if a row of another tenant reached a client.
import { publish, startPass } from "../tests/support/capture/rig.ts";
import { TestGateway } from "../tests/support/delivery/gateway.ts";
import { startSnapshots } from "../tests/support/delivery/snapshots.ts";
import { createTenantTables, fuzzTenants } from "../tests/support/delivery/tenants.ts";
import { runChaosOf } from "./chaos-delivery.ts";

export async function chaosOfTenants(args: readonly string[]): Promise<void> {
  await runChaosOf("delivery-tenants", args, 50, async (db, { count, seed, onDone }) => {
    await publish(db, await createTenantTables(db));
    await using _pass = startPass(db);
    await using _snapshots = await startSnapshots(db);
    await using one = await TestGateway.start(db.url);
    await using other = await TestGateway.start(db.url);
    return await fuzzTenants(db, { urls: [one.url, other.url], cases: count, seed, onDone });
  });
}
