import { describe, expect, test } from "vitest";

import { findings, LinkedChain } from "../../support/chain/linked-chain.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { DATABASES, STATE_2026 } from "../../support/postgres/rust-ampsync.ts";
import { loadedStream, shadowOf, startResync, swap } from "../../support/postgres/shadow.ts";
import {
  COLUMNS,
  hashOf,
  registerDataset,
  SqlStream,
  type StreamOptions,
} from "../../support/postgres/sql-stream.ts";
import { advance, loadedDataset, markLive, newTable, startUpgrade } from "../../support/postgres/upgrade.ts";

const db = rolledBackDatabase();

const loaded = (options: StreamOptions = {}) => loadedStream(db, { identity: "transaction", ...options });

async function column(text: string): Promise<unknown[]> {
  const { rows } = await db.query(text);
  return rows.map((row) => Object.values(row)[0]);
}

/** The keys of all rows, in the order of their blocks. */
const keys = (table = "chain.blocks") =>
  column(
    `select _tx_id - (select min(_tx_id) from ${table}) || '/' || _row_index from ${table} order by _block_num_end`,
  );
const highest = async (table = "chain.blocks") =>
  BigInt(String((await column(`select max(_tx_id) from ${table}`))[0]));
const lowest = async (table = "chain.blocks") =>
  BigInt(String((await column(`select min(_tx_id) from ${table}`))[0]));
const indexes = (table = "chain.blocks") =>
  column(`select regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', '') from pg_index
           where indrelid = '${table}'::regclass order by 1`);

const KEY = "btree (_tx_id, _row_index)";
const BLOCKS = "btree (_block_num_end)";

test("the identity of a sync is fixed", async () => {
  await db.query("select ampsync.enqueue_sync('chain', identity => 'transaction')");
  await db.query("select ampsync.enqueue_sync('chain', identity => 'transaction')");
  await db.query("select ampsync.enqueue_sync('chain')");
  for (const door of ["enqueue_sync", "alter_sync"]) {
    expect(
      await refusal(db, () => db.query(`select ampsync.${door}('chain', identity => 'content')`)),
    ).toMatchObject({
      code: "SY004",
      message: "chain has identity 'transaction', which cannot be changed",
      hint: "select ampsync.enqueue_sync('chain');",
    });
  }
  expect(
    await refusal(db, () => db.query("select ampsync.enqueue_sync('x', identity => 'row')")),
  ).toMatchObject({
    code: "SY004",
    detail: "One of: content, transaction.",
  });
});

test("a table has the two columns as its key, and an index that finds blocks", async () => {
  await loaded();
  expect(await indexes()).toEqual([BLOCKS, KEY]);
  const names = await column(
    `select attname::text || ' ' || atttypid::regtype from pg_attribute
      where attrelid = 'chain.blocks'::regclass and attnum > 0 order by attnum`,
  );
  expect(names.slice(0, 4)).toEqual([
    "_tx_id bigint",
    "_row_index integer",
    "_block_num_start bigint",
    "_block_num_end bigint",
  ]);
  expect(names).not.toContain("_id bytea");
});

test("the rows of a microbatch share an id, which rises with each, and their index counts from 0", async () => {
  await loaded();
  expect(await keys()).toEqual(["0/0", "0/1", "0/2", "0/3", "0/4", "1/0", "1/1", "1/2", "1/3", "1/4"]);
});

describe.each([true, false])("where _block_num is given: %s", (hasBlockNum) => {
  test("a reorg removes the replaced blocks, and verify finds nothing", async () => {
    const stream = await loaded({ hasBlockNum });
    await stream.replace(5, 8, { fork: "b" });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 b5 b6 b7 b8");
    expect(await stream.view()).toMatchObject({ rows: "9", block: "8" });
    expect(await findings(db)).toEqual([]);
    await stream.apply(9, 9, { fork: "b" });
    expect(await findings(db)).toEqual([]);
  });
});

test("a reorg inside a microbatch leaves the rest of it counted", async () => {
  const stream = await loaded();
  await stream.replace(7, 8, { fork: "b" });
  expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 b7 b8");
  expect(await column("select row_count::int from ampsync_private.ledger order by first_block")).toEqual([
    5, 2, 2,
  ]);
  expect(await column("select distinct id_xor::int from ampsync_private.ledger")).toEqual([0]);
  expect(await findings(db)).toEqual([]);
});

describe("verify finds", () => {
  test.each<[string, string, readonly string[]]>([
    ["a deleted row", "delete from chain.blocks where _block_num = 3", ["blocks: missing block 3-3"]],
    [
      "a doubled row",
      "insert into chain.blocks select _tx_id, 99, _block_num_start, _block_num_end, _block_num, block_hash from chain.blocks where _block_num = 3",
      ["blocks: extra rows 3-3"],
    ],
    [
      "a row above the checkpoint",
      "insert into chain.blocks select _tx_id, 99, 50, 50, 50, block_hash from chain.blocks where _block_num = 3",
      ["blocks: rows outside 50-50"],
    ],
    [
      "a hash that is not that of the history",
      `update chain.blocks set block_hash = sha256('other') where _block_num = 9`,
      ["blocks: history differs 9-9"],
    ],
  ])("%s", async (_, damage, expected) => {
    await loaded();
    await db.query(damage);
    expect(await findings(db)).toEqual(expected);
  });
});

test("a repair fetches blocks again, with ids of its own", async () => {
  const stream = await loaded();
  await db.query("delete from chain.blocks where _block_num in (2, 3)");
  const before = await highest();
  await db.query("select ampsync.repair('chain', 'blocks', 2, 3)");
  await db.query("call ampsync_worker.begin_repair($1, $2, 2, 3)", [stream.id, stream.epoch]);
  await stream.insert(2, 3);
  await db.query("call ampsync_worker.commit_repair($1, $2, 2, 3, null, 2)", [stream.id, stream.epoch]);
  expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9");
  expect(await highest()).toBeGreaterThan(before);
  expect(await findings(db)).toEqual([]);
});

describe("a table is refused", () => {
  test.each<[string, string, string]>([
    ["without its key", "drop constraint blocks_pkey", "its primary key (_tx_id, _row_index) is gone"],
    [
      "without a column of its key",
      "drop column _row_index",
      "Columns of ampsync missing or changed: _row_index",
    ],
  ])("%s", async (_, change, message) => {
    const stream = await loaded();
    await db.query(`alter table chain.blocks ${change}`);
    expect(await refusal(db, () => stream.prepareTarget())).toMatchObject({
      code: "SY201",
      message: `target table of blocks does not fit the schema: ${message}`,
    });
  });

  test("without the index that finds blocks; the hint makes it", async () => {
    const stream = await loaded();
    await db.query("drop index chain.blocks__block_num_end_idx");
    const { hint } = await refusal(db, () => stream.prepareTarget());
    expect(hint).toBe("create index on chain.blocks (_block_num_end); select ampsync.resume_sync('chain');");
    await db.query(hint!.split(";")[0]!);
    await stream.prepareTarget();
  });

  test("emptied, or with rows above the checkpoint", async () => {
    const stream = await loaded();
    await db.query(
      "insert into chain.blocks select _tx_id, 99, 50, 50, 50, block_hash from chain.blocks where _block_num = 3",
    );
    expect((await refusal(db, () => stream.prepareTarget())).message).toContain(
      "holds rows above the checkpoint",
    );
    await db.query("truncate chain.blocks");
    expect((await refusal(db, () => stream.prepareTarget())).message).toContain("was emptied");
  });
});

describe("a resync", () => {
  test("replaces the table, with its key, its indexes and what hangs on it", async () => {
    const stream = await loaded();
    await db.query("create view chain.seen as select * from chain.blocks");
    await db.query("create index users_idx on chain.blocks (note)");
    const before = await highest();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 6, { expected: null });
    await shadow.apply(7, 10, { fork: "b", parentFork: "a", expected: 6 });
    expect(await swap(db, shadow)).toBe(true);

    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 b7 b8 b9 b10");
    expect(await column("select count(*)::int from chain.seen")).toEqual([11]);
    expect(await indexes()).toEqual(["btree (_block_num_end)", KEY, "btree (note)"]);
    expect(await column("select to_regclass('chain.blocks__block_num_end_idx')::text")).toEqual([
      "chain.blocks__block_num_end_idx",
    ]);
    expect(await lowest()).toBeGreaterThan(before);
    expect(await findings(db)).toEqual([]);

    const loadedUpTo = await highest();
    await stream.acquire("worker-3");
    await stream.prepareTarget();
    await stream.apply(11, 12, { fork: "b" });
    expect(await highest()).toBeGreaterThan(loadedUpTo);
    await stream.replace(11, 11, { fork: "c", parentFork: "b" });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 b7 b8 b9 b10 c11");
  });

  test("is due on a shorter chain only where the newest rows differ", async () => {
    const stream = await loaded();
    await db.query("delete from ampsync_private.history where last_block < 9");
    await db.query("alter table chain.blocks rename column block_hash to digest");
    await db.query(
      `update ampsync_private.stream set columns = replace(columns::text, 'block_hash', 'digest')::jsonb`,
    );
    const shadow = await startResync(db, stream, {
      columns: [
        { name: "digest", type: "bytea", not_null: true },
        { name: "note", type: "text", not_null: false },
      ],
    });
    const due = async () => (await column(`select ampsync_private.swap_is_due(${shadow.id})`))[0];
    await db.query(`alter table ${shadow.target} rename column digest to block_hash`);
    await shadow.apply(0, 6, { expected: null });
    await db.query(`alter table ${shadow.target} rename column block_hash to digest`);
    await db.query("select ampsync_worker.mark_live($1, $2)", [shadow.id, shadow.epoch]);
    expect(await due()).toBe(false);
    await db.query(`update ${shadow.target} set digest = decode($1, 'hex') where _block_num = 6`, [
      hashOf(6, "b").slice(2),
    ]);
    expect(await due()).toBe(true);
  });
});

describe("a sync that is dropped and begins again goes on above all ids of the one before", () => {
  test.each([false, true])("its tables dropped with it: %s", async (dropTables) => {
    await loaded();
    const before = await highest();
    await db.query("select ampsync.drop_sync('chain', drop_tables => $1)", [dropTables]);
    if (!dropTables) {
      await db.query(STATE_2026); // The Rust ampsync beside it, whose tables have the same key.
      await registerDataset(db, "chain", ["blocks"], "transaction");
      const { rows } = await db.query("select waiting_on from ampsync.status");
      expect(rows).toEqual([
        { waiting_on: "Target table chain.blocks exists since an earlier sync that was dropped" },
      ]);
      await db.query("select ampsync.drop_sync('chain')");
      await db.query("alter table chain.blocks rename to blocks_1");
    }
    const again = await SqlStream.prepare(db, { identity: "transaction" });
    await again.apply(0, 9);
    expect(await again.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9");
    expect(await lowest()).toBeGreaterThan(before);
  });

  test("and the table that is kept says below what its ids are", async () => {
    await loaded();
    await db.query("select ampsync.drop_sync('chain')");
    const [comment] = await column("select obj_description('chain.blocks'::regclass)");
    const [, bound] =
      /^Was kept in sync by ampsync, blocks of chain; its rows end at block 9, _tx_id below (\d+)[.]$/.exec(
        String(comment),
      ) ?? [];
    expect(BigInt(bound!)).toBeGreaterThan(await highest());
    const next = await SqlStream.register(db, { dataset: "other", identity: "transaction" });
    expect(BigInt((await next.acquire()).first_tx_id)).toBeGreaterThan(BigInt(bound!));
  });
});

describe("an upgrade and its rollback", () => {
  /** Version 2.0.0, with other rows and the same columns. */
  async function upgraded(): Promise<SqlStream[]> {
    const streams = await loadedDataset(db, ["blocks", "logs"], "chain", "transaction");
    await db.query(
      "create view chain.seen as select b.note from chain.blocks b join chain.logs using (_block_num)",
    );
    await startUpgrade(db, [newTable("blocks"), newTable("logs")]);
    for (const stream of streams) {
      const shadow = (await shadowOf(db, stream))!;
      await shadow.acquire("worker-2");
      await shadow.prepareTarget();
      await shadow.apply(0, 6, { fork: "b", expected: null });
      await shadow.apply(7, 9, { fork: "a", parentFork: "b", expected: 6 });
      await markLive(db, shadow);
    }
    for (let step = await advance(db); step !== "swap"; step = await advance(db)) expect(step).not.toBeNull();
    return streams;
  }

  const OLD = "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9";
  const NEW = "b0 b1 b2 b3 b4 b5 b6 a7 a8 a9";
  const rowsOf = async (streams: readonly SqlStream[]) =>
    await Promise.all(streams.map((stream) => stream.rows()));

  test("replace the tables, which go on with ids of their own", async () => {
    const streams = await upgraded();
    expect(await rowsOf(streams)).toEqual([NEW, NEW]);
    expect(await column("select distinct count(*)::int from chain.seen")).toEqual([10]);
    expect(await indexes()).toEqual([BLOCKS, KEY]);
    expect(await findings(db)).toEqual([]);
    const upgradedUpTo = await highest();

    await db.query("select ampsync.rollback_version('chain')");
    expect(await rowsOf(streams)).toEqual([OLD, OLD]);
    expect(await indexes()).toEqual([BLOCKS, KEY]);
    expect(await findings(db)).toEqual([]);
    await streams[0]!.acquire("worker-3");
    await streams[0]!.prepareTarget();
    await streams[0]!.replace(8, 10, { fork: "c" });
    expect(await streams[0]!.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 c8 c9 c10");
    expect(await highest()).toBeGreaterThan(upgradedUpTo);
    expect(await findings(db)).toEqual([]);
  });
});

test("a table that cannot be replaced refuses a resync before anything is loaded", async () => {
  const stream = await loaded();
  await db.query("create materialized view chain.counted as select count(*) from chain.blocks");
  await db.query("select ampsync.resync('chain')");
  const shadow = (await shadowOf(db, stream))!;
  await shadow.acquire("worker-2");
  expect(await refusal(db, () => shadow.prepareTarget())).toMatchObject({
    code: "SY201",
    detail: expect.stringContaining("materialized view chain.counted"),
  });
});

test("a new column is added", async () => {
  const stream = await loaded();
  const more = [...COLUMNS, { name: "size", type: "bigint", not_null: false }];
  expect(await stream.prepareTarget(more)).toEqual(["block_hash", "note", "size"]);
  await stream.apply(10, 11);
  expect(await findings(db)).toEqual([]);
});

test.each(Object.entries(DATABASES))(
  "adopt takes the place of tables of the Rust ampsync %s",
  async (_, { ddl }) => {
    await db.query(ddl);
    await db.query("create view public.notes as select note from public.blocks");
    const stream = await loaded({ dataset: "eth" });
    await markLive(db, stream);
    await db.query("select ampsync.adopt('eth')");
    expect(await indexes("public.blocks")).toEqual([BLOCKS, KEY]);
    expect(await column("select count(*)::int from public.notes")).toEqual([10]);
    const adopted = await highest("public.blocks");
    await db.query("update ampsync_private.lease set lease_until = null");
    await stream.acquire("worker-2");
    await stream.prepareTarget();
    await stream.beginApply({ from: 8, parentHash: hashOf(7, "a") });
    expect(await column("select max(_block_num)::int from public.blocks")).toEqual([7]);
    expect(await highest("public.blocks")).toBeLessThanOrEqual(adopted);
  },
);

test("tables of queries have the same key, and verify counts their rows", async () => {
  await db.query("select ampsync.enqueue_sync('mine', identity => 'transaction', queries => $1)", [
    JSON.stringify({ blocks: 'SELECT * FROM "_/eth@1.0.0".logs' }),
  ]);
  const [id] = await column("select stream_id::text from ampsync.streams");
  const stream = new SqlStream(db, String(id), "mine.blocks", false, "0");
  await stream.acquire();
  await stream.prepareTarget();
  await stream.apply(0, 4);
  await stream.apply(5, 9);
  expect(await indexes("mine.blocks")).toEqual([BLOCKS, KEY]);
  expect(await findings(db, null, "mine")).toEqual([]);
  await db.query("delete from mine.blocks where _block_num_end = 4");
  expect(await findings(db, null, "mine")).toEqual(["blocks: missing rows 0-4"]);
});

test("explain_sync shows the table as it is made then", async () => {
  const explain = (what: string) =>
    column(`select ${what} from ampsync.explain_sync('chain') where step = 'create'`);
  await db.query("select ampsync.enqueue_sync('chain', identity => 'transaction')");
  await explain("statement");
  await db.query(
    "select ampsync_worker.note_answer(a.answer_id, '1.0.0', null, true, $1, 99, null) from ampsync_private.answer a",
    [JSON.stringify([newTable("blocks")])],
  );
  const [schema, ...others] = await explain("statement");
  expect(schema).toBe("create schema chain");
  expect(others[0]).toContain("primary key (_tx_id, _row_index)");
  expect(others).toContain("create index on chain.blocks (_block_num_end)");
});

test("two tables of a dataset are compared by their block hashes", async () => {
  const chain = await LinkedChain.prepare(db, "transaction");
  await chain.load(0, 30, { step: 10 });
  await chain.reorg(25, 32, "b", "a");
  expect(await findings(db)).toEqual([]);
  await db.query("update chain.blocks set hash = sha256('') where _block_num = 14");
  await db.query("update chain.logs set block_hash = sha256(block_hash) where _block_num between 3 and 5");
  expect(await findings(db)).toEqual([
    "blocks: broken chain 14-15",
    "logs: tables disagree 3-5",
    "logs: tables disagree 14-14",
  ]);
});

test("each lease has ids of its own, and a stream with _id none", async () => {
  const stream = await loaded();
  await stream.endPass("yielded");
  const first = BigInt((await stream.acquire("worker-2")).first_tx_id);
  expect(first).toBeGreaterThan(await highest());
  const other = await SqlStream.register(db, { dataset: "other" });
  expect(await other.acquire()).toMatchObject({ first_tx_id: null });
});

test.each([
  ["content", "t._id >= ampsync_private.block_prefix($1) and t._id < ampsync_private.block_prefix($2)"],
  ["transaction", "t._block_num_end >= $1 and t._block_num_end < $2"],
])("the rows of blocks are found by the index of the key: %s", async (identity, expected) => {
  expect(await column(`select ampsync_private.in_blocks('${identity}', '$1', '$2')`)).toEqual([expected]);
});
