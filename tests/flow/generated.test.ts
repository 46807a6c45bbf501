import { describe, expect, test } from "vitest";

import type { Faults } from "../../src/devserver/faults.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { expectSourceRows, fingerprints, freshLoad } from "../support/generated.ts";
import type { KnownBlock } from "../support/reader.ts";
import { Reader } from "../support/reader.ts";
import { Scenario } from "../support/scenario.ts";

const PER_BLOCK = { blocks: 1, logs: 4, transactions: 2 };

function chainOf(blocks: number): GeneratedSource {
  return new GeneratedSource({
    blocks,
    logsPerBlock: PER_BLOCK.logs,
    transactionsPerBlock: PER_BLOCK.transactions,
  });
}

async function synced(source: GeneratedSource, faults: Partial<Faults> = {}): Promise<Scenario> {
  const scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 30 });
  Object.assign(scenario.server.faults, faults);
  scenario.startWorker();
  await scenario.sync("anvil", "chain");
  await scenario.reaches("chain", 3);
  return scenario;
}

function remember(source: GeneratedSource, known: Map<string, KnownBlock>): void {
  for (let number = 0n; ; number++) {
    const block = source.chain.canonical(number);
    if (block === null) return;
    known.set(block.hash, { ...block, rows: PER_BLOCK });
  }
}

test("backfill, live blocks and reorgs of every kind leave what a fresh load of the last chain gives", async () => {
  const source = chainOf(400);
  const known = new Map<string, KnownBlock>();
  remember(source, known);
  await using scenario = await synced(source);
  await scenario.until("all streams live", async () =>
    Object.values(await scenario.states("chain")).every((state) => state === "live"),
  );
  const reader = await Reader.start(scenario.db, "chain");

  async function step(change: () => void): Promise<void> {
    change();
    remember(source, known);
    await scenario.reaches("chain", 3);
    await expectSourceRows(scenario.db, "chain", source);
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
  expect(reader.faults(known)).toEqual([]);
  expect(await fingerprints(scenario.db, "chain")).toEqual(await freshLoad(source));
});

describe("a server that misbehaves", () => {
  test.each<[string, Partial<Faults>]>([
    ["stores no orphans", { lostOrphans: true }],
    ["names no parent hashes", { noPrevHash: true }],
    ["stores no orphans and names no parent hashes", { lostOrphans: true, noPrevHash: true }],
    ["tells no block times", { noTimestamp: true }],
    ["sends keep-alives", { keepAlives: 3 }],
    ["sends its schema late", { lateSchema: true }],
    ["ends streams at the head", { endAtHead: true }],
    ["sends one block a microbatch", { blocksPerMicrobatch: 1 }],
  ])("and %s leaves the tables equal all the same", async (_, faults) => {
    const source = chainOf(100);
    await using scenario = await synced(source, faults);

    source.mine(5);
    await scenario.reaches("chain", 3);
    source.reorg(2); // Inside the microbatch of five, except where each block is one.
    await scenario.reaches("chain", 3);
    scenario.server.disconnectAll();
    source.reorg(40, 41); // Seen on connecting again.
    await scenario.reaches("chain", 3);
    await expectSourceRows(scenario.db, "chain", source);
    expect(await scenario.events("reorg")).toBeGreaterThanOrEqual(6);
  });
});

test("without stored orphans the stream steps back until the server agrees", async () => {
  const source = chainOf(100);
  await using scenario = await synced(source, { lostOrphans: true });
  for (let i = 0; i < 8; i++) {
    source.mine();
    await scenario.reaches("chain", 3);
  }
  source.reorg(8);
  await scenario.reaches("chain", 3);
  expect(await scenario.events("reorg_pending")).toBeGreaterThanOrEqual(3);
  expect(await fingerprints(scenario.db, "chain")).toEqual(await freshLoad(source));
});

test("a resume header that is lost once costs a connection, one that is always lost stops the stream untouched", async () => {
  const source = chainOf(100);
  await using scenario = await Scenario.start({ source });
  const worker = scenario.startWorker();
  await scenario.sync("anvil", "chain", ["logs"]);
  await scenario.reaches("chain", 1);

  scenario.server.faults.dropResumeHeader = true;
  scenario.server.disconnectAll();
  await scenario.until("the header to be missed", async () => worker.hasSaid("cursor_ignored"));
  scenario.server.faults.dropResumeHeader = false;
  source.reorg(3);
  source.mine(3);
  await scenario.reaches("chain", 1);
  const loaded = await fingerprints(scenario.db, "chain", ["logs"]);
  expect(loaded).toEqual(await freshLoad(source, ["logs"]));

  scenario.server.faults.dropResumeHeader = true;
  scenario.server.disconnectAll();
  await scenario.until(
    "the stream to stop",
    async () => (await scenario.states("chain"))["logs"] === "failed",
  );
  const { rows } = await scenario.db.query("select error_code, hint from ampsync.streams");
  expect(rows).toEqual([{ error_code: "SY102", hint: expect.stringContaining("ampsync.") }]);
  expect(await fingerprints(scenario.db, "chain", ["logs"])).toEqual(loaded);
});

test("streams that break off in mid-backfill go on at their checkpoints", async () => {
  const source = chainOf(4_000);
  await using scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 50 });
  scenario.startWorker();
  await scenario.sync("anvil", "chain");
  for (let cut = 0; cut < 2; cut++) {
    const before = await lowestBlock(scenario);
    await scenario.until(
      "some blocks of each table",
      async () => scenario.server.openStreams >= 3 && (await lowestBlock(scenario)) > before,
    );
    expect(await lowestBlock(scenario)).toBeLessThan(Number(source.chain.head()!.number));
    scenario.server.disconnectAll();
    source.mine(4_000);
  }
  await scenario.reaches("chain", 3);
  expect(await scenario.events("stream_error")).toBeGreaterThan(3); // Of each table, and once more.
  expect(await fingerprints(scenario.db, "chain")).toEqual(await freshLoad(source));
});

/** Where the last of the three tables stands; -1 before all have begun. */
async function lowestBlock(scenario: Scenario): Promise<number> {
  const { rows } = await scenario.db.query(
    "select coalesce(min(coalesce(block, -1)), -1)::int as block from ampsync.streams",
  );
  return rows[0]!["block"];
}

test("a server that comes back with another chain on the same port is followed again", async () => {
  const source = chainOf(200);
  await using scenario = await synced(source);
  await scenario.restartServer(() => {
    source.reorg(35, 36);
    source.mine(10);
  });
  await scenario.reaches("chain", 3);
  await expectSourceRows(scenario.db, "chain", source);
  await scenario.restartServer(() => source.mine(10));
  await scenario.reaches("chain", 3);
  expect(await fingerprints(scenario.db, "chain")).toEqual(await freshLoad(source));
});
