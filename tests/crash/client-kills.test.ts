// Takes 35 s.
import { randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { killClients } from "../support/client/kills.ts";
import { TestGateway } from "../support/delivery/gateway.ts";
import { startLand } from "../support/delivery/land.ts";
import { createDatabase } from "../support/postgres/postgres.ts";

const ITEMS = 4000;
/** Of each of two stores; `npm run chaos -- delivery-client` does a hundred. */
const KILLS = 5;

test("a client killed at a step or at random has its data and its position agree, and goes on loading where it was", async () => {
  await using scenario = await startLand(await createDatabase(), { items: ITEMS });
  const { db } = scenario;
  await using gateway = await TestGateway.start(db.url);
  const shapes = [{ shape: "todos" }, { shape: "items" }];
  for (const seed of [3, randomInt(1, 1_000_000_000)]) {
    const { differences } = await killClients(db, {
      url: gateway.url,
      shapes,
      kills: KILLS,
      seed,
      items: ITEMS,
    });
    expect(differences).toEqual([]);
  }
});
