// Takes 15 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { type IndexRow, shownIndexes } from "../support/postgres/indexes.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import { SHORT_TURNS } from "../support/worker/worker-process.ts";

/** The first queries of a reader; nobody has analyzed the table yet. */
const SERVED = [
  "select * from chain.logs order by _block_num desc limit 10",
  "select max(_block_num) from chain.logs",
  "select * from chain.logs where _block_num between 1000 and 1010",
];

async function untilValid(scenario: Scenario, count: number): Promise<void> {
  let shown: readonly IndexRow[] = [];
  try {
    await scenario.until(`${count} valid indexes`, async () => {
      await scenario.wakeSupervisor();
      await scenario.hurry();
      shown = await shownIndexes(scenario.db);
      return shown.length === count && shown.every((row) => row.state === "valid");
    });
  } catch (error) {
    throw new Error(JSON.stringify(shown), { cause: error });
  }
}

/** Backends of the index builder that run a CREATE INDEX CONCURRENTLY whose index is in the catalogue. */
async function builders(scenario: Scenario): Promise<readonly number[]> {
  const { rows } = await scenario.db.query(
    `select a.pid from pg_stat_activity a
      where a.application_name = 'ampsync index' and a.state = 'active' and a.query like 'create index%'
        and a.datname = current_database()
        and exists (select from pg_index i where i.indrelid = to_regclass('chain.logs') and not i.indisvalid)`,
  );
  return rows.map((row) => row["pid"]);
}

/** An open snapshot keeps a build waiting; what happens meanwhile happens in the middle of it. */
async function whileBuilding(scenario: Scenario, sync: Sync, meanwhile: (pid: number) => Promise<void>) {
  const reader = await scenario.db.client();
  await reader.query("begin isolation level repeatable read");
  await reader.query("select 1 from pg_class limit 1");
  await sync.catchesUp();
  let pid: number | undefined;
  await scenario.until("a build that waits for a reader", async () => {
    [pid] = await builders(scenario);
    return pid !== undefined;
  });
  await meanwhile(pid!);
  await reader.query("commit");
  await reader.end();
}

test("indexes are there once the backfill is over, and serve the queries they are for", async () => {
  const source = new GeneratedSource({ blocks: 2_000 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const sync = await scenario.sync(["logs"], { block_index: "btree" });
  await scenario.db.query(
    `select ampsync.enqueue_sync('anvil', indexes => '{"logs": [["address", "_block_num desc"]]}')`,
  );
  await sync.catchesUp();
  await untilValid(scenario, 3);
  for (const query of SERVED) {
    const { rows } = await scenario.db.query(`explain ${query}`);
    expect(rows.map((row) => row["QUERY PLAN"]).join("\n")).toContain("logs__block_num_idx");
  }
  source.reorg(4);
  await sync.reaches();
  await sync.expectSourceRows();
});

test("the stream does not wait for a build, and one that is interrupted is done again", async () => {
  const source = new GeneratedSource({ blocks: 60 });
  await using scenario = await Scenario.start({ source });
  scenario.startFaultyWorker(SHORT_TURNS);
  const sync = await scenario.sync(["logs"], { block_index: "btree" });
  await whileBuilding(scenario, sync, async (pid) => {
    expect(await shownIndexes(scenario.db)).toMatchObject([{ state: "building" }, { state: "waiting" }]);
    source.mine(10);
    source.reorg(4);
    await sync.reaches();
    await scenario.db.query("select pg_terminate_backend($1)", [pid]);
    await scenario.until("an invalid index", async () => (await builders(scenario)).length === 0);
  });
  await untilValid(scenario, 2);
  const { rows } = await scenario.db.query(
    "select indexrelid::regclass::text as name, indisvalid as valid from pg_index where indrelid = 'chain.logs'::regclass order by 1",
  );
  expect(rows).toEqual([
    { name: "chain.logs__block_num_idx", valid: true },
    { name: "chain.logs_block_num_idx", valid: true }, // A column of the dataset.
    { name: "chain.logs_pkey", valid: true },
  ]);
  await sync.expectSourceRows();
});

test("a build whose worker is killed is finished by the server, and another worker finds it", async () => {
  const source = new GeneratedSource({ blocks: 60 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const sync = await scenario.sync(["logs"], { block_index: "btree" });
  await whileBuilding(scenario, sync, async () => {
    await scenario.killWorker();
    scenario.startWorker();
    source.mine(10);
    await sync.catchesUp();
    expect(await shownIndexes(scenario.db)).toMatchObject([{ state: "building" }, { state: "waiting" }]);
  });
  await untilValid(scenario, 2);
  await sync.expectSourceRows();
});
