import { describe, expect, test } from "vitest";

import { rolledBackDatabase } from "../support/rolled-back.ts";
import { hashOf, registerDataset, SqlStream } from "../support/sql-stream.ts";

const db = rolledBackDatabase();

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

async function columnsOf(view: string): Promise<string[]> {
  const { rows } = await db.query(
    `select format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)) as text
       from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0 order by a.attnum`,
    [view],
  );
  return rows.map((row) => row["text"]);
}

test("ampsync.checkpoints begins with the eight known columns in their order", async () => {
  expect((await columnsOf("ampsync.checkpoints")).slice(0, 8)).toEqual(COLUMNS);
});

test("_ampsync_checkpoints of a target schema has exactly those", async () => {
  await SqlStream.prepare(db);
  expect(await columnsOf("chain._ampsync_checkpoints")).toEqual(COLUMNS);
});

describe.each(["ampsync.checkpoints", "chain._ampsync_checkpoints"])("%s", (view) => {
  test("shows a stream from its first commit on, with a hash of 32 bytes", async () => {
    const stream = await SqlStream.prepare(db);
    expect((await db.query(`select from ${view}`)).rowCount).toBe(0);
    await stream.apply(0, 9);
    const { rows } = await db.query(`select * from ${view}`);
    const committed_at = (await stream.view()).committed_at;
    expect(rows).toMatchObject([
      {
        table_name: "blocks",
        network: "mainnet",
        incremental_block_num: "9",
        incremental_updated_at: committed_at,
        watermark_block_num: "9",
        watermark_block_hash: Buffer.from(hashOf(9).slice(2), "hex"),
        watermark_updated_at: committed_at,
        updated_at: committed_at,
      },
    ]);
  });

  test("goes down with a reorg", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await stream.replace(5, 7, { fork: "b" });
    const { rows } = await db.query(`select incremental_block_num, watermark_block_num from ${view}`);
    expect(rows).toEqual([{ incremental_block_num: "7", watermark_block_num: "7" }]);
  });

  test("keeps tables apart", async () => {
    await registerDataset(db, "chain", ["blocks", "logs"]);
    const ends = { blocks: 4, logs: 9 };
    for (const [table, end] of Object.entries(ends)) {
      await (await SqlStream.prepare(db, { table })).apply(0, end);
    }
    const { rows } = await db.query(
      `select table_name, watermark_block_num::int as n from ${view} order by 1`,
    );
    expect(rows).toEqual([
      { table_name: "blocks", n: 4 },
      { table_name: "logs", n: 9 },
    ]);
  });
});

test("the view of a schema shows the tables of that schema only, those of every dataset in it", async () => {
  await (await SqlStream.prepare(db)).apply(0, 4);
  await (await SqlStream.prepare(db, { dataset: "other" })).apply(0, 9);
  await db.query("select ampsync.enqueue_sync('third', target_schema => 'chain')");
  await (await SqlStream.prepare(db, { dataset: "third", table: "logs" })).apply(0, 2);
  const { rows } = await db.query(
    "select table_name, watermark_block_num::int as n from chain._ampsync_checkpoints order by 1",
  );
  expect(rows).toEqual([
    { table_name: "blocks", n: 4 },
    { table_name: "logs", n: 2 },
  ]);
});
