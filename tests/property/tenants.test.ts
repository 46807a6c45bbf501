// Takes 17 s.
import { randomInt } from "node:crypto";

import { expect, test } from "vitest";
import { publish, startPass } from "../support/capture/rig.ts";
import { TestGateway } from "../support/delivery/gateway.ts";
import { startSnapshots } from "../support/delivery/snapshots.ts";
import { createTenantTables, fuzzTenants } from "../support/delivery/tenants.ts";
import { createDatabase } from "../support/postgres/postgres.ts";

test("no row of another tenant reaches a client, whatever shapes, claims, wishes and writes there are", async () => {
  await using db = await createDatabase();
  await publish(db, await createTenantTables(db));
  await using _pass = startPass(db);
  await using _snapshots = await startSnapshots(db);
  await using gateway = await TestGateway.start(db.url);
  for (const seed of [4, randomInt(1, 1_000_000_000)]) {
    const { differences, seen, refused } = await fuzzTenants(db, { urls: [gateway.url], cases: 5, seed });
    expect(differences).toEqual([]);
    expect(seen).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  }
}, 90_000);
