// Takes 10 s.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { tableFromIPC } from "apache-arrow";
import { describe, test } from "vitest";

import { RecordedSource } from "../../src/devserver/sources/recorded.ts";
import { rowsOfArrow } from "../support/arrow/arrow-rows.ts";
import { EVM_TABLES } from "../support/chain/evm-tables.ts";
import { expectRows, readTarget } from "../support/postgres/tables.ts";
import { Scenario } from "../support/worker/scenario.ts";

const dataFolder = process.env["AMPSYNC_TEST_DATA"];

describe.skipIf(dataFolder === undefined)("real blocks (AMPSYNC_TEST_DATA names their folder)", () => {
  const folder = join(dataFolder ?? "", "evm");

  test.each([
    ["mainnet_15000000", 1000],
    ["base_33411770", 1000],
    ["base_1962302-1962305", 1],
  ])("%s reads back cell by cell as it was recorded", async (set, maxBlocksPerMicrobatch) => {
    await using scenario = await Scenario.start({
      source: new RecordedSource(folder, set),
      maxBlocksPerMicrobatch,
    });
    scenario.startWorker();
    const sync = await scenario.sync();
    await sync.reaches();

    for (const table of EVM_TABLES) {
      const recorded = tableFromIPC(readFileSync(join(folder, `${set}.${table}.arrows`)));
      expectRows(await readTarget(scenario.db, sync.schema, table), rowsOfArrow([recorded]), table);
    }
  });
});
