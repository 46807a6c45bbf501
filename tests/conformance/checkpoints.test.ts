import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { hashOf, SqlStream, watermark } from "../support/postgres/sql-stream.ts";

let db: TestDatabase;
let dataset: string;
let datasets = 0;

beforeAll(async () => {
  db = await createDatabase();
});
beforeEach(() => {
  dataset = `chain_${++datasets}`;
});
afterAll(() => db.drop());

/** Fixed: users and the tools of other ampsync programs read them by position. */
const COLUMNS = [
  "table_name text",
  "network text",
  "incremental_block_num bigint",
  "incremental_updated_at timestamp with time zone",
  "watermark_block_num bigint",
  "watermark_block_hash bytea",
  "watermark_updated_at timestamp with time zone",
  "updated_at timestamp with time zone",
];

const prepare = (options: { table?: string; hasBlockNum?: boolean } = {}) =>
  SqlStream.prepare(db, { dataset, ...options });

/** A microbatch from the checkpoint, or the first block, to this one; without rows. */
async function save(stream: SqlStream, end: number, network = "mainnet"): Promise<void> {
  const { block } = await stream.view();
  await db.query("begin");
  await stream.beginApply();
  await stream.commitApply([watermark(block === null ? 0 : Number(block) + 1, end)], 0, { network });
  await db.query("commit");
}

/** What the view of this test's schema shows, in the words of the earlier programs. */
async function shown(through: Pick<TestDatabase, "query"> = db, view = `${dataset}._ampsync_checkpoints`) {
  const { rows } = await through.query(
    `select table_name, network, incremental_block_num::int as incremental, watermark_block_num::int as watermark,
            '0x' || encode(watermark_block_hash, 'hex') as hash
       from ${view} order by table_name, network`,
  );
  return rows;
}

/** End and hash of the entry that the next pass resumes from; null: from the beginning. */
async function resumesFrom(stream: SqlStream) {
  await stream.endPass("yielded");
  const { end, hash } = (await stream.acquire()).history.at(-1) ?? {};
  return end === undefined ? null : { end, hash };
}

async function columnsOf(view: string): Promise<string[]> {
  const { rows } = await db.query(
    `select format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)) as text
       from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 order by a.attnum`,
    [view],
  );
  return rows.map((row) => row["text"]);
}

describe("init_checkpoint_table", () => {
  test("ampsync.checkpoints begins with the eight known columns in their order", async () => {
    expect((await columnsOf("ampsync.checkpoints")).slice(0, 8)).toEqual(COLUMNS);
  });

  test("_ampsync_checkpoints of a target schema has exactly those", async () => {
    await prepare();
    expect(await columnsOf(`${dataset}._ampsync_checkpoints`)).toEqual(COLUMNS);
  });

  test("a table and network of a schema has one row, because a target has one stream", async () => {
    const stream = await prepare();
    await expect(
      db.query(
        `insert into ampsync_private.stream (dataset_id, table_name, target_schema, target_table, since)
         select dataset_id, 'another', target_schema, target_table, now()
           from ampsync_private.stream where stream_id = $1`,
        [stream.id],
      ),
    ).rejects.toMatchObject({ code: "23505", constraint: "stream_target_key" });
  });
});

test("load_watermark_none: before the first commit nothing is shown, and a pass starts from the beginning", async () => {
  const stream = await prepare();
  expect(await shown()).toEqual([]);
  expect(await resumesFrom(stream)).toBeNull();
});

test("save_and_load_watermark: number and hash of 32 bytes come back", async () => {
  const stream = await prepare();
  await save(stream, 1000);
  const hash = hashOf(1000);
  expect(await shown()).toEqual([
    { table_name: "blocks", network: "mainnet", incremental: 1000, watermark: 1000, hash },
  ]);
  expect(await resumesFrom(stream)).toEqual({ end: "1000", hash });

  const { rows } = await db.query(`select * from ${dataset}._ampsync_checkpoints`);
  const { committed_at } = await stream.view();
  expect(rows).toMatchObject([
    { incremental_updated_at: committed_at, watermark_updated_at: committed_at, updated_at: committed_at },
  ]);
});

test("save_watermark_upsert: 1000, then 2000, is 2000", async () => {
  const stream = await prepare();
  await save(stream, 1000);
  await save(stream, 2000);
  expect(await shown()).toMatchObject([{ watermark: 2000, hash: hashOf(2000) }]);
});

test("multiple_tables_separate_watermarks: each table has its own", async () => {
  for (const [table, end] of Object.entries({ blocks: 5000, logs: 3000, transactions: 7000 })) {
    await save(await prepare({ table }), end);
  }
  expect(await shown()).toMatchObject([
    { table_name: "blocks", watermark: 5000 },
    { table_name: "logs", watermark: 3000 },
    { table_name: "transactions", watermark: 7000 },
  ]);
});

test("multi_network_watermark: tables of one name on two networks are apart, each in its schema", async () => {
  await save(await prepare(), 1000);
  const first = dataset;
  dataset = `${dataset}_sepolia`;
  await save(await prepare(), 2000, "sepolia");
  const both = `(select * from ampsync.checkpoints where target_schema in ('${first}', '${dataset}')) c`;
  expect(await shown(db, both)).toMatchObject([
    { table_name: "blocks", network: "mainnet", watermark: 1000 },
    { table_name: "blocks", network: "sepolia", watermark: 2000 },
  ]);
  expect(await shown()).toMatchObject([{ network: "sepolia", watermark: 2000 }]);
});

test("the view of a schema shows the tables of every dataset in it", async () => {
  await save(await prepare(), 4);
  const schema = dataset;
  dataset = `${dataset}_more`;
  await db.query("select ampsync.enqueue_sync($1, target_schema => $2)", [dataset, schema]);
  await save(await prepare({ table: "logs" }), 2);
  expect(await shown(db, `${schema}._ampsync_checkpoints`)).toMatchObject([
    { table_name: "blocks", watermark: 4 },
    { table_name: "logs", watermark: 2 },
  ]);
});

test("watermark_survives_reconnection: a second connection reads the same", async () => {
  const stream = await prepare();
  await save(stream, 1000);
  const second = await db.client();
  expect(await shown(second)).toMatchObject([{ watermark: 1000, hash: hashOf(1000) }]);
  await stream.endPass("yielded");
  expect((await stream.through(second).acquire()).history).toMatchObject([
    { end: "1000", hash: hashOf(1000) },
  ]);
});

test("incremental_checkpoint_between_watermarks: both move with a watermark only, and that is where it resumes", async () => {
  const stream = await prepare();
  await db.query("begin");
  await stream.beginApply();
  await stream.insert(0, 50); // Of an unfinished microbatch.
  await db.query("rollback");
  expect(await shown()).toEqual([]);
  expect(await resumesFrom(stream)).toBeNull();

  for (const end of [100, 200, 300]) await save(stream, end);
  expect(await shown()).toMatchObject([{ incremental: 300, watermark: 300 }]);
  expect(await resumesFrom(stream)).toEqual({ end: "300", hash: hashOf(300) });
  await save(stream, 500);
  expect(await shown()).toMatchObject([{ incremental: 500, watermark: 500 }]);
});

test("both numbers go down with a reorg", async () => {
  const stream = await prepare();
  await stream.commit(0, 9);
  await db.query("begin");
  await stream.replace(5, 7, { fork: "b" });
  await db.query("commit");
  expect(await shown()).toMatchObject([{ incremental: 7, watermark: 7, hash: hashOf(7, "b") }]);
});

describe("rows that know the range of their microbatch only", () => {
  const ranges = async ({ target }: SqlStream) => {
    const { rows } = await db.query(
      `select distinct _block_num_start || '-' || _block_num_end as range from ${target} order by 1`,
    );
    return rows.map((row) => row["range"]);
  };

  test("invalidate_batches_after_watermark: those above it go, the others remain", async () => {
    const stream = await prepare({ hasBlockNum: false });
    for (const [start, end] of [
      [100, 199],
      [200, 300],
      [301, 399],
      [400, 499],
    ] as const) {
      await stream.commit(start, end);
    }
    await db.query("begin");
    await stream.beginApply({ from: 301, parentHash: hashOf(300) });
    expect(await ranges(stream)).toEqual(["100-199", "200-300"]);
    await db.query("rollback");
  });

  test("invalidate_batches_with_no_watermark: without a reorg no row goes", async () => {
    const stream = await prepare({ hasBlockNum: false });
    await stream.commit(100, 199);
    await db.query("begin");
    await stream.beginApply();
    expect(await ranges(stream)).toEqual(["100-199"]);
    await db.query("rollback");
  });

  test("reorg_with_injected_block_num: a range that spans the fork goes whole, for readers with its replacement", async () => {
    const stream = await prepare({ hasBlockNum: false });
    await stream.commit(0, 0);
    await stream.commit(1, 100);
    const reader = await db.client();
    const seen = stream.through(reader);
    await db.query("begin");
    await stream.beginApply({ from: 1, parentHash: hashOf(0) });
    expect(await stream.rows()).toBe("a0");
    expect((await seen.rows()).split(" ")).toHaveLength(101);
    await stream.insert(1, 3, "b");
    await stream.commitApply([watermark(1, 3, { fork: "b", parentFork: "a" })], 3);
    await db.query("commit");
    expect(await seen.rows()).toBe("a0 b1 b2 b3");
  });
});

test("insert_and_delete: three rows, and none when all of them are removed", async () => {
  const stream = await prepare();
  await stream.commit(0, 2);
  expect(await stream.rows()).toBe("a0 a1 a2");
  await db.query("begin");
  await stream.beginApply({ from: null, parentHash: null });
  expect(await stream.rows()).toBe("");
  await db.query("rollback");
});

test("state store, crash: what was not committed is lost, what was is kept", async () => {
  const stream = await prepare();
  await stream.commit(0, 4);
  const writer = await db.client();
  const dying = stream.through(writer);
  await writer.query("begin");
  await dying.apply(5, 9);
  await writer.end();
  expect(await stream.history()).toEqual(["0-4"]);
  expect(await stream.rows()).toBe("a0 a1 a2 a3 a4");
  await stream.commit(5, 9);
  expect(await stream.history()).toEqual(["0-4", "5-9"]);
});
