import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { fingerprints, freshLoad } from "../support/generated.ts";
import { type KnownBlock, Reader } from "../support/reader.ts";
import { Scenario } from "../support/scenario.ts";

const PER_BLOCK = { blocks: 1, logs: 4, transactions: 2 };
const BLOCKS = 800;
/** Beyond the 128 blocks and the 16 watermarks that the history keeps, of 30 blocks each. */
const DEEP = 600;

function chainOf(blocks = BLOCKS): GeneratedSource {
  return new GeneratedSource({
    blocks,
    logsPerBlock: PER_BLOCK.logs,
    transactionsPerBlock: PER_BLOCK.transactions,
  });
}

/** With a worker, and the whole chain in its tables. */
async function synced(source: GeneratedSource, options = "", tables: readonly string[] | null = null) {
  const scenario = await Scenario.start({ source, maxBlocksPerMicrobatch: 30 });
  const worker = scenario.startWorker();
  await scenario.db.query(
    `select ampsync.enqueue_sync('anvil', tables => $1, target_schema => 'chain'${options})`,
    [tables],
  );
  await scenario.reaches("chain", tables?.length ?? 3);
  return { scenario, worker };
}

async function allAre(scenario: Scenario, state: string): Promise<void> {
  await scenario.until(`all streams ${state}`, async () =>
    Object.values(await scenario.states("chain")).every((each) => each === state),
  );
}

function remember(source: GeneratedSource, known: Map<string, KnownBlock>): void {
  for (let number = 0n; ; number++) {
    const block = source.chain.canonical(number);
    if (block === null) return;
    known.set(block.hash, { ...block, rows: PER_BLOCK });
  }
}

describe("a reorg deeper than the history (N5)", () => {
  test("stops the streams untouched with a hint, which heals them", async () => {
    const source = chainOf();
    const { scenario } = await synced(source);
    await using _ended = scenario;
    const before = await fingerprints(scenario.db, "chain");

    source.reorg(DEEP, DEEP + 10);
    await allAre(scenario, "failed");
    expect(await fingerprints(scenario.db, "chain")).toEqual(before);
    const { rows } = await scenario.db.query(
      "select error_code, hint from ampsync.streams order by table_name",
    );
    expect(rows.map((row) => row["error_code"])).toEqual(["SY102", "SY102", "SY102"]);
    expect(rows[0]!["hint"]).toBe("select ampsync.resync('anvil', 'blocks');");

    for (const { hint } of rows) await scenario.db.query(hint);
    await scenario.reaches("chain", 3);
    source.mine(3);
    await scenario.reaches("chain", 3);
    expect(await fingerprints(scenario.db, "chain")).toEqual(await freshLoad(source));
    expect(await scenario.events("resynced")).toBe(3);
  });

  test.each<[string, (source: GeneratedSource) => void]>([
    ["beyond the history", (source) => source.reorg(DEEP, DEEP + 10)],
    ["to a shorter chain", (source) => source.reorg(DEEP, DEEP - 50)],
    ["to the first block", (source) => source.reorg(BLOCKS, BLOCKS + 1)],
    ["to the first block, and shorter than one microbatch", (source) => source.reorg(BLOCKS, 7)],
  ])("%s heals unattended under policy resync, and nobody sees half of it", async (_, reorg) => {
    const source = chainOf();
    const known = new Map<string, KnownBlock>();
    remember(source, known);
    const { scenario } = await synced(source, ", on_deep_reorg => 'resync'");
    await using _ended = scenario;
    const reader = await Reader.start(scenario.db, "chain");

    reorg(source);
    remember(source, known);
    await scenario.reaches("chain", 3);
    source.mine(3);
    remember(source, known);
    await scenario.reaches("chain", 3);

    await reader.stop();
    expect(reader.faults(known)).toEqual([]);
    expect(await fingerprints(scenario.db, "chain")).toEqual(await freshLoad(source));
    expect(await scenario.events("deep_reorg_resync")).toBe(3);
    await allAre(scenario, "live");
  });
});

test("a resync keeps the table that it is, and its old rows until the swap (N33)", async () => {
  const source = chainOf();
  const { scenario } = await synced(source, "", ["logs"]);
  await using _ended = scenario;
  const { db } = scenario;
  await db.query(`
    create view chain.seen as select _block_num, count(*) as n from chain.logs group by 1;
    create index users_idx on chain.logs (address);
    create publication users_publication for table chain.logs;
    grant select on chain.logs to pg_monitor`);
  const identity = async () =>
    (
      await db.query(
        `select 'chain.logs'::regclass::oid as oid, relacl::text,
                (select array_agg(indexrelid::regclass::text order by 1) from pg_index where indrelid = c.oid) as indexes,
                (select array_agg(prpubid) from pg_publication_rel where prrelid = c.oid) as publications
           from pg_class c where c.oid = 'chain.logs'::regclass`,
      )
    ).rows;
  const before = { identity: await identity(), rows: await fingerprints(db, "chain", ["logs"]) };
  const old = await db.client();
  await old.query("begin isolation level repeatable read; select from chain.logs limit 1");

  source.reorg(DEEP, DEEP + 10);
  await allAre(scenario, "failed");
  await db.query("select ampsync.resync('anvil')");
  await scenario.reaches("chain", 1);

  expect(await identity()).toEqual(before.identity);
  const { rows: seen } = await db.query(
    "select count(*)::int as blocks, sum(n)::int as rows from chain.seen",
  );
  expect(seen).toEqual([{ blocks: BLOCKS + 10, rows: (BLOCKS + 10) * PER_BLOCK.logs }]);
  const { rows: oldRows } = await old.query(
    `select 'logs ' || count(*) || ' ' || md5(string_agg(md5(t::text), '' order by _id)) as digest from chain.logs t`,
  );
  expect(oldRows.map((row) => row["digest"])).toEqual(before.rows);
  await old.query("commit");
  const { rows: events } = await db.query("select details from ampsync.events where event = 'resynced'");
  expect(events).toMatchObject([
    { details: { rows_deleted: DEEP * PER_BLOCK.logs, rows_inserted: (DEEP + 10) * PER_BLOCK.logs } },
  ]);
});

describe("a worker killed", () => {
  test("in the middle of loading anew: its successor goes on where it was", async () => {
    const source = chainOf(20_000);
    const { scenario, worker } = await synced(source, "", ["logs"]);
    await using _ended = scenario;
    source.mine(1);
    await scenario.reaches("chain", 1);
    const before = await fingerprints(scenario.db, "chain", ["logs"]);

    await scenario.db.query("select ampsync.resync('anvil')");
    const loaded = async () => {
      const { rows } = await scenario.db.query(
        "select checkpoint_block::int as block from ampsync_private.stream where shadow_of is not null",
      );
      return rows[0]?.["block"] ?? -1;
    };
    await scenario.until("some blocks to be loaded anew", async () => (await loaded()) >= 0);
    await worker.kill();
    const block = await loaded();
    expect(block).toBeGreaterThanOrEqual(0); // Else it was swapped already.
    expect(block).toBeLessThan(20_000);
    expect(await fingerprints(scenario.db, "chain", ["logs"])).toEqual(before);

    await scenario.expireLeases();
    scenario.startWorker();
    await scenario.until("the swap", async () => (await scenario.events("resynced")) === 1, 25_000);
    expect(await fingerprints(scenario.db, "chain", ["logs"])).toEqual(before);
  });

  test("in the middle of the swap: nothing of it happened, and another worker does it", async () => {
    const source = chainOf();
    const { scenario, worker } = await synced(source, "", ["logs"]);
    await using _ended = scenario;
    const { db } = scenario;
    const before = await fingerprints(db, "chain", ["logs"]);
    source.reorg(DEEP);
    await allAre(scenario, "failed");

    const user = await db.client();
    await user.query("begin; select from chain.logs order by _id desc limit 1 for update");
    await db.query("select ampsync.resync('anvil')");
    const blocked = async () =>
      (
        await db.query(
          `select pid from pg_stat_activity
            where datname = current_database() and query like '%swap_resync%' and wait_event_type = 'Lock'`,
        )
      ).rows[0]?.["pid"];
    await scenario.until("the swap to wait for the user's row", async () => (await blocked()) !== undefined);
    const pid = await blocked();
    await worker.kill();
    await db.query("select pg_terminate_backend($1)", [pid]); // Else it would go on without its client.
    await scenario.until("the swap's end", async () => (await blocked()) === undefined);
    await user.query("rollback");
    expect(await fingerprints(db, "chain", ["logs"])).toEqual(before);

    await scenario.expireLeases();
    scenario.startWorker();
    await scenario.reaches("chain", 1);
    expect(await fingerprints(db, "chain", ["logs"])).toEqual(await freshLoad(source, ["logs"]));
  });
});
