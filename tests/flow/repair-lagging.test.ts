import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { findings } from "../support/chain/linked-chain.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import { SHORT_TURNS } from "../support/worker/worker-process.ts";

/** Repairs against a server that lags, or sends a part as if it was all: not a row is lost. */
const scenario = sharedScenario({ maxBlocksPerMicrobatch: 20 }, (made) =>
  made.startFaultyWorker(SHORT_TURNS),
);

const TABLES = ["blocks", "logs"];
const chainOf = (blocks: number) => new GeneratedSource({ blocks, logsPerBlock: 4 });

async function synced(tables: readonly string[] = TABLES): Promise<Sync> {
  const sync = await scenario.follow(chainOf(600), tables);
  await sync.catchesUp();
  return sync;
}

async function repair(sync: Sync, table: string, from: number, to: number): Promise<void> {
  await scenario.db.query("select ampsync.repair($1, $2, $3, $4)", [sync.dataset, table, from, to]);
}

/** What keeps each repair, by table and first block. */
async function kept(sync: Sync): Promise<readonly string[]> {
  const { rows } = await scenario.db.query(
    `select r.table_name || ' ' || r.from_block || ': ' || r.error_code || ' ' || r.reason as kept
       from ampsync.repairs r where r.dataset = $1 and r.state = 'deferred' order by r.table_name, r.from_block`,
    [sync.label],
  );
  return rows.map((row) => row["kept"]);
}

async function untilKept(sync: Sync, count: number): Promise<readonly string[]> {
  scenario.server.disconnectAll(); // The next pass does it.
  await scenario.until(`${count} repairs put off`, async () => {
    await scenario.hurry();
    return (await kept(sync)).length === count;
  });
  return await kept(sync);
}

async function makeDue(): Promise<void> {
  await scenario.db.query("update ampsync_private.repair set due_at = ampsync_private.now()");
  scenario.server.disconnectAll();
}

/** What was put off is due, and done. */
async function untilRepaired(sync: Sync, count: number): Promise<void> {
  await makeDue();
  await scenario.until(`${count} repairs`, async () => {
    await scenario.hurry();
    return (await sync.events("repaired")) === count;
  });
}

test("a server that stands in the middle of the blocks is waited for: of blocks and of logs, old and young", async () => {
  const sync = await synced();
  const loaded = await sync.fingerprints();
  await scenario.db.query("select ampsync.pause_sync($1)", [sync.dataset]);
  for (const table of TABLES) {
    await repair(sync, table, 250, 349); // Below the history.
    await repair(sync, table, 590, 599); // Within.
  }
  const lagging = chainOf(300);
  scenario.server.publish(sync.version, lagging);
  await scenario.db.query("select ampsync.resume_sync($1)", [sync.dataset]);

  const lags = (end: number) =>
    `SY101 the server lags: it holds blocks up to 299, and ${end} is to be repaired`;
  expect(await untilKept(sync, 4)).toEqual(
    TABLES.flatMap((table) => [`${table} 250: ${lags(349)}`, `${table} 590: ${lags(599)}`]),
  );
  lagging.mine(295); // Now it stands in the middle of the younger ones.
  await makeDue();
  await scenario.until("the younger ones to be put off again", async () => {
    await scenario.hurry();
    return (await kept(sync)).filter((line) => line.includes("up to 594, and 599")).length === 2;
  });
  expect(await sync.fingerprints()).toEqual(loaded);

  lagging.mine(5);
  await untilRepaired(sync, 4);
  expect(await sync.fingerprints()).toEqual(loaded);
  expect(await findings(scenario.db, null, sync.dataset)).toEqual([]);
});

test("where there is no table of blocks, the server must hold at least the newest row that is here", async () => {
  const sync = await synced(["logs"]);
  const loaded = await sync.fingerprints();
  await scenario.db.query("select ampsync.pause_sync($1)", [sync.dataset]);
  await repair(sync, "logs", 250, 349);
  const lagging = chainOf(300);
  (lagging.tables as Map<string, unknown>).delete("blocks"); // A map that is its own.
  scenario.server.publish(sync.version, lagging);
  await scenario.db.query("select ampsync.resume_sync($1)", [sync.dataset]);
  expect(await untilKept(sync, 1)).toEqual([
    "logs 250: SY101 the server lags: it holds blocks up to 299, and 349 is to be repaired",
  ]);
  lagging.mine(300);
  await untilRepaired(sync, 1);
  expect(await sync.fingerprints()).toEqual(loaded);
});

test("a part that is sent as if it was all is refused with both counts, until somebody accepts it", async () => {
  const sync = await synced();
  const loaded = await sync.fingerprints();
  scenario.misbehaviour.rowsPerBatch = 2;
  scenario.misbehaviour.breaks = { after: 14, unit: "rows", how: "end" };
  await repair(sync, "logs", 40, 59);
  await repair(sync, "blocks", 40, 59);
  expect(await untilKept(sync, 2)).toEqual([
    "blocks 40: SY101 what the server sent for block 59 does not have the hash that is held here",
    "logs 40: SY101 what the server sent for block 59 does not have the hash that is held here",
  ]);
  await scenario.db.query(`delete from ${sync.schema}.logs where _block_num = 59`); // Nothing tells the last block's hash.
  await repair(sync, "logs", 40, 59);
  scenario.server.disconnectAll();
  await scenario.until("the count to be refused", async () => {
    await scenario.hurry();
    return (await kept(sync)).includes(
      // The ledger speaks of these blocks together, and one of them is damaged.
      "logs 40: SY101 with what the server sent, blocks 0 to 279 would have 1054 rows, and 1120 were loaded",
    );
  });

  Object.assign(scenario.misbehaviour, { breaks: null });
  await untilRepaired(sync, 2);
  expect(await sync.fingerprints()).toEqual(loaded);
  expect(await findings(scenario.db, null, sync.dataset)).toEqual([]);
});
