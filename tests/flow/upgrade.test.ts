// Takes 44 s.
import { FixedSizeBinary, Uint64, Utf8 } from "apache-arrow";
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { VersionSource, type VersionTables } from "../support/chain/version-source.ts";
import { createLogicalDatabase } from "../support/postgres/logical-database.ts";
import type { TestDatabase } from "../support/postgres/postgres.ts";
import { type Look, RepeatedLook } from "../support/watch/repeated-look.ts";
import { Scenario } from "../support/worker/scenario.ts";

const HASH = { type: new FixedSizeBinary(32), nullable: false };
const V1: VersionTables = {
  blocks: { block_hash: HASH, size: new Uint64() },
  logs: { block_hash: HASH, note: new Utf8(), size: new Uint64() },
  transactions: { block_hash: HASH, note: new Utf8() },
};
/** More columns, another table. */
const V1_1: VersionTables = {
  blocks: { block_hash: HASH, size: new Uint64(), weight: new Uint64() },
  logs: { block_hash: HASH, topic: new Utf8(), note: new Utf8(), size: new Uint64() },
  transactions: { block_hash: HASH, note: new Utf8() },
  traces: { block_hash: HASH, note: new Utf8() },
};
/** Another type in blocks, a column less in logs, another table. */
const V2: VersionTables = {
  blocks: { block_hash: HASH, size: new Utf8(), weight: new Uint64() },
  logs: { block_hash: HASH, topic: new Utf8(), size: new Uint64() },
  transactions: { block_hash: HASH, note: new Utf8() },
  traces: { block_hash: HASH, note: new Utf8() },
  receipts: { block_hash: HASH, note: new Utf8() },
};
const ROWS_PER_BLOCK = 2;
/** The OID of its type. */
const TEXT = 25;
/** What tells the versions apart in the rows themselves. */
const SHAPE = `concat_ws(' ',
  (select concat_ws(' ', pg_typeof(b.size), case when to_jsonb(b) ? 'weight' then 'weight' end) from chain.blocks b limit 1),
  (select concat_ws(' ', case when to_jsonb(l) ? 'topic' then 'topic' end, case when to_jsonb(l) ? 'note' then 'note' end)
     from chain.logs l limit 1))`;

/** Fails unless a row says that so many were found as there have to be, and not none. */
function expectWhole(what: string, row: { found: number; expected: number | null }): void {
  if (row.found === 0 || row.found !== row.expected) {
    throw new Error(`${what}: ${JSON.stringify(row)}`);
  }
}

const JOIN = `select count(*)::int as found, ((select ampsync.cut('anvil')) + 1)::int * ${ROWS_PER_BLOCK ** 3} as expected,
                     ${SHAPE} as shape
                from chain.blocks b join chain.logs l using (_block_num) join chain.transactions t using (_block_num)
               where _block_num <= (select ampsync.cut('anvil'))`;

const join: Look = async (client) => {
  const row = (await client.query(JOIN)).rows[0]!;
  expectWhole("join", row);
  return row.shape;
};

const prepared: Look = async (client) => {
  const { rows } = await client.query({
    name: "named columns", // Prepared once, for all versions.
    text: `select count(size)::int + count(*) filter (where size is null)::int as found,
                  (max(_block_num) + 1)::int * ${ROWS_PER_BLOCK} as expected, min(pg_typeof(size)::text) as shape
             from chain.blocks where block_hash is not null`,
  });
  expectWhole("prepared statement", rows[0]!);
  return rows[0]!.shape;
};

const view: Look = async (client) => {
  const { rows } = await client.query(
    `select count(*)::int as found, ((select ampsync.cut('anvil')) + 1)::int * ${ROWS_PER_BLOCK ** 2} as expected,
            min(pg_typeof(size)::text) as shape
       from chain.above where _block_num <= (select ampsync.cut('anvil'))`,
  );
  expectWhole("view", rows[0]!);
  return rows[0]!.shape;
};

const repeatableRead: Look = async (client) => {
  await client.query("begin isolation level repeatable read");
  await client.query("lock table chain.blocks, chain.logs, chain.transactions in access share mode");
  const first = (await client.query(JOIN)).rows[0]!;
  const again = (await client.query(JOIN)).rows[0]!;
  await client.query("commit");
  expectWhole("repeatable read", first);
  expect(again).toEqual(first);
  return first.shape;
};

/** A consumer of all changes, who keeps those of the synced tables. */
class Consumer {
  readonly #changes: { table: string; kind: string; id: string; block: number }[] = [];

  readonly look: Look = async (client) => {
    const { rows } = await client.query(
      "select data from pg_logical_slot_get_changes('consumer', null, null) where data like 'table chain.%'",
    );
    for (const { data } of rows) {
      const [, table, kind] = /^table chain\.(\w+): (\w+):/.exec(data)!;
      const id = /\b_id\[bytea\]:'(\S+)'/.exec(data)![1]!;
      const block = Number(/\b_block_num\[bigint\]:(\d+)/.exec(data)?.[1]);
      this.#changes.push({ table: table!, kind: kind!, id, block });
    }
    return "";
  };

  /** The blocks that were inserted into a table, one after the other. */
  blocks(table: string): readonly number[] {
    return this.#changes
      .filter((change) => change.table === table && change.kind === "INSERT")
      .map(({ block }) => block)
      .filter((block, i, blocks) => block !== blocks[i - 1]);
  }

  /** The ids of the rows of a table after all changes. Fails for a row that comes twice, or goes without having come. */
  held(table: string): readonly string[] {
    const held = new Set<string>();
    for (const change of this.#changes.filter((each) => each.table === table)) {
      if (change.kind === "INSERT" ? held.has(change.id) : !held.delete(change.id)) {
        throw new Error(JSON.stringify(change));
      }
      if (change.kind === "INSERT") held.add(change.id);
    }
    return [...held].sort();
  }
}

/** What a subscriber is told of chain.blocks, one word a shape: the tables by number, and what tells the versions apart. */
function shapesOf(changes: readonly Buffer[]): readonly string[] {
  const tables: number[] = [];
  const shapes = changes.flatMap((change) => {
    if (change.toString("latin1", 0, 1) !== "R") return []; // Not the description of a table.
    const text = change.toString("latin1");
    if (!text.includes("chain\0blocks\0")) return [];
    const oid = change.readInt32BE(1);
    if (!tables.includes(oid)) tables.push(oid);
    const size = change.readInt32BE(text.indexOf("\0size\0") + "\0size\0".length);
    return [
      `${tables.indexOf(oid)} ${size === TEXT ? "text" : "numeric"}${text.includes("weight") ? " weight" : ""}`,
    ];
  });
  return shapes.filter((shape, i) => shape !== shapes[i - 1]);
}

/** A chain that gets a block every 200 ms, except when it is to stand still. */
class Mine implements Disposable {
  readonly #timer: NodeJS.Timeout;
  isOpen = true;

  constructor(chain: GeneratedSource) {
    this.#timer = setInterval(() => {
      if (this.isOpen) chain.mine(1);
    }, 200);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Tables with the columns to compare, as expressions; `_id` is one of them where rows have to be loaded again. */
type Columns = Readonly<Record<string, string>>;

/** Fails unless these expressions are, in the tables of a sync, what others are in a fresh load of a version. */
async function expectLike(
  scenario: Scenario,
  chain: GeneratedSource,
  version: string,
  columns: Columns,
  ofFresh: Columns = columns,
): Promise<void> {
  const { db } = scenario;
  const head = chain.chain.head()!.number;
  await db.query("select ampsync.enqueue_sync($1, target_schema => 'fresh', block_index => 'none')", [
    `anvil@${version}`,
  ]);
  for (const [table, expressions] of Object.entries(columns)) {
    await scenario.until(`${table} and its like at block ${head}`, async () => {
      const { rows } = await db.query(
        "select count(*)::int as n from ampsync.streams where target in ($1, $2) and block = $3",
        [`fresh.${table}`, `chain.${table}`, head],
      );
      return rows[0]!["n"] === 2;
    });
    const held = `(select ${expressions} from chain.${table})`;
    const fresh = `(select ${ofFresh[table]} from fresh.${table})`;
    const { rows } = await db.query(
      `(${held} except all ${fresh}) union all (${fresh} except all ${held}) limit 5`,
    );
    expect(rows).toEqual([]);
  }
  expect((await db.query("select * from ampsync.verify('anvil')")).rows).toEqual([]);
  await db.query("select ampsync.drop_sync($1, drop_tables => true)", [`anvil@${version}`]);
}

/** Which version each table has, from which block on. */
async function versionsOf(db: TestDatabase): Promise<Record<string, string>> {
  const { rows } = await db.query(
    `select table_name, string_agg(format('%s from %s to %s', version, first_block, coalesce(last_block::text, 'now')), ', '
                                   order by first_block) as versions
       from ampsync.version_history where dataset = 'anvil' group by table_name`,
  );
  return Object.fromEntries(rows.map((row) => [row["table_name"], row["versions"]]));
}

test("a dataset over three versions, in place and by upgrade, with a rollback: readers see one version after the other, and nothing else", async () => {
  const chain = new GeneratedSource({ blocks: 30 });
  await using scenario = await Scenario.start({
    source: new VersionSource(chain, V1),
    dataset: { namespace: "_", name: "anvil", version: "1.0.0" },
    db: await createLogicalDatabase(),
  });
  const { db, server } = scenario;
  const query = async (text: string) => (await db.query(text)).rows;
  const status = async () => (await query("select * from ampsync.status where dataset = 'anvil'"))[0]!;
  const until = (condition: string) =>
    scenario.until(condition, async () => (await query(`select (${condition}) as holds`))[0]!["holds"]);
  const follows = (version: string) =>
    until(
      `select version = '${version}' and new_version is null from ampsync.status where dataset = 'anvil'`,
    );

  await query("select pg_create_logical_replication_slot('consumer', 'test_decoding')");
  const sync = await scenario.sync();
  await query("select ampsync.alter_sync('anvil', poll_interval => '1 s')");
  const worker = scenario.startWorker();
  await sync.reaches();
  await db.query(`
    create view chain.joined as select b._block_num, b.block_hash, b.size from chain.blocks b join chain.logs l using (_block_num);
    create view chain.above with (security_barrier) as select * from chain.joined;
    comment on view chain.above is 'of a user';
    create publication published for table chain.blocks, chain.logs, chain.transactions;
    create role reader;
    grant usage on schema chain, ampsync to reader;
    grant execute on function ampsync.cut to reader;
    grant select on chain.blocks, chain.logs, chain.transactions, chain.above to reader`);
  await query("select pg_create_logical_replication_slot('subscriber', 'pgoutput')");
  const consumer = new Consumer();
  const consuming = await RepeatedLook.start(db, consumer.look);
  const readers = await Promise.all(
    [join, prepared, view, repeatableRead].map((look) =>
      RepeatedLook.start(db, async (client) => {
        await client.query("set role reader");
        return await look(client);
      }),
    ),
  );
  using mine = new Mine(chain);

  const expectPublished = async () =>
    expect(
      await query(
        "select string_agg(tablename, ' ' order by tablename) as tables from pg_publication_tables where pubname = 'published'",
      ),
    ).toEqual([{ tables: "blocks logs transactions" }]);

  // What it adds is taken over in place.
  server.publish("1.1.0", new VersionSource(chain, V1_1));
  await follows("1.1.0");
  await until("select state = 'live' from ampsync.streams where target = 'chain.traces'");
  await until(
    "select count(*) = 4 from ampsync.version_history where dataset = 'anvil' and version = '1.1.0'",
  );
  mine.isOpen = false;
  const inPlace = await versionsOf(db);
  const since = Object.fromEntries(
    Object.entries(inPlace).map(([table, text]) => [table, Number(/1\.1\.0 from (\d+)/.exec(text)![1])]),
  );
  expect(inPlace["traces"]).toBe("1.1.0 from 0 to now");
  for (const table of ["blocks", "logs", "transactions"]) {
    expect(since[table]).toBeGreaterThanOrEqual(30);
    expect(inPlace[table]).toBe(`1.0.0 from 0 to ${since[table]! - 1}, 1.1.0 from ${since[table]} to now`);
  }
  const inPlaceColumns = {
    blocks: "_block_num, block_hash, size, weight",
    logs: "_block_num, block_hash, note, size, topic",
    transactions: "_id, block_hash, note",
    traces: "_id, block_hash, note",
  };
  const inPlaceFresh = {
    ...inPlaceColumns,
    blocks: `_block_num, block_hash, size, case when _block_num >= ${since["blocks"]} then weight end`,
    logs: `_block_num, block_hash, note, size, case when _block_num >= ${since["logs"]} then topic end`,
  };
  await expectLike(scenario, chain, "1.1.0", inPlaceColumns, inPlaceFresh);
  await expectPublished();
  mine.isOpen = true;

  // What cannot be taken over is refused; all goes on.
  server.publish("2.0.0", new VersionSource(chain, V2));
  await scenario.until("the refusal", async () => (await status())["error_code"] === "SY201");
  expect(await status()).toMatchObject({
    state: "live",
    version: "1.1.0",
    new_version: "2.0.0",
    waiting_on: expect.stringMatching(
      /^version 2\.0\.0 of anvil cannot be followed: table blocks: Type changes detected \(unsupported\): size .*; table logs: Columns dropped .*note/,
    ),
    hint: expect.stringMatching(/^select ampsync.resync\('anvil'\);/),
  });
  const refusedAt = Number((await status())["block"]);
  await until(`select block > ${refusedAt + 5} from ampsync.status where dataset = 'anvil'`);
  expect(await versionsOf(db)).toEqual(inPlace);

  // The hint, as it is printed. One reader holds the swap up, so that another one begins right before it.
  const holder = await db.client();
  await holder.query("begin; select from chain.blocks limit 0");
  await query((await status())["hint"]);
  await until("select count(*) = 1 from ampsync.events where event = 'upgrade_frozen'");
  const across = await db.client();
  await across.query("begin isolation level repeatable read");
  const count = async (table: string) =>
    (await across.query(`select count(*)::int as n from chain.${table}`)).rows[0]!["n"];
  const before = await count("transactions");
  await holder.query("commit");
  await follows("2.0.0");
  expect(await count("transactions")).toBe(before);
  expect(await count("blocks")).toBeGreaterThanOrEqual(before - 10 * ROWS_PER_BLOCK);
  await across.query("commit");

  const upgradedColumns = {
    blocks: "_id, block_hash, size, weight",
    logs: "_id, block_hash, size, topic",
    transactions: "_id, block_hash, note",
    traces: "_id, block_hash, note",
    receipts: "_id, block_hash, note",
  };
  const upgraded = async () => {
    await until("select state = 'live' from ampsync.streams where target = 'chain.receipts'");
    mine.isOpen = false;
    expect(await versionsOf(db)).toEqual(
      Object.fromEntries(Object.keys(V2).map((table) => [table, "2.0.0 from 0 to now"])),
    );
    await expectLike(scenario, chain, "2.0.0", upgradedColumns);
    await expectPublished();
    expect(await query("select obj_description('chain.above'::regclass) as comment")).toEqual([
      { comment: "of a user" },
    ]);
    mine.isOpen = true;
  };
  await upgraded();

  await query("select ampsync.rollback_version('anvil')");
  await until(
    "select bool_and(state = 'live') from ampsync.streams where dataset = 'anvil' and table_name <> 'receipts'",
  );
  mine.isOpen = false;
  const { receipts, ...back } = await versionsOf(db);
  expect(receipts).toBe("2.0.0 from 0 to now");
  expect(back).toEqual(inPlace);
  expect(await sync.states()).toMatchObject({ receipts: "orphaned" });
  await expectLike(scenario, chain, "1.1.0", inPlaceColumns, inPlaceFresh);
  await expectPublished();
  mine.isOpen = true;
  expect(await status()).toMatchObject({ version: "1.1.0", new_version: "2.0.0" });

  // Forward again, by the hint.
  await query((await status())["hint"]);
  await follows("2.0.0");
  await upgraded();

  const shapes = [
    "numeric note",
    "numeric weight topic note",
    "text weight topic",
    "numeric weight topic note",
    "text weight topic",
  ];
  const sizes = ["numeric", "text", "numeric", "text"];
  mine.isOpen = false;
  const [joins, prepares, views, repeatables] = await Promise.all(readers.map((reader) => reader.stop()));
  expect(joins).toEqual(shapes);
  expect(repeatables).toEqual(shapes);
  expect(prepares).toEqual(sizes);
  expect(views).toEqual(sizes);
  expect(worker.hasEnded).toBe(false);

  await consuming.stop();
  await consumer.look(await db.client()); // To the end.
  const ids = await query("select _id::text as id from chain.transactions order by _id");
  expect(consumer.held("transactions")).toEqual(ids.map((row) => row["id"])); // It was never replaced.
  const told = await query(
    `select data from pg_logical_slot_get_binary_changes('subscriber', null, null,
              'proto_version', '1', 'publication_names', 'published')`,
  );
  expect(shapesOf(told.map((row) => row["data"]))).toEqual([
    "0 numeric",
    "0 numeric weight", // The column was added to the same table.
    "1 text weight",
    "0 numeric weight",
    "2 text weight",
  ]);
  const blocks = consumer.blocks("blocks");
  expect(blocks.at(-1)).toBe(Number(chain.chain.head()!.number));
  expect(blocks.filter((block, i) => i > 0 && block !== blocks[i - 1]! + 1).length).toBeLessThanOrEqual(3); // The swaps.
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
  const columns = { blocks: "_id, block_hash, size, weight", logs: "_id, block_hash, size, topic" };
  await expectLike(scenario, chain, "2.0.0", columns);
});
