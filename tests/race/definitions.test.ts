// Takes 16 s.
import { randomInt } from "node:crypto";

import { expect, test } from "vitest";

import { publish, startPass } from "../support/capture/rig.ts";
import { startDeafGateway } from "../support/delivery/deaf-gateway.ts";
import { NOTES, raceDefinitions } from "../support/delivery/definition-race.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";

const db = sharedDatabase();

test("a filter that is narrowed under a gateway that hears nothing of it: no row behind it is sent by the old one", async () => {
  await db.query(NOTES);
  await publish(db, ["notes"]);
  await using _pass = startPass(db);
  await using gateway = await startDeafGateway(db.url);
  for (const seed of [2, randomInt(1, 1_000_000_000)]) {
    const { differences } = await raceDefinitions(db, { url: gateway.url, rounds: 3, seed });
    expect(differences).toEqual([]);
  }
}, 60_000);
