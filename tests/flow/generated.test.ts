// Takes 39 s.
import { describe, expect, test } from "vitest";

import type { Misbehaviour } from "../../src/devserver/misbehaviour.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { EVM_TABLES } from "../support/chain/evm-tables.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import { KnownChain } from "../support/watch/known-chain.ts";
import { Reader } from "../support/watch/reader.ts";
import { freshLoad } from "../support/worker/fresh-load.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const PER_BLOCK = { blocks: 1, logs: 4, transactions: 2 };

const scenario = sharedScenario({ maxBlocksPerMicrobatch: 30 });

function chainOf(blocks: number): GeneratedSource {
  return new GeneratedSource({
    blocks,
    logsPerBlock: PER_BLOCK.logs,
    transactionsPerBlock: PER_BLOCK.transactions,
  });
}

async function synced(source: GeneratedSource, faults: Partial<Misbehaviour> = {}): Promise<Sync> {
  Object.assign(scenario.misbehaviour, faults);
  const sync = await scenario.follow(source, EVM_TABLES);
  await sync.catchesUp();
  return sync;
}

test("backfill, live blocks and reorgs of every kind leave what a fresh load of the last chain gives", async () => {
  const source = chainOf(200);
  const known = new KnownChain();
  known.remember(source.chain, PER_BLOCK);
  const sync = await synced(source);
  await sync.untilAll("live");
  const reader = await Reader.start(scenario.db, sync.schema);

  async function step(change: () => void): Promise<void> {
    change();
    known.remember(source.chain, PER_BLOCK);
    await sync.catchesUp();
    await sync.expectSourceRows();
  }
  await step(() => source.mine());
  await step(() => source.mine(7));
  await step(() => source.reorg(1)); // A block that is a microbatch of its own.
  await step(() => source.reorg(3)); // Inside a stored microbatch …
  await step(() => source.reorg(45, 50)); // … and over the borders of many.
  await step(() => source.reorg(10, 4)); // The chain gets shorter.
  await step(() => source.mine(20));
  await step(() => {
    source.reorg(5); // Two at once: only the last one can be seen.
    source.reorg(12, 13);
  });
  await step(() => source.mine());

  await reader.stop();
  expect(reader.faults(known, source.chain.head()!.hash)).toEqual([]);
  await sync.expectFreshLoad();
});

const MISBEHAVIOURS: readonly (readonly [string, Partial<Misbehaviour>])[] = [
  ["stores no orphans", { lostOrphans: true }],
  ["names no parent hashes", { noPrevHash: true }],
  ["stores no orphans and names no parent hashes", { lostOrphans: true, noPrevHash: true }],
  ["tells no block times", { noTimestamp: true }],
  ["sends keep-alives", { keepAlives: 3 }],
  ["sends its schema late", { lateSchema: true }],
  ["ends streams at the head", { endAtHead: true }],
  ["sends one block a microbatch", { blocksPerMicrobatch: 1 }],
];

describe(`a server that misbehaves (${CASES})`, () => {
  test.each(someCases(MISBEHAVIOURS))(
    "and %s leaves the tables equal all the same",
    async (_, misbehaviour) => {
      const source = chainOf(100);
      const sync = await synced(source, misbehaviour);

      source.mine(5);
      await sync.catchesUp();
      source.reorg(2); // Inside the microbatch of five, except where each block is one.
      await sync.catchesUp();
      scenario.server.disconnectAll();
      source.reorg(40, 41); // Seen on connecting again.
      await sync.catchesUp();
      await sync.expectSourceRows();
      expect(await sync.events("reorg")).toBeGreaterThanOrEqual(6);
    },
  );
});

test("without stored orphans the stream steps back until the server agrees", async () => {
  const source = chainOf(100);
  const sync = await synced(source, { lostOrphans: true });
  for (let i = 0; i < 8; i++) {
    source.mine();
    await sync.catchesUp();
  }
  source.reorg(8);
  await sync.catchesUp();
  expect(await sync.events("reorg_pending")).toBeGreaterThanOrEqual(3);
  await sync.expectFreshLoad();
});

test("a resume header that is lost once costs a connection, one that is always lost stops the stream untouched", async () => {
  const source = chainOf(100);
  const sync = await scenario.follow(source, ["logs"]);
  await sync.catchesUp();

  scenario.misbehaviour.dropResumeHeader = true;
  scenario.server.disconnectAll();
  await scenario.until("the header to be missed", async () => {
    await scenario.hurry();
    return scenario.worker.hasSaid("cursor_ignored");
  });
  scenario.misbehaviour.dropResumeHeader = false;
  source.reorg(3);
  source.mine(3);
  await sync.catchesUp();
  const loaded = await sync.fingerprints();
  expect(loaded).toEqual(await freshLoad(source, ["logs"]));

  scenario.misbehaviour.dropResumeHeader = true;
  scenario.server.disconnectAll();
  const { code, hint } = await sync.until("the stream to stop", async ({ state }) => {
    await scenario.hurry();
    return state === "failed";
  });
  expect([code, hint]).toEqual(["SY102", expect.stringContaining("ampsync.")]);
  expect(await sync.fingerprints()).toEqual(loaded);
});

test("streams that break off in mid-backfill go on at their checkpoints", async () => {
  const source = chainOf(1_000);
  scenario.misbehaviour.delayMs = 5; // Else all is here before it can be cut off.
  const sync = await scenario.follow(source, EVM_TABLES);
  for (let cut = 0; cut < 2; cut++) {
    await scenario.until("all streams to be cut off", async () => {
      if ((await sync.events("stream_error")) >= 3 * cut) return true;
      scenario.server.disconnectAll(); // One that was just connecting anew has missed it.
      return false;
    });
    const before = await lowestBlock(sync);
    await scenario.until("some blocks of each table", async () => {
      await scenario.hurry();
      return scenario.server.openStreams >= 3 && (await lowestBlock(sync)) > before;
    });
    expect(await lowestBlock(sync)).toBeLessThan(Number(source.chain.head()!.number));
    scenario.server.disconnectAll();
    source.mine(1_000);
  }
  await scenario.until("all streams to be cut off again", async () => {
    if ((await sync.events("stream_error")) >= 6) return true;
    scenario.server.disconnectAll(); // One that was just connecting anew has missed it.
    return false;
  });
  scenario.misbehaviour.delayMs = 0;
  await sync.catchesUp();
  await sync.expectFreshLoad();
});

/** Where the last of the three tables stands; -1 before all have begun. */
async function lowestBlock({ schema }: Sync): Promise<number> {
  const { rows } = await scenario.db.query(
    `select coalesce(min(coalesce(block, -1)), -1)::int as block
       from ampsync.streams where target like format('%I.%%', $1::text)`,
    [schema],
  );
  return rows[0]!["block"];
}

test("a server that comes back with another chain on the same port is followed again", async () => {
  const source = chainOf(100);
  await using scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 30 });
  scenario.startWorker();
  const sync = await scenario.sync();
  await sync.reaches();
  await scenario.restartServer(() => {
    source.reorg(35, 36);
    source.mine(10);
  });
  await sync.catchesUp();
  await sync.expectSourceRows();
  await scenario.restartServer(() => source.mine(10));
  await sync.catchesUp();
  await sync.expectFreshLoad();
});
