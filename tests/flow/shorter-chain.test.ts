// Takes 19 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import type { SyncOptions } from "../support/worker/scenario.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

/** The server's chain ends below what is loaded: it starts over, forks to fewer blocks, or lags. */
const scenario = sharedScenario({ maxBlocksPerMicrobatch: 40 });

const TABLES = ["blocks", "logs"];
const chainOf = (blocks: number, seed = 1) => new GeneratedSource({ seed, blocks, logsPerBlock: 2 });

async function synced(source: GeneratedSource, options: SyncOptions = {}): Promise<Sync> {
  const sync = await scenario.follow(source, TABLES, options);
  await sync.catchesUp();
  return sync;
}

/** The server restarts with this chain and knows no other. */
function restart(sync: Sync, source: GeneratedSource): void {
  scenario.misbehaviour.lostOrphans = true;
  scenario.server.publish(sync.version, source);
  scenario.server.disconnectAll();
}

async function untilAll(sync: Sync, what: string, condition: string): Promise<void> {
  await scenario.until(`all tables ${what}`, async () => {
    await scenario.hurry();
    const { rows } = await scenario.db.query(
      `select bool_and(${condition}) as are from ampsync.streams where target like format('%I.%%', $1::text)`,
      [sync.schema],
    );
    return rows[0]!["are"];
  });
}

test("a chain that starts over with fewer blocks needs a decision at once, and says how deep it is", async () => {
  const sync = await synced(chainOf(400));
  const before = await sync.fingerprints();
  restart(sync, chainOf(50, 2));

  await untilAll(sync, "to need a decision", "state = 'failed' and error_code = 'SY102'");
  const { reason, detail, hint, block } = (await sync.stream("blocks"))!;
  expect(reason).toBe("The server replaced 351 blocks, from block 49 on, which needs a decision");
  expect(detail).toMatch(/retention_blocks is 128/);
  expect(block).toBe(399);
  expect(await sync.fingerprints()).toEqual(before);
  expect(hint).toBe(`select ampsync.resync('${sync.label}', 'blocks');`);
});

test("under policy resync it is followed without anybody's help", async () => {
  const sync = await synced(chainOf(400), { on_deep_reorg: "resync" });
  const source = chainOf(50, 2);
  restart(sync, source);
  await untilAll(sync, "at block 49", "state <> 'resyncing' and block = 49");
  await sync.expectFreshLoad(source);
});

test.each([1, 40, 1000])(
  "one that passed the old height before anybody looked needs a decision as well, in microbatches of %d blocks",
  async (blocksPerMicrobatch) => {
    scenario.misbehaviour.blocksPerMicrobatch = blocksPerMicrobatch;
    const sync = await synced(chainOf(400));
    restart(sync, chainOf(450, 2));
    await untilAll(sync, "to need a decision", "state = 'failed' and error_code = 'SY102'");
    expect((await sync.stream("blocks"))!.block).toBe(399);
  },
);

test("blocks that only come again do not count: in one microbatch of all, a fork of 20 blocks needs no decision", async () => {
  scenario.misbehaviour.blocksPerMicrobatch = 1000;
  scenario.misbehaviour.noPrevHash = true; // So that the stream has to step back to the beginning.
  const source = chainOf(400);
  const sync = await synced(source);
  source.reorg(20, 21);
  await sync.catchesUp();
  await sync.expectSourceRows();
});

test("a fork to fewer blocks is followed before it is as high as the old one, from a server that waits for that", async () => {
  const source = chainOf(400);
  const sync = await synced(source);
  scenario.misbehaviour.lostOrphans = true; // Such a server has nothing to say about a cursor above its head.
  source.reorg(30, 10);
  scenario.server.disconnectAll();
  await untilAll(sync, "at block 379", "state = 'live' and block = 379");
  await sync.expectFreshLoad();
});

test("a server that lags is told from one that forked: nothing is removed, and the reason stays until it has caught up", async () => {
  const sync = await synced(chainOf(400));
  const before = await sync.fingerprints();
  const lagging = chainOf(300);
  restart(sync, lagging);
  await untilAll(sync, "to show the lag", "state = 'retrying' and error_code = 'SY107'");
  for (const table of TABLES) {
    const { reason, detail } = (await sync.stream(table))!;
    expect(reason).toBe("the server lags: it holds blocks up to 299, this table up to 399");
    expect(detail).toMatch(/Nothing is removed/);
  }
  expect(await sync.fingerprints()).toEqual(before);
  expect(await sync.events("reorg")).toBe(0);

  lagging.mine(110);
  await sync.catchesUp({ head: lagging.chain.head()! });
  await untilAll(sync, "live", "state = 'live' and reason is null");
  await sync.expectFreshLoad(lagging);
  expect(await sync.events("reorg")).toBe(0);
});

test("of a table without a row in the newest block that both hold, the table of blocks tells that the chain is another", async () => {
  const sync = await scenario.follow(chainOf(400), ["logs"]);
  await sync.catchesUp();
  restart(sync, new GeneratedSource({ seed: 2, blocks: 50, logsPerBlock: 0 }));
  await untilAll(sync, "to need a decision", "state = 'failed' and error_code = 'SY102'");
});

test("where nothing can be compared the lower head is the reason, with the statement that helps", async () => {
  const sync = await scenario.follow(chainOf(400), ["logs"]);
  await sync.catchesUp();
  await scenario.db.query(`delete from ${sync.schema}.logs where _block_num < 20`); // No hash is held of those any more.
  restart(sync, chainOf(10));
  const { state, reason, hint } = await sync.until("the reason", ({ code }) => code === "SY107");
  expect([state, reason]).toEqual(["retrying", "the server holds blocks up to 9 only, this table up to 399"]);
  expect(hint).toContain(`select ampsync.resync('${sync.label}', 'logs');`);
});

test("a server that keeps the old chain until the new one is higher changes over in one step", async () => {
  const source = new GeneratedSource({ blocks: 100, logsPerBlock: 2, keepsHigherChain: true });
  const sync = await synced(source);
  await untilAll(sync, "live", "state = 'live'");
  const { hash } = source.chain.head()!;
  source.reorg(20, 10);
  source.mine(10);
  expect(source.chain.head()!.hash).toBe(hash);
  expect((await sync.stream("blocks"))!.state).toBe("live");
  source.mine(1);
  expect(source.chain.head()!.number).toBe(100n);
  await sync.catchesUp();
  await sync.expectSourceRows();
  expect(await sync.events("reorg")).toBe(TABLES.length);
});
