// Takes 21 s.
import { randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { killGateways } from "../support/delivery/gateway-kills.ts";
import { startLand } from "../support/delivery/land.ts";
import { createDatabase } from "../support/postgres/postgres.ts";

test("clients of two gateways, one of which is killed under load, again and again, have everything in the end", async () => {
  await using scenario = await startLand(await createDatabase());
  const shapes = [{ shape: "todos" }, { shape: "items" }];
  const seed = randomInt(1, 1_000_000_000);
  const { differences, committed } = await killGateways(scenario.db, { kills: 5, clients: 2, shapes, seed });
  expect(differences).toEqual([]);
  expect(committed).toBeGreaterThan(0);
});
