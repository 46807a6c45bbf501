// Takes 20 s.
import { FixedSizeBinary, Uint64, Utf8 } from "apache-arrow";
import type pg from "pg";
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { VersionSource, type VersionTables } from "../support/chain/version-source.ts";
import { Scenario } from "../support/worker/scenario.ts";

const HASH = { type: new FixedSizeBinary(32), nullable: false };
const V1: VersionTables = {
  blocks: { block_hash: HASH, size: new Uint64() },
  logs: { block_hash: HASH, note: new Utf8(), size: new Uint64() },
  transactions: { block_hash: HASH, note: new Utf8() },
};
/** Another type in blocks, a column less in logs, another table. */
const V2: VersionTables = {
  blocks: { block_hash: HASH, size: new Utf8() },
  logs: { block_hash: HASH, size: new Uint64() },
  transactions: { block_hash: HASH, note: new Utf8() },
  traces: { block_hash: HASH, note: new Utf8() },
};
const ROWS_PER_BLOCK = 2;

/** Reads a join over three tables up to the cut again and again, and grows the chain meanwhile. */
class JoinReader {
  readonly faults: string[] = [];
  readonly #versions = new Set<string>();
  #isStopped = false;
  readonly #reading: Promise<void>;

  constructor(client: pg.Client, chain: GeneratedSource) {
    this.#reading = this.#read(client, chain);
    this.#reading.catch(() => {}); // Seen by whoever stops it.
  }

  /** What it saw of the versions, in their order. */
  async stop(): Promise<readonly string[]> {
    this.#isStopped = true;
    await this.#reading;
    return [...this.#versions];
  }

  async #read(client: pg.Client, chain: GeneratedSource): Promise<void> {
    for (let read = 1; !this.#isStopped; read++) {
      const { rows } = await client.query({
        name: "join", // Prepared once, for all versions.
        text: `select (select ampsync.cut('anvil'))::int as cut, count(*)::int as rows,
                      string_agg(distinct pg_typeof(b.size)::text || ' ' || (to_jsonb(l) ? 'note'), ', ') as version,
                      (select count(*)::int from chain.joined j where j._block_num <= ampsync.cut('anvil')) as view_rows
                 from chain.blocks b join chain.logs l using (_block_num) join chain.transactions t using (_block_num)
                where b._block_num <= (select ampsync.cut('anvil'))`,
      });
      const { cut, rows: found, version, view_rows: viewed } = rows[0]!;
      if (found !== (cut + 1) * ROWS_PER_BLOCK ** 3 || viewed !== (cut + 1) * ROWS_PER_BLOCK ** 2) {
        this.faults.push(`up to block ${cut}: ${found} rows, ${viewed} in the view`);
      }
      this.#versions.add(version);
      if (read % 5 === 0) chain.mine(1);
    }
  }
}

/** Fails unless the columns of a table are those of a fresh load of a version. */
async function expectLike(
  scenario: Scenario,
  chain: GeneratedSource,
  version: string,
  table: string,
  columns: string,
): Promise<void> {
  const { db } = scenario;
  const schema = `fresh_${version[0]}`;
  await db.query("select ampsync.enqueue_sync($1, target_schema => $2)", [`anvil@${version}`, schema]);
  const head = chain.chain.head()!.number;
  await scenario.until(`${schema}.${table} and its like at block ${head}`, async () => {
    const { rows } = await db.query(
      "select count(*)::int as n from ampsync.streams where target in ($1, $2) and block = $3",
      [`${schema}.${table}`, `chain.${table}`, head],
    );
    return rows[0]!["n"] === 2;
  });
  const of = (name: string) => `(select _id, ${columns} from ${name}.${table})`;
  const { rows } = await db.query(
    `(${of("chain")} except all ${of(schema)}) union all (${of(schema)} except all ${of("chain")}) limit 5`,
  );
  expect(rows).toEqual([]);
}

test("a dataset is upgraded and rolled back under a reader, who sees one version or the other", async () => {
  const chain = new GeneratedSource({ blocks: 30 });
  await using scenario = await Scenario.start({
    source: new VersionSource(chain, V1),
    dataset: { namespace: "_", name: "anvil", version: "1.0.0" },
  });
  const { db, server } = scenario;
  const sync = await scenario.sync();
  scenario.startWorker();
  await sync.reaches({ tables: 3 });
  await db.query(
    "create view chain.joined as select b._block_num, l.size from chain.blocks b join chain.logs l using (_block_num)",
  );

  const status = async () =>
    (await db.query("select version, state, error_code, hint from ampsync.status where dataset = 'anvil'"))
      .rows[0]!;

  server.publish("2.0.0", new VersionSource(chain, V2));
  await db.query(
    "select ampsync_private.offer_version(dataset_id, '2.0.0', null) from ampsync_private.dataset",
  );
  await scenario.until("the refusal", async () => (await status())["error_code"] === "SY201");
  expect(await status()).toMatchObject({
    version: "1.0.0",
    hint: expect.stringMatching(/^select ampsync.resync\('anvil'\);/),
  });

  const reader = new JoinReader(await db.client(), chain);
  await db.query((await status())["hint"]); // As it is printed.
  await scenario.until("the upgrade", async () => (await status())["version"] === "2.0.0");
  await scenario.until("traces to be followed", async () => {
    const { rows } = await db.query("select state from ampsync.streams where target = 'chain.traces'");
    return rows[0]?.["state"] === "live";
  });
  expect(await reader.stop()).toEqual(["numeric true", "text false"]);
  expect(reader.faults).toEqual([]);
  await expectLike(scenario, chain, "2.0.0", "blocks", "block_hash, size");
  await expectLike(scenario, chain, "2.0.0", "logs", "block_hash, size");
  await expectLike(scenario, chain, "2.0.0", "transactions", "block_hash, note");
  await expectLike(scenario, chain, "2.0.0", "traces", "block_hash, note");

  const back = new JoinReader(await db.client(), chain);
  const { rows } = await db.query("select table_name, state from ampsync.rollback_version('anvil')");
  expect(rows).toEqual([
    { table_name: "blocks", state: "backfill" },
    { table_name: "logs", state: "backfill" },
    { table_name: "traces", state: "orphaned" },
    { table_name: "transactions", state: "backfill" },
  ]);
  await scenario.until("all tables to go on", async () => (await sync.states())["logs"] === "live");
  await back.stop();
  expect(back.faults).toEqual([]);
  await expectLike(scenario, chain, "1.0.0", "blocks", "block_hash, size");
  await expectLike(scenario, chain, "1.0.0", "logs", "block_hash, note, size");
  await expectLike(scenario, chain, "1.0.0", "transactions", "block_hash, note");
  expect(await sync.states()).toMatchObject({ traces: "orphaned" });
  expect(await status()).toMatchObject({ version: "1.0.0" });
});

test("a worker killed in the middle of an upgrade: its successor goes on where it was, and ends it", async () => {
  const chain = new GeneratedSource({ blocks: 400 });
  await using scenario = await Scenario.start({
    source: new VersionSource(chain, V1),
    dataset: { namespace: "_", name: "anvil", version: "1.0.0" },
    maxBlocksPerMicrobatch: 10,
  });
  const { db, server, misbehaviour } = scenario;
  const sync = await scenario.sync(["blocks", "logs"]);
  scenario.startWorker();
  await sync.reaches();
  const before = await sync.fingerprints();

  misbehaviour.delayMs = 20; // Else all is here before it can be killed.
  await db.query("select ampsync.alter_sync('anvil', on_new_version => 'resync')");
  server.publish("2.0.0", new VersionSource(chain, V2));
  await db.query(
    "select ampsync_private.offer_version(dataset_id, '2.0.0', null) from ampsync_private.dataset",
  );
  const loaded = async () => {
    const { rows } = await db.query("select min(block)::int as block from ampsync.upgrades");
    return rows[0]!["block"];
  };
  await scenario.until("some blocks of each new table", async () => (await loaded()) !== null);
  await scenario.killWorker();
  expect(await loaded()).toBeLessThan(399); // Else it was swapped already.
  expect(await sync.fingerprints()).toEqual(before);

  misbehaviour.delayMs = 0;
  scenario.startWorker();
  await scenario.until("the upgrade", async () => {
    const { rows } = await db.query("select version from ampsync.status where dataset = 'anvil'");
    return rows[0]!["version"] === "2.0.0";
  });
  expect(await sync.events("upgrade_started")).toBe(1);
  await expectLike(scenario, chain, "2.0.0", "blocks", "block_hash, size");
  await expectLike(scenario, chain, "2.0.0", "logs", "block_hash, size");
});
