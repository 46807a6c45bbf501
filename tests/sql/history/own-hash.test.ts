import { describe, expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { hashOf, SqlStream, type TargetColumn } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const bytea = (name: string): TargetColumn => ({ name, type: "bytea", not_null: false });

async function ownHash(stream: SqlStream, block: number): Promise<string | null> {
  const { rows } = await db.query("select ampsync_worker.own_hash($1, $2) as hash", [stream.id, block]);
  return rows[0]!["hash"];
}

test("the end of a watermark is known from the history", async () => {
  const stream = await SqlStream.prepare(db, { hasBlockNum: false });
  await stream.apply(0, 9);
  expect(await ownHash(stream, 9)).toBe(hashOf(9));
});

test("a block inside a microbatch is known from its rows", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  expect(await ownHash(stream, 4)).toBe(hashOf(4));
});

test("the column hash counts where there is a column parent_hash as well", async () => {
  const stream = await SqlStream.prepare(db, {
    columns: [bytea("hash"), bytea("parent_hash"), bytea("note")],
  });
  await db.query(`alter table ${stream.target} add column block_hash bytea`);
  await stream.apply(0, 9);
  await db.query(
    `update ${stream.target} set hash = block_hash, parent_hash = block_hash, block_hash = null`,
  );
  expect(await ownHash(stream, 4)).toBe(hashOf(4));
});

test.each([
  ["the rows of a table without block numbers", { hasBlockNum: false }, null],
  ["a column hash alone, which may be a transaction's", { columns: [bytea("hash"), bytea("x")] }, "hash"],
  ["a column of text", { columns: [{ name: "block_hash", type: "text", not_null: false }] }, "block_hash"],
])("%s proves nothing", async (_, options, column) => {
  const stream = await SqlStream.prepare(db, options);
  if (column === null) {
    await stream.apply(0, 9);
  } else {
    await db.query(
      `insert into ${stream.target} (_id, _block_num_start, _block_num_end, _block_num, ${column})
       values (ampsync_private.block_prefix(4) || '\\x01', 4, 4, 4, decode(repeat('ab', 32), 'hex'))`,
    );
  }
  expect(await ownHash(stream, 4)).toBeNull();
});

test("a block without rows, above the tip or with a hash of another size is unknown", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await db.query(`delete from ${stream.target} where _block_num = 3`);
  await db.query(`update ${stream.target} set block_hash = '\\xabab' where _block_num = 5`);
  expect(await ownHash(stream, 3)).toBeNull();
  expect(await ownHash(stream, 5)).toBeNull();
  expect(await ownHash(stream, 10)).toBeNull();
});

test("rows that know only the end of their range prove nothing for that block either", async () => {
  const stream = await SqlStream.prepare(db, { hasBlockNum: false });
  await stream.apply(0, 9);
  await db.query("delete from ampsync_private.history");
  expect(await ownHash(stream, 9)).toBeNull();
});

test("another stream's rows are never asked", async () => {
  const stream = await SqlStream.prepare(db);
  const other = await SqlStream.prepare(db, { dataset: "other" });
  await other.apply(0, 9);
  expect(await ownHash(stream, 4)).toBeNull();
});

test("a stream that has no target yet knows nothing", async () => {
  const stream = await SqlStream.register(db);
  expect(await ownHash(stream, 4)).toBeNull();
});

describe("the newest block up to another one that a stream holds a hash of", () => {
  async function newest(stream: SqlStream, block: number) {
    const { rows } = await db.query("select * from ampsync_worker.newest_hash($1, $2)", [stream.id, block]);
    return rows[0];
  }
  const bytesOf = (block: number) => Buffer.from(hashOf(block).slice(2), "hex");

  test("is that of the newest row up to there, where rows carry their block's hash", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 9);
    await db.query(`delete from ${stream.target} where _block_num in (3, 4)`);
    expect(await newest(stream, 4)).toEqual({ block: "2", hash: bytesOf(2), hash_column: "block_hash" });
    expect(await newest(stream, 99)).toMatchObject({ block: "9", hash: bytesOf(9) });
  });

  test("is the end of a watermark, where they do not", async () => {
    const stream = await SqlStream.prepare(db, { hasBlockNum: false });
    await stream.apply(0, 9);
    await stream.apply(10, 19);
    expect(await newest(stream, 18)).toEqual({ block: "9", hash: bytesOf(9), hash_column: null });
    expect(await newest(stream, 8)).toBeUndefined();
  });

  test("is not there before anything is", async () => {
    expect(await newest(await SqlStream.register(db), 5)).toBeUndefined();
  });
});
