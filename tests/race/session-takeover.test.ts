import { randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { publish, startPass } from "../support/capture/rig.ts";
import { TestGateway } from "../support/delivery/gateway.ts";
import { raceSessions, TODOS } from "../support/delivery/session-race.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";

const db = sharedDatabase();

test("a client that connects to two gateways at once is on one of them, which serves it, and replaced on the other", async () => {
  await db.query(TODOS);
  await publish(db, ["todos"]);
  await using _pass = startPass(db);
  await db.query("select ampsync.create_shape('todos', 'todos', public => true)");
  await using one = await TestGateway.start(db.url);
  await using other = await TestGateway.start(db.url);
  for (const seed of [1, randomInt(1, 1_000_000_000)]) {
    const { differences } = await raceSessions(db, { urls: [one.url, other.url], rounds: 10, seed });
    expect(differences).toEqual([]);
  }
});
