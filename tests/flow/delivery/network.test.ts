// Takes 13 s.
import { randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { TestGateway } from "../../support/delivery/gateway.ts";
import { startLand } from "../../support/delivery/land.ts";
import { breakNetwork } from "../../support/delivery/network.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";

test("clients behind a network that breaks, delays, truncates and lets connections overtake have everything, each step once", async () => {
  await using scenario = await startLand(await createDatabase());
  await using gateway = await TestGateway.start(scenario.db.url);
  const shapes = [{ shape: "todos" }, { shape: "items" }];
  const options = {
    url: gateway.url,
    clients: 2,
    shapes,
    cutMs: 700,
    cuts: 8,
    seed: randomInt(1, 1_000_000_000),
  };
  const { differences, committed, cuts } = await breakNetwork(scenario.db, options);
  expect(differences).toEqual([]);
  expect(cuts).toBeGreaterThan(7);
  expect(committed).toBeGreaterThan(0);
});
