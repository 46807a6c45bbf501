// npm run chaos -- publish 200 --seed 1 --json: so many tables that are published while others write and read them.
// Exits 1 if a row is lost, a statement refused, or a reader waits longer than 400 ms.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { dice } from "../tests/support/dice.ts";
import { createLogicalDatabase } from "../tests/support/postgres/logical-database.ts";
import { race, startRacers } from "../tests/support/postgres/publish-race.ts";
import { print } from "./print.ts";

/** An attempt to lock takes 300 ms. */
const READER_WAITS_MS = 400;

export async function chaosOfPublishing(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seed: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const rounds = Number(positionals[0] ?? "200");
  const seed = Number(values.seed ?? randomInt(1, 1_000_000_000));
  await using db = await createLogicalDatabase();
  const racers = await startRacers(db);
  const throws = dice(seed);
  let lost = 0;
  let refused = 0;
  let longest = 0;
  for (let round = 0; round < rounds; round++) {
    const outcome = await race(db, racers, { throws, round });
    lost += outcome.lost.length;
    refused += outcome.refused.length;
    longest = Math.max(longest, Math.round(outcome.longestWaitMs));
    for (const fault of [...outcome.lost, ...outcome.refused]) console.error(`round ${round}: ${fault}`);
  }
  print("chaos publish", { cases: [{ rounds, lost, refused, longest_wait_ms: longest, seed }] }, values.json);
  process.exitCode = lost + refused === 0 && longest <= READER_WAITS_MS ? 0 : 1;
}
