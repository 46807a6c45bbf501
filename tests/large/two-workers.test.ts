// Takes 47 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { EVM_TABLES } from "../support/chain/evm-tables.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { ChainWatch } from "../support/watch/chain-watch.ts";
import { mining } from "../support/watch/mining.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const DATASETS = 4;
const STREAMS = DATASETS * EVM_TABLES.length;
const PER_BLOCK = { blocks: 1, logs: 3, transactions: 1 };
const BLOCK_MS = 500;
/** A lease runs out after 30 s, a silent connection is noticed within 34 s; and then there is what was missed. */
const RECOVERY_MS = 60_000;

test("twelve streams on two workers survive, by the real clock, a kill, a pause and a quiet disconnect at once", async () => {
  const source = new GeneratedSource({
    blocks: 100,
    logsPerBlock: PER_BLOCK.logs,
    transactionsPerBlock: PER_BLOCK.transactions,
  });
  await using scenario = await Scenario.start();
  await using flight = await TcpProxy.toHttp(scenario.server.flightAddress);
  const behindProxy = { flightAddress: flight.url(scenario.server.flightAddress) };
  const syncs: Sync[] = [];
  for (let dataset = 0; dataset < DATASETS; dataset++) syncs.push(await scenario.follow(source, EVM_TABLES));
  const killed = scenario.startWorker();
  const cutOff = scenario.startWorker(behindProxy);

  /** Waits until every stream is beyond what is the head now. */
  async function allMove(what: string, deadlineMs: number): Promise<void> {
    const { number } = source.chain.head()!;
    await scenario.until(
      what,
      async () => {
        const { rows } = await scenario.db.query(
          "select count(*)::int as beyond from ampsync.streams where block > $1",
          [number],
        );
        return rows[0]!["beyond"] === STREAMS;
      },
      deadlineMs,
    );
  }
  async function workersHolding(): Promise<number> {
    const { rows } = await scenario.db.query(
      "select count(distinct holder)::int as workers from ampsync_private.lease",
    );
    return rows[0]!["workers"];
  }

  await scenario.until("all tables to be made", async () => {
    const { rows } = await scenario.db.query("select count(target)::int as made from ampsync_private.stream");
    return rows[0]!["made"] === STREAMS;
  });
  const client = await scenario.db.client();
  await using watch = new ChainWatch(client, syncs[0]!.schema, source, PER_BLOCK);
  watch.remember();
  watch.poll();
  {
    using _mining = mining(source, watch, BLOCK_MS);
    await allMove("all streams to follow", RECOVERY_MS);
    // One of them may have begun late: it is left its share then.
    await scenario.until("both to hold streams", async () => (await workersHolding()) === 2, RECOVERY_MS);

    await killed.kill();
    for (const connection of flight.connections) connection.stalled.add("up").add("down");
    const paused = syncs.at(-1)!;
    await scenario.db.query("select ampsync.pause_sync($1)", [paused.dataset]);
    scenario.startWorker();
    await paused.untilAll("paused");
    await scenario.db.query("select ampsync.resume_sync($1)", [paused.dataset]);
    await allMove("all streams to follow again", RECOVERY_MS);
  }
  expect(cutOff.hasEnded).toBe(false);
  for (const sync of syncs) {
    await sync.reaches();
    await sync.expectSourceRows();
  }
  await watch.look();
  expect(watch.faults).toEqual([]);
  expect(await scenario.events("lease_taken_over")).toBeGreaterThan(0);
});
