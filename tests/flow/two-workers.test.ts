// Takes 38 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import { SHORT_TURNS, TEN_SLOTS } from "../support/worker/worker-process.ts";

/** Who holds a lease now, and how many. */
async function holders(scenario: Scenario): Promise<Record<string, number>> {
  const { rows } = await scenario.db.query(
    "select worker, count(*)::int as streams from ampsync.streams where worker is not null group by 1",
  );
  return Object.fromEntries(rows.map((row) => [row["worker"], row["streams"]]));
}

/** Publishes the source under `count` versions, each into a schema of its own; three streams each. */
async function syncOften(scenario: Scenario, count: number): Promise<readonly Sync[]> {
  const syncs: Sync[] = [];
  for (let major = 1; major <= count; major++) {
    scenario.server.publish(`${major}.0.0`);
    syncs.push(await scenario.sync(null, { dataset: `anvil@${major}.0.0`, schema: `chain_${major}` }));
  }
  return syncs;
}

test("of two workers exactly one writes a stream", async () => {
  const source = new GeneratedSource({ blocks: 3_000 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker();
  scenario.startWorker();
  const sync = await scenario.sync(["logs"]);
  // A second job for the same stream, as after a lost result: whoever gets it finds the lease taken.
  await scenario.until("the lease", async () => (await sync.stream())?.isLeased === true);
  const { holder } = (await sync.stream())!;
  await scenario.db.query("select ampsync_private.schedule_stream(stream_id, now()) from ampsync.streams");
  await scenario.until("the second job to be over", async () => {
    const { rows } = await scenario.db.query(
      "select from ampsync.jobs where task = 'ampsync_stream' and state <> 'running'",
    );
    return rows.length === 0;
  });
  source.mine(10);
  source.reorg(4);
  await sync.reaches();
  expect(await sync.stream()).toMatchObject({ epoch: 1, holder });
  await sync.expectFreshLoad();
});

test("more streams than one worker has slots are shared between two, and all stay at the head", async () => {
  const source = new GeneratedSource({ blocks: 200 });
  await using scenario = await Scenario.start({ source });
  scenario.startWorker({ env: TEN_SLOTS });
  scenario.startWorker({ env: TEN_SLOTS });
  // One that begins alone would take more than its share, and give it back.
  await scenario.until("both workers", async () => {
    const { rows } = await scenario.db.query("select from ampsync_private.worker where slots is not null");
    return rows.length === 2;
  });
  const syncs = await syncOften(scenario, 4);
  for (const sync of syncs) await sync.reaches();
  const shares = Object.values(await holders(scenario));
  expect(shares).toHaveLength(2);
  expect(shares[0]! + shares[1]!).toBe(12);

  source.mine(10);
  source.reorg(3);
  for (const sync of syncs) {
    await sync.reaches();
    await sync.expectSourceRows();
  }
  const { rows } = await scenario.db.query("select max(epoch) <= 2 as settled from ampsync_private.lease");
  expect(rows).toEqual([{ settled: true }]); // Who took more than its share first gives a stream up once, at most.
});

test("a second worker gets its share of the streams; then none moves", async () => {
  const source = new GeneratedSource({ blocks: 100 });
  await using scenario = await Scenario.start({ source });
  scenario.startFaultyWorker(SHORT_TURNS);
  const syncs = await syncOften(scenario, 3);
  for (const sync of syncs) await sync.reaches();
  scenario.startFaultyWorker(SHORT_TURNS);
  const isShared = async () => {
    const shares = Object.values(await holders(scenario)).sort();
    return shares.join() === "4,5";
  };
  await scenario.until("both to have their share of nine streams", isShared);

  async function epochs(): Promise<string> {
    const { rows } = await scenario.db.query("select epoch from ampsync_private.lease order by stream_id");
    return rows.map((row) => row["epoch"]).join();
  }
  const settled = await epochs();
  const since = performance.now();
  await scenario.until("20 heartbeats to pass", async () => {
    source.mine();
    return performance.now() - since > 20 * SHORT_TURNS.beatMs;
  });
  for (const sync of syncs) {
    await sync.reaches();
    await sync.expectSourceRows();
  }
  expect(await epochs()).toBe(settled);
});

test("more streams than a worker has slots all progress, by turns", async () => {
  const source = new GeneratedSource({ blocks: 200 });
  await using scenario = await Scenario.start({ source });
  scenario.startFaultyWorker({ ...SHORT_TURNS, env: TEN_SLOTS });
  const syncs = await syncOften(scenario, 4);
  for (const sync of syncs) await sync.reaches({ deadlineMs: 25_000 });
  const areTaken = async () => Object.values(await holders(scenario)).join() === "10";
  await scenario.until("all slots to be taken", areTaken);

  source.mine(5);
  for (const sync of syncs) await sync.reaches({ deadlineMs: 25_000 });
  for (const sync of syncs) await sync.expectSourceRows();
});
