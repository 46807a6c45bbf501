// Takes 42 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { ChainWatch } from "../support/watch/chain-watch.ts";
import { Scenario } from "../support/worker/scenario.ts";

const LOGS_PER_BLOCK = 1_500;
const TABLES = ["logs"] as const;
/** Together about 20 MB of logs. */
const DEPTH = 50;
/** One kept from the last replacement, in case the next one goes deeper. */
const BLOCKS = DEPTH + 10;

test.each([
  ["in one microbatch", { blocksPerMicrobatch: 100 }],
  ["in many microbatches, each given up once", { blocksPerMicrobatch: 7, interrupts: true }],
])("a reorg of 20 MB of rows that comes %s is one step for readers", async (_, misbehaviour) => {
  const source = new GeneratedSource({ blocks: BLOCKS, logsPerBlock: LOGS_PER_BLOCK });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  const sync = await scenario.sync(TABLES);
  await sync.reaches();
  Object.assign(scenario.misbehaviour, misbehaviour);

  const client = await scenario.db.client();
  {
    await using watch = new ChainWatch(client, "chain", source, { logs: LOGS_PER_BLOCK });
    watch.remember();
    watch.poll();
    source.reorg(DEPTH, DEPTH + 1);
    watch.remember();
    await sync.reaches();
    await watch.look();
    expect(watch.faults).toEqual([]);
  }
  expect(await scenario.events("stream_error")).toBe(0);
  expect(await scenario.events("reorg")).toBe(1);
  const { rows: findings } = await scenario.db.query("select * from ampsync.verify('_/anvil')");
  expect(findings).toEqual([]);
  await sync.expectFreshLoad();
});
