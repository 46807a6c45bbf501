// Takes 23 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import type { CommitLimits } from "../../src/model/limits.ts";
import { findings } from "../support/chain/linked-chain.ts";
import { dice } from "../support/dice.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import { SHORT_TURNS } from "../support/worker/worker-process.ts";

const chainOf = (blocks: number) => new GeneratedSource({ blocks, logsPerBlock: 4, transactionsPerBlock: 2 });

async function synced(
  source: GeneratedSource,
  limits: Partial<CommitLimits> = {},
): Promise<{ scenario: Scenario; sync: Sync }> {
  const scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 20 });
  scenario.startFaultyWorker({ ...SHORT_TURNS, limits: { ...SHORT_TURNS.limits, ...limits } });
  const sync = await scenario.sync();
  await sync.reaches();
  return { scenario, sync };
}

/** Which transaction wrote each row outside of the blocks to be repaired, and where it lies. */
async function writtenAt(scenario: Scenario): Promise<string> {
  const { rows } = await scenario.db.query(
    `select md5(string_agg(t.xmin || ' ' || t.ctid, ',' order by t._id)) as digest
       from chain.logs t where t._block_num <> 34 and t._block_num < 580`,
  );
  return rows[0]!["digest"];
}

const repair = (scenario: Scenario, table: string, from: number, to: number) =>
  scenario.db.query("select ampsync.repair('anvil', $1, $2, $3)", [table, from, to]);

test("after a load and random reorgs the ledger agrees with the rows", async () => {
  const source = chainOf(300);
  const { scenario, sync } = await synced(source);
  await using _ended = scenario;
  const roll = dice(7);
  for (let round = 0; round < 6; round++) {
    source.mine(roll(1, 9));
    await sync.reaches();
    source.reorg(roll(1, 30), roll(1, 35));
    await sync.reaches();
    expect(await findings(scenario.db, null, "anvil")).toEqual([]);
  }
  expect(await scenario.events("reorg")).toBeGreaterThanOrEqual(15);
});

test("what verify names is fetched again, nothing else is touched, and the tables equal a fresh load", async () => {
  const source = chainOf(600);
  const { scenario, sync } = await synced(source);
  await using _ended = scenario;
  const loaded = await sync.fingerprints();

  await scenario.db.query(
    `do $$ declare v_row chain.logs;
     begin
       select * into v_row from chain.logs where _block_num = 34 and log_index = 2;
       v_row._id := substr(v_row._id, 1, 6) || '\\x00112233445566778899';
       insert into chain.logs values (v_row.*);
     end $$`,
  );
  await scenario.db.query("delete from chain.logs where _block_num = 585 and log_index = 2");
  await scenario.db.query("delete from chain.blocks where _block_num in (50, 51)");
  await scenario.db.query("update chain.transactions set block_hash = sha256('') where _block_num = 70");
  const untouched = await writtenAt(scenario);
  expect(await findings(scenario.db, null, "anvil")).toEqual([
    "blocks: missing block 50-51",
    "logs: extra rows 34-34",
    "logs: missing rows 580-599", // In the history, so the hash of block 599 is proven.
    "transactions: tables disagree 70-70",
  ]);

  await scenario.db.query("select ampsync.repair('anvil')");
  await scenario.until("four repairs", async () => (await scenario.events("repaired")) === 4, 20_000);

  expect(await findings(scenario.db, null, "anvil")).toEqual([]);
  expect(await sync.fingerprints()).toEqual(loaded);
  await sync.expectFreshLoad();
  expect(await writtenAt(scenario)).toBe(untouched);

  source.mine(3);
  await sync.reaches(); // The streams go on.
  expect(await findings(scenario.db, null, "anvil")).toEqual([]);
});

test("a repair near the head waits until the server stands on the same chain", async () => {
  const source = chainOf(300);
  const { scenario, sync } = await synced(source);
  await using _ended = scenario;
  source.mine(); // A microbatch of its own, so its hash is known.
  await sync.reaches();
  await scenario.db.query("select ampsync.pause_sync('anvil')");
  await scenario.db.query("delete from chain.logs where _block_num = 300 and log_index = 1");
  await repair(scenario, "logs", 300, 300);

  source.reorg(1);
  await scenario.db.query("select ampsync.resume_sync('anvil')");
  await scenario.until(
    "the repair to be put off",
    async () => (await scenario.events("repair_deferred")) > 0,
  );
  await sync.reaches(); // The reorg repairs it.
  expect(await scenario.events("repaired")).toBe(0);
  expect(await findings(scenario.db, null, "anvil")).toEqual([]);
  await sync.expectFreshLoad();
});

test("a repair that PostgreSQL keeps waiting is not given up for silence of the server", async () => {
  const { scenario } = await synced(chainOf(300), { stallMs: 1_000 });
  await using _ended = scenario;
  // Rows can be deleted, not written: the wait comes when the server has begun to send.
  await scenario.db.query(`
    create function chain.wait() returns trigger language plpgsql as
      $$begin perform pg_advisory_xact_lock(42); return null; end$$;
    create trigger wait before insert on chain.logs for each statement execute function chain.wait()`);
  const blocker = await scenario.db.client();
  await blocker.query("begin; select pg_advisory_xact_lock(42)");
  await repair(scenario, "logs", 34, 36);
  await scenario.until("a wait longer than a silent server is given", async () => {
    const { rows } = await scenario.db.query(
      `select from pg_stat_activity
        where wait_event = 'advisory' and clock_timestamp() - query_start > '2 s'`,
    );
    return rows.length > 0;
  });
  await blocker.query("commit");
  await scenario.until("the repair", async () => (await scenario.events("repaired")) === 1);
  expect(await scenario.events("repair_deferred")).toBe(0);
  expect(await findings(scenario.db, null, "anvil")).toEqual([]);
});
