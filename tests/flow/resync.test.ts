// Takes 33 s.
import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { EVM_TABLES } from "../support/chain/evm-tables.ts";
import { findings } from "../support/chain/linked-chain.ts";
import { fingerprint } from "../support/postgres/tables.ts";
import { KnownChain } from "../support/watch/known-chain.ts";
import { Reader } from "../support/watch/reader.ts";
import type { SyncOptions } from "../support/worker/scenario.ts";
import { sharedScenario } from "../support/worker/shared-scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const PER_BLOCK = { blocks: 1, logs: 4, transactions: 2 };
const BLOCKS = 320;
/** Beyond the 128 blocks and the 16 watermarks that the history keeps, of 10 blocks each. */
const DEEP = 240;

const scenario = sharedScenario({ maxBlocksPerMicrobatch: 10 });

function chainOf(blocks = BLOCKS): GeneratedSource {
  return new GeneratedSource({
    blocks,
    logsPerBlock: PER_BLOCK.logs,
    transactionsPerBlock: PER_BLOCK.transactions,
  });
}

/** With the whole chain in its tables. */
async function synced(
  source: GeneratedSource,
  tables: readonly string[] = EVM_TABLES,
  options: SyncOptions = {},
): Promise<Sync> {
  const sync = await scenario.follow(source, tables, options);
  await sync.catchesUp();
  return sync;
}

describe("a reorg deeper than the history", () => {
  test("stops the streams untouched with a hint, which heals them", async () => {
    const source = chainOf();
    const sync = await synced(source);
    const before = await sync.fingerprints();

    source.reorg(DEEP, DEEP + 10);
    await sync.untilAll("failed");
    expect(await sync.fingerprints()).toEqual(before);
    const { rows } = await scenario.db.query(
      "select error_code, hint from ampsync.streams where dataset = $1 order by table_name",
      [sync.label],
    );
    expect(rows.map((row) => row["error_code"])).toEqual(["SY102", "SY102", "SY102"]);
    expect(rows[0]!["hint"]).toBe(`select ampsync.resync('${sync.label}', 'blocks');`);

    for (const { hint } of rows) await scenario.db.query(hint);
    await sync.catchesUp();
    source.mine(3);
    await sync.catchesUp();
    await sync.expectFreshLoad();
    expect(await findings(scenario.db, null, sync.dataset)).toEqual([]);
    expect(await sync.events("resynced")).toBe(3);
  });

  test.each<[string, (source: GeneratedSource) => void]>([
    ["beyond the history", (source) => source.reorg(DEEP, DEEP + 10)],
    ["to a shorter chain", (source) => source.reorg(DEEP, DEEP - 50)],
    ["to the first block", (source) => source.reorg(BLOCKS, BLOCKS + 1)],
    ["to the first block, and shorter than one microbatch", (source) => source.reorg(BLOCKS, 7)],
  ])("%s heals unattended under policy resync, and nobody sees half of it", async (_, reorg) => {
    const source = chainOf();
    const known = new KnownChain();
    known.remember(source.chain, PER_BLOCK);
    const sync = await synced(source, EVM_TABLES, { on_deep_reorg: "resync" });
    const reader = await Reader.start(scenario.db, sync.schema);

    reorg(source);
    known.remember(source.chain, PER_BLOCK);
    await sync.catchesUp();
    source.mine(3);
    known.remember(source.chain, PER_BLOCK);
    await sync.catchesUp();

    await reader.stop();
    expect(reader.faults(known, source.chain.head()!.hash)).toEqual([]);
    await sync.expectFreshLoad();
    expect(await sync.events("deep_reorg_resync")).toBe(3);
    await sync.untilAll("live");
  });
});

test("a resync keeps the table that it is, and its old rows until the swap", async () => {
  const source = chainOf();
  const sync = await synced(source, ["logs"]);
  const { db } = scenario;
  const target = `${sync.schema}.logs`;
  await db.query(`
    create view ${sync.schema}.seen as select _block_num, count(*) as n from ${target} group by 1;
    create index users_idx on ${target} (address);
    create publication users_publication for table ${target};
    grant select on ${target} to pg_monitor`);
  await scenario.until("the indexes of ampsync", async () => {
    const { rows } = await db.query(
      "select coalesce(bool_and(state = 'valid'), false) as built from ampsync.indexes where dataset = $1",
      [sync.label],
    );
    return rows[0]!["built"];
  });
  const identity = async () =>
    (
      await db.query(
        `select c.oid, relacl::text,
                (select array_agg(indexrelid::regclass::text order by 1) from pg_index where indrelid = c.oid) as indexes,
                (select array_agg(prpubid) from pg_publication_rel where prrelid = c.oid) as publications
           from pg_class c where c.oid = $1::regclass`,
        [target],
      )
    ).rows;
  const before = { identity: await identity(), rows: await sync.fingerprints() };
  const old = await db.client();
  await old.query(`begin isolation level repeatable read; select from ${target} limit 1`);

  source.reorg(DEEP); // No longer, as the swap is due when the old head is reached.
  await sync.untilAll("failed");
  await db.query("select ampsync.resync($1)", [sync.dataset]);
  await sync.catchesUp();

  expect(await identity()).toEqual(before.identity);
  const { rows: seen } = await db.query(
    `select count(*)::int as blocks, sum(n)::int as rows from ${sync.schema}.seen`,
  );
  expect(seen).toEqual([{ blocks: BLOCKS, rows: BLOCKS * PER_BLOCK.logs }]);
  expect([await fingerprint(old, sync.schema, "logs")]).toEqual(before.rows);
  await old.query("commit");
  const { rows: events } = await db.query(
    "select details from ampsync.events where event = 'resynced' and dataset = $1",
    [sync.label],
  );
  expect(events).toMatchObject([
    { details: { rows_deleted: DEEP * PER_BLOCK.logs, rows_inserted: DEEP * PER_BLOCK.logs } },
  ]);
});

test("a merge that a trigger of the user refuses is shown, and can be done once that is gone", async () => {
  const source = chainOf(20);
  const sync = await synced(source, ["logs"]);
  const target = `${sync.schema}.logs`;
  await scenario.db.query(`
    delete from ${target} where _block_num = 7;
    create function ${sync.schema}.refuse() returns trigger language plpgsql as $$begin raise 'not this one'; end$$;
    create trigger refuse before insert on ${target} for each row execute function ${sync.schema}.refuse()`);
  await scenario.db.query("select ampsync.resync($1)", [sync.dataset]);
  const stream = await sync.until("the refusal", ({ code }) => code !== null, 20_000);
  expect(stream).toMatchObject({
    state: "resyncing",
    code: "P0001",
    reason: "resync: not this one",
  });

  // A second job for the same swap fails as well, and must not do so after the dataset was resumed.
  await scenario.until("no swap to be under way", async () => {
    const { rowCount } = await scenario.db.query("select from ampsync.jobs where task = 'ampsync_swap'");
    return rowCount === 0;
  });
  await scenario.db.query(`drop trigger refuse on ${target}`);
  await scenario.db.query("select ampsync.resume_sync($1)", [sync.dataset]);
  await sync.until("the merge", ({ state }) => state === "live");
  await sync.expectSourceRows();
});

// Last, because they move the clock.
describe("a worker killed", () => {
  test("in the middle of a resync: its successor goes on where it was", async () => {
    const source = chainOf(1_000);
    const sync = await synced(source, ["logs"]);
    const before = await sync.fingerprints();

    scenario.misbehaviour.delayMs = 5; // Else all is here before it can be killed.
    await scenario.db.query("select ampsync.resync($1)", [sync.dataset]);
    const loaded = async () => {
      const { rows } = await scenario.db.query(
        "select checkpoint_block::int as block from ampsync_private.stream where shadow_of is not null",
      );
      return rows[0]?.["block"] ?? -1;
    };
    await scenario.until("some blocks of the resync to be loaded", async () => (await loaded()) >= 0);
    await scenario.killWorker();
    const block = await loaded();
    expect(block).toBeGreaterThanOrEqual(0); // Else it was swapped already.
    expect(block).toBeLessThan(999);
    expect(await sync.fingerprints()).toEqual(before);

    scenario.misbehaviour.delayMs = 0;
    scenario.startWorker();
    await scenario.until("the swap", async () => (await sync.events("resynced")) === 1, 25_000);
    expect(await sync.fingerprints()).toEqual(before);
  });

  test("in the middle of the swap: nothing of it happened, and another worker does it", async () => {
    const source = chainOf();
    const sync = await synced(source, ["logs"]);
    const { db } = scenario;
    const before = await sync.fingerprints();
    source.reorg(DEEP);
    await sync.untilAll("failed");

    const user = await db.client();
    await user.query(`begin; select from ${sync.schema}.logs order by _id desc limit 1 for update`);
    await db.query("select ampsync.resync($1)", [sync.dataset]);
    const blocked = async () =>
      (
        await db.query(
          `select pid from pg_stat_activity
            where datname = current_database() and query like '%swap_resync%' and wait_event_type = 'Lock'`,
        )
      ).rows[0]?.["pid"];
    await scenario.until("the swap to wait for the user's row", async () => {
      await scenario.hurry();
      return (await blocked()) !== undefined;
    });
    await scenario.worker.kill();
    await scenario.until("the swap's end", async () => {
      const pid = await blocked(); // A second one may have waited behind the first; without their client they would go on.
      await db.query("select pg_terminate_backend($1)", [pid]);
      return pid === undefined;
    });
    await user.query("rollback");
    expect(await sync.fingerprints()).toEqual(before);

    await scenario.releaseDead();
    scenario.startWorker();
    await sync.catchesUp();
    await sync.expectFreshLoad();
  });
});
