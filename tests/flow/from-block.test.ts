import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { findings } from "../support/chain/linked-chain.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import { SHORT_TURNS } from "../support/worker/worker-process.ts";

const FIRST = 57;

const scenario = sharedScenario({ maxBlocksPerMicrobatch: 10 }, (made) =>
  made.startFaultyWorker(SHORT_TURNS),
);

/** How many rows of which blocks the tables hold. */
async function held({ schema }: Sync) {
  const { rows } = await scenario.db.query(
    `select 'blocks' as table, count(*)::int as rows, min(_block_num)::int as first, max(_block_num)::int as last
       from ${schema}.blocks
      union all
     select 'logs', count(*)::int, min(_block_num)::int, max(_block_num)::int from ${schema}.logs`,
  );
  return rows;
}

test("a sync with from_block holds the rows from there on, through reorgs, repairs and a resync", async () => {
  const source = new GeneratedSource({ blocks: 90, logsPerBlock: 3 });
  const sync = await scenario.follow(source, ["blocks", "logs"], { from_block: FIRST });
  await sync.catchesUp();
  source.reorg(40, 45); // To block 50: across the first one.
  await sync.catchesUp();
  const expected = [
    { table: "blocks", rows: 95 - FIRST, first: FIRST, last: 94 },
    { table: "logs", rows: 3 * (95 - FIRST), first: FIRST, last: 94 },
  ];
  expect(await held(sync)).toEqual(expected);
  expect(await findings(scenario.db, null, sync.dataset)).toEqual([]);

  await scenario.db.query(`delete from ${sync.schema}.logs where _block_num = ${FIRST + 1}`);
  const [found] = await findings(scenario.db, null, sync.dataset);
  expect(found).toBeDefined();
  await scenario.db.query("select ampsync.repair($1, 'logs', 50, 69)", [sync.dataset]);
  await scenario.until("the repair", async () => (await sync.events("repaired")) === 1);
  expect(await held(sync)).toEqual(expected);
  expect(await findings(scenario.db, null, sync.dataset)).toEqual([]);

  await scenario.db.query("select ampsync.resync($1, from_block => 20)", [sync.dataset]);
  await scenario.until("the resync", async () => (await sync.events("resynced")) === 2);
  source.mine(2);
  await sync.catchesUp();
  expect(await held(sync)).toEqual([
    { table: "blocks", rows: 97 - 20, first: 20, last: 96 },
    { table: "logs", rows: 3 * (97 - 20), first: 20, last: 96 },
  ]);
});
