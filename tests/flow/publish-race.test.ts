import { expect, test } from "vitest";

import { dice } from "../support/dice.ts";
import { createLogicalDatabase } from "../support/postgres/logical-database.ts";
import { race, startRacers } from "../support/postgres/publish-race.ts";

test("a row that is written while its table joins the publication is in the table as loaded, or told by WAL", async () => {
  await using db = await createLogicalDatabase();
  const racers = await startRacers(db);
  const throws = dice(14);
  for (let round = 0; round < 20; round++) {
    expect(await race(db, racers, { throws, round })).toMatchObject({ lost: [], refused: [] });
  }
});
