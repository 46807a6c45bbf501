// Takes 37 s.
import { FixedSizeBinary, Uint64, Utf8 } from "apache-arrow";
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import type { FaultPoint } from "../../src/fault-points.ts";
import { VersionSource, type VersionTables } from "../support/chain/version-source.ts";
import type { FaultyWorker } from "../support/worker/faulty-worker.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const HASH = { type: new FixedSizeBinary(32), nullable: false };
const V1: VersionTables = { logs: { block_hash: HASH, note: new Utf8(), size: new Uint64() } };
/** The columns in another order, one more, and another table. */
const V2: VersionTables = {
  logs: {
    size: new Uint64(),
    extra: { type: new Uint64(), nullable: false },
    note: new Utf8(),
    block_hash: HASH,
  },
  traces: { block_hash: HASH, extra: new Utf8() },
};

/** A dataset that follows the latest version, at the head of its chain. */
class Versions implements AsyncDisposable {
  readonly chain: GeneratedSource;
  readonly scenario: Scenario;
  readonly sync: Sync;
  worker: FaultyWorker;

  private constructor(chain: GeneratedSource, scenario: Scenario, sync: Sync) {
    this.chain = chain;
    this.scenario = scenario;
    this.sync = sync;
    this.worker = this.startWorker();
  }

  static async start(first: VersionTables): Promise<Versions> {
    const chain = new GeneratedSource({ blocks: 30 });
    const scenario = await Scenario.start({
      source: new VersionSource(chain, first),
      dataset: { namespace: "_", name: "anvil", version: "1.0.0" },
    });
    const versions = new Versions(chain, scenario, await scenario.sync());
    await versions.sync.reaches();
    return versions;
  }

  /** Its passes end as soon as they are asked to. */
  startWorker(): FaultyWorker {
    return this.scenario.startFaultyWorker({ beatMs: 200, limits: { minPassMs: 0 } });
  }

  /** Publishes a version, and tells the database of it as a look at the list of versions does. */
  async publish(version: string, tables: VersionTables, network?: string): Promise<void> {
    const options = network === undefined ? {} : { network };
    this.scenario.server.publish(version, new VersionSource(this.chain, tables, options));
    await this.scenario.db.query(
      "select ampsync_private.offer_version(d.dataset_id, $1, null) from ampsync_private.dataset d where d.revision is null",
      [version],
    );
  }

  async row(query: string) {
    return (await this.scenario.db.query(query)).rows[0]!;
  }

  async until(what: string, condition: string): Promise<void> {
    await this.scenario.until(what, async () => (await this.row(`select (${condition}) as holds`))["holds"]);
  }

  /** Waits until the streams of all tables read this version. */
  async follows(version: string): Promise<void> {
    await this.until(
      `passes of ${version}`,
      `select bool_and(l.version = '${version}') from ampsync_private.lease l
         join ampsync_private.stream s using (stream_id)
         join ampsync_private.dataset d using (dataset_id)
        where d.revision is null and s.state <> 'orphaned'`,
    );
  }

  /** Waits until a table holds the whole chain. */
  async holds(table: string): Promise<void> {
    const head = this.chain.chain.head()!.number;
    await this.until(
      `${table} at block ${head}`,
      `select block = ${head} from ampsync.streams where target = 'chain.${table}'`,
    );
  }

  /** The first block of a version in a table. */
  async firstBlock(version: string, table = "logs"): Promise<number> {
    const row = await this.row(
      `select first_block::int as n from ampsync.version_history
        where dataset = 'anvil' and version = '${version}' and table_name = '${table}'`,
    );
    return row["n"];
  }

  /** Fails unless these columns of a table are, in these blocks, what a fresh load of a version holds. */
  async expectLike(version: string, table: string, columns: string, blocks = "true"): Promise<void> {
    const { db } = this.scenario;
    const schema = `fresh_${version.replaceAll(".", "_")}`;
    await db.query("select ampsync.enqueue_sync($1, null, $2)", [`anvil@${version}`, schema]);
    await this.until(
      `${schema}.${table} at the head`,
      `select block = ${this.chain.chain.head()!.number} from ampsync.streams where target = '${schema}.${table}'`,
    );
    const of = (name: string) => `(select _block_num, ${columns} from ${name}.${table} where ${blocks})`;
    const difference = `${of("chain")} except all ${of(schema)}`;
    const lack = `${of(schema)} except all ${of("chain")}`;
    expect((await db.query(`(${difference}) union all (${lack}) limit 5`)).rows).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scenario[Symbol.asyncDispose]();
  }
}

test("a version that moves columns, adds one and adds a table in mid-run: each value lands in its column, and nothing is loaded twice", async () => {
  await using versions = await Versions.start(V1);
  const { chain, scenario } = versions;
  await versions.publish("1.1.0", V2);
  chain.mine(5);
  await versions.follows("1.1.0");
  chain.mine(10);
  await versions.holds("logs");
  await versions.holds("traces");

  const first = await versions.firstBlock("1.1.0");
  expect(first).toBeGreaterThanOrEqual(30);
  expect(await versions.firstBlock("1.1.0", "traces")).toBe(0);
  await versions.expectLike("1.0.0", "logs", "block_hash, note, size");
  await versions.expectLike("1.1.0", "logs", "block_hash, note, size, extra", `_block_num >= ${first}`);
  await versions.expectLike("1.1.0", "traces", "block_hash, extra");
  expect(
    await versions.row(`select count(extra)::int as n from chain.logs where _block_num < ${first}`),
  ).toEqual({ n: 0 });

  chain.reorg(18, 20); // Below the switch: what is sent again comes from the new version.
  await versions.holds("logs");
  await versions.until(
    "the reorg to be here",
    "select count(*) > 0 from ampsync.events where event = 'reorg' and table_name = 'logs'",
  );
  const lower = await versions.firstBlock("1.1.0");
  expect(lower).toBeLessThan(first);
  expect(
    await versions.row(
      `select count(*)::int as n from chain.logs where (extra is null) <> (_block_num < ${lower})`,
    ),
  ).toEqual({ n: 0 });
  expect((await scenario.db.query("select * from ampsync.verify('anvil')")).rows).toEqual([]);
});

test("a new version is found and followed without help, by a dataset that follows the latest one and by one that follows dev", async () => {
  await using versions = await Versions.start(V1);
  const { chain, scenario } = versions;
  await scenario.db.query("select ampsync.alter_sync('anvil', poll_interval => '1 s')");
  await scenario.db.query(
    "select ampsync.enqueue_sync('anvil@dev', target_schema => 'dev', poll_interval => '1 s')",
  );
  await versions.until("dev at the head", "select block = 29 from ampsync.streams where target = 'dev.logs'");
  scenario.server.publish("1.1.0", new VersionSource(chain, V2));
  await versions.follows("1.1.0");
  await versions.until(
    "dev to have the new table",
    "select block = 29 from ampsync.streams where target = 'dev.traces'",
  );
  await versions.until(
    "passes of dev",
    `select l.version = d.resolved_version from ampsync_private.lease l
       join ampsync_private.stream s using (stream_id)
       join ampsync_private.dataset d using (dataset_id)
      where d.revision = 'dev' and s.table_name = 'logs'`,
  );
  chain.mine(5);
  await versions.holds("logs");
  await versions.until(
    "dev to follow the chain",
    "select block = 34 from ampsync.streams where target = 'dev.logs'",
  );
  for (const schema of ["chain", "dev"]) {
    expect(
      await versions.row(`select count(extra)::int as n from ${schema}.logs where _block_num >= 30`),
    ).toEqual({
      n: 10,
    });
  }
});

test("a version that dropped a column or changed a type is refused: the streams and the worker go on, status says why, and what the user does about it is seen", async () => {
  await using versions = await Versions.start(V1);
  const { chain, sync, scenario } = versions;
  const changed = { logs: { block_hash: HASH, note: new Utf8(), size: new Utf8() } };
  await versions.publish("2.0.0", changed);
  await versions.until("the refusal", "select error_code = 'SY201' from ampsync.status");
  expect((await versions.row("select waiting_on from ampsync.status"))["waiting_on"]).toContain(
    "Type changes detected (unsupported): size",
  );

  await versions.publish("2.0.1", V1, "testnet");
  await versions.until(
    "the refusal of another network",
    "select waiting_on like '%Network changed for table logs: devnet -> testnet%' from ampsync.status",
  );
  await versions.publish("2.1.0", { logs: { block_hash: HASH, size: new Uint64() } });
  await versions.until(
    "the other refusal",
    "select waiting_on like '%Columns dropped%note%' from ampsync.status",
  );
  chain.mine(5);
  await sync.reaches();
  expect(await versions.row("select state, version, new_version, rows::int from ampsync.status")).toEqual({
    state: "live",
    version: "1.0.0",
    new_version: "2.1.0",
    rows: 70,
  });

  await scenario.db.query("alter table chain.logs drop column note");
  await scenario.db.query("select ampsync.resume_sync('anvil')");
  await versions.follows("2.1.0");
  chain.mine(5);
  await versions.holds("logs");
  await versions.expectLike("2.1.0", "logs", "block_hash, size");
  expect(versions.worker.hasEnded).toBe(false);
});

test("a table that vanished and comes back after a reorg goes on where it was, and follows the reorg", async () => {
  await using versions = await Versions.start({ ...V1, traces: V2["traces"]! });
  const { chain, scenario } = versions;
  await versions.publish("1.1.0", V1);
  await versions.until(
    "the table to be orphaned",
    "select state = 'orphaned' from ampsync.streams where table_name = 'traces'",
  );
  await versions.follows("1.1.0");
  chain.reorg(4, 9);
  await versions.holds("logs");
  expect(await versions.row("select count(*)::int as n from chain.traces")).toEqual({ n: 60 });

  await versions.publish("1.2.0", V2);
  await versions.holds("traces");
  await versions.expectLike("1.2.0", "traces", "block_hash, extra");
  expect(await scenario.events("resync_started")).toBe(0);
  expect(await versions.firstBlock("1.2.0", "traces")).toBe(26);
});

test("a microbatch that is not finished 25 s after the version changed is abandoned: it is read again, from the new version", async () => {
  await using versions = await Versions.start(V1);
  const { chain, scenario } = versions;
  Object.assign(scenario.misbehaviour, {
    rowsPerBatch: 2,
    breaks: { after: 1, unit: "batches", how: "stall" },
  } satisfies Partial<Scenario["misbehaviour"]>);
  chain.mine(5);
  await versions.until("an unfinished microbatch", "select bool_or(holds) from ampsync_private.lease");
  await versions.publish("1.1.0", { logs: V2["logs"]! });
  await versions.until("the adoption", "select version = '1.1.0' from ampsync.status");
  Object.assign(scenario.misbehaviour, { breaks: null });
  await scenario.db.query(
    "update ampsync_private.stream set version_since = version_since - interval '25 s'", // As if it was that long ago.
  );
  await versions.follows("1.1.0");
  await versions.holds("logs");
  expect(await versions.firstBlock("1.1.0")).toBe(30);
  await versions.expectLike("1.1.0", "logs", "block_hash, note, size, extra", "_block_num >= 30");
});

test.each<[FaultPoint, string]>([
  ["reload_planned", "before the database is told: another one takes the version over"],
  ["reload_answered", "when the version is taken over: another one goes on with it"],
])("a worker that is killed at %s, %s", async (point) => {
  await using versions = await Versions.start(V1);
  const { chain, scenario, worker } = versions;
  await worker.arm({ point, action: "kill", minChunks: 0 });
  await versions.publish("1.1.0", V2);
  await scenario.until("the worker to be killed", async () => worker.hasEnded);
  await scenario.releaseDead();
  versions.startWorker();
  await scenario.wakeSupervisor();
  chain.mine(5);
  await versions.follows("1.1.0");
  await versions.holds("logs");
  await versions.holds("traces");
  await versions.expectLike("1.1.0", "traces", "block_hash, extra");
  expect(await scenario.events("version_reload_success")).toBe(1);
});
