// Takes 13 s.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Anvil, anvilBinary } from "../../src/devserver/anvil.ts";
import { EMITTER_SELECTORS } from "../../src/devserver/contract/emitter.ts";
import { RpcSource } from "../../src/devserver/sources/rpc/source.ts";
import { EVM_TABLES } from "../support/chain/evm-tables.ts";
import { reportedChain } from "../support/chain/json-rpc-rows.ts";
import { expectRows, readTarget } from "../support/postgres/tables.ts";
import { KnownChain } from "../support/watch/known-chain.ts";
import { Reader } from "../support/watch/reader.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const NEIGHBOUR = `0x${"00".repeat(19)}aa`;
const BLOCKS = 220;

describe.skipIf(anvilBinary() === null)("Anvil (its package exists for Linux on x64 only)", () => {
  let anvil: Anvil;
  let emitter: string;
  let account: string;
  let scenario: Scenario;
  let sync: Sync;
  let reader: Reader;
  let sent = 0n;
  let head = "";
  /** Whatever was canonical at the end of a step: nothing else can have been sent. */
  const known = new KnownChain();

  beforeAll(async () => {
    anvil = await Anvil.start();
    emitter = await anvil.deployEmitter();
    account = await anvil.account();
    await anvil.rpc.call("evm_setAutomine", false);
    await mine(BLOCKS);
    const source = await RpcSource.start({ url: anvil.url, pollMs: 10 });
    scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 50 });
    scenario.startWorker();
    sync = await scenario.sync();
    await caughtUp();
    reader = await Reader.start(scenario.db, "chain");
  });

  afterAll(async () => {
    await reader?.stop();
    await scenario?.[Symbol.asyncDispose]();
    await anvil?.stop();
  });

  /** Blocks with a contract call and a transfer each; every tenth has one of every other kind too. */
  async function mine(blocks: number): Promise<void> {
    for (let block = 0; block < blocks; block++) {
      sent += 1n;
      await anvil.ping(emitter, sent, sent);
      await anvil.send({ to: NEIGHBOUR, value: "0x1" });
      if (sent % 10n === 0n) {
        const accessList = [{ address: emitter, storageKeys: [`0x${"1".padStart(64, "0")}`] }];
        await anvil.send({ to: NEIGHBOUR, gasPrice: "0x9502f9000" });
        await anvil.send({ to: NEIGHBOUR, gasPrice: "0x9502f9000", accessList });
        await anvil.send({ to: emitter, data: EMITTER_SELECTORS.fail, gas: "0x186a0" });
      }
      await anvil.mine(1);
    }
  }

  /** Waits until all tables stand at the head of the node. */
  async function caughtUp(): Promise<void> {
    const { blocks } = await reportedChain(anvil.url);
    known.add(blocks);
    const { number, hash } = blocks.at(-1)!;
    head = hash;
    await sync.reaches({ head: { number, hash: `0x${hash.slice(2)}` } });
  }

  async function expectEqual(): Promise<void> {
    const { tables } = await reportedChain(anvil.url);
    for (const table of EVM_TABLES) {
      expectRows(await readTarget(scenario.db, "chain", table), tables[table]!, table);
    }
  }

  test("the three tables are what the node reports, cell by cell", async () => {
    expect(await anvil.blockNumber()).toBeGreaterThanOrEqual(200n);
    await expectEqual();
  });

  test.each(
    [1, 5, 20].flatMap((depth) => [
      { depth, kind: "empty blocks" },
      { depth, kind: "other transactions" },
    ]),
  )("after the last $depth blocks were replaced by $kind they are again", async ({ depth, kind }) => {
    await mine(depth);
    await caughtUp();
    const reorgs = await scenario.events("reorg");
    const call = (id: number) => EMITTER_SELECTORS.ping + id.toString(16).padStart(64, "0");
    await anvil.reorg(
      depth,
      kind === "empty blocks"
        ? []
        : [
            [{ from: account, to: emitter, data: call(depth), value: "0x2" }, 0],
            [{ from: account, to: NEIGHBOUR, value: "0x3" }, depth - 1],
          ],
    );
    await caughtUp();
    await expectEqual();
    expect(await scenario.events("reorg")).toBe(reorgs + EVM_TABLES.length);
  });

  test("a reader never saw anything but one whole chain in a table", async () => {
    await mine(3);
    await caughtUp();
    await reader.stop();
    expect(reader.sights).toBeGreaterThan(3 * 12); // Each reorg shows, and so do the blocks before it.
    expect(reader.faults(known, head)).toEqual([]);
  });
});
