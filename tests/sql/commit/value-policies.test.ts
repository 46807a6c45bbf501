import { beforeEach, describe, expect, test } from "vitest";

import { planTable } from "../../../src/encoder/plan.ts";
import { CONTAINERS, SCALARS } from "../../support/arrow/arbitraries.ts";
import { journaledDetails } from "../../support/postgres/journal.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, shadowOf, startResync, swap } from "../../support/postgres/shadow.ts";
import { SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const policy = (value: string) =>
  db.query("select ampsync.enqueue_sync('chain', value_policy => $1)", [value]);

const rejected = (block: number, note = "x") => ({
  block: `${block}`,
  row: 3,
  column: "note",
  sqlstate: "SY203",
  reason: "too long",
  values: { note },
});

const counted = (column: string, count: number, block = 1) => ({
  column,
  count,
  block: `${block}`,
  row: 0,
  reason: "a NUL",
});

/** A writing transaction with one row per block, and what the policies did. */
async function apply(stream: SqlStream, start: number, end: number, values: object): Promise<void> {
  const { block } = await stream.view();
  await stream.beginApply();
  await stream.insert(start, end);
  await db.query("call ampsync_worker.commit_apply($1, $2, $3, 'mainnet', $4, $5, $6)", [
    stream.id,
    stream.epoch,
    block,
    JSON.stringify([watermark(start, end)]),
    end - start + 1,
    JSON.stringify({ rejected: [], nulled: [], nuls: [], ...values }),
  ]);
}

async function rejects(): Promise<string[]> {
  const { rows } = await db.query("select * from ampsync.rejects order by block, reject_id");
  return rows.map((row) => `${row["block"]}:${row["row_values"]?.["note"] ?? "untold"}`);
}

const findings = async () => (await db.query("select * from ampsync.verify('chain')")).rows;

describe("rejected rows", () => {
  let stream: SqlStream;

  beforeEach(async () => {
    stream = await SqlStream.prepare(db);
    await apply(stream, 0, 4, { rejected: [rejected(2, "two"), rejected(4, "four")] });
    await apply(stream, 5, 9, { rejected: [{ ...rejected(7), values: null, column: null }] });
  });

  test("are shown with all that is known, and counted", async () => {
    const { rows } = await db.query("select * from ampsync.rejects order by block");
    expect(rows[0]).toMatchObject({
      dataset: "chain",
      table_name: "blocks",
      block: "2",
      row_number: "3",
      column_name: "note",
      sqlstate: "SY203",
      reason: "too long",
      row_values: { note: "two" },
      rejected_at: expect.any(Date),
    });
    expect(rows[2]).toMatchObject({ block: "7", column_name: null, row_values: null });
    expect(await stream.view()).toMatchObject({ rejected: "3", rows: "10" });
  });

  test("are journaled once a commit", async () => {
    expect(await journaledDetails(db, "row_quarantined")).toEqual([
      { rows: 2, block: "2", row: 3, column: "note", sqlstate: "SY203", reason: "too long" },
      expect.objectContaining({ rows: 1, block: "7" }),
    ]);
  });

  test("go with their blocks in a reorg", async () => {
    await stream.replace(7, 9, { fork: "b" });
    expect(await rejects()).toEqual(["2:two", "4:four"]);
    await stream.replace(3, 5, { fork: "c" });
    expect(await rejects()).toEqual(["2:two"]);
    await stream.beginApply({ from: null, parentHash: null });
    expect(await rejects()).toEqual([]);
  });

  test("are replaced by a repair, of which they count as rows", async () => {
    await db.query("select ampsync.repair('chain', 'blocks', 2, 4)");
    await db.query("update ampsync_private.repair set due_at = now()");
    await db.query("call ampsync_worker.begin_repair($1, $2, 2, 4)", [stream.id, stream.epoch]);
    expect(await rejects()).toEqual(["7:untold"]);
    await db.query("call ampsync_worker.commit_repair($1, $2, 2, 4, null, 0, $3)", [
      stream.id,
      stream.epoch,
      JSON.stringify({ rejected: [2, 3, 4].map((block) => rejected(block, "all")), nulled: [], nuls: [] }),
    ]);
    expect(await rejects()).toEqual(["2:all", "3:all", "4:all", "7:untold"]);
    expect(await journaledDetails(db, "row_quarantined")).toHaveLength(3);
    expect(await stream.view()).toMatchObject({ rejected: "4", rows: "7" });
  });

  test("of a resync show when it takes the table's place", async () => {
    const shadow = await startResync(db, stream);
    await shadow.beginApply();
    await shadow.insert(0, 9);
    await db.query("call ampsync_worker.commit_apply($1, $2, null, 'mainnet', $3, 10, $4)", [
      shadow.id,
      shadow.epoch,
      JSON.stringify([watermark(0, 9)]),
      JSON.stringify({ rejected: [rejected(8, "new")], nulled: [], nuls: [counted("note", 4)] }),
    ]);
    expect(await rejects()).toEqual(["2:two", "4:four", "7:untold"]);
    expect(await swap(db, shadow)).toBe(true);
    expect(await rejects()).toEqual(["8:new"]);
    expect(await stream.view()).toMatchObject({ rejected: "1", nuls: { note: 4 } });
    expect(await findings()).toEqual([]);
  });
});

test("rejected rows are no damage, and verify says that they are there", async () => {
  const client = await db.client();
  const notices: (string | undefined)[] = [];
  client.on("notice", ({ message }) => notices.push(message));
  await client.query("begin");
  const other = await SqlStream.prepare(client);
  await other.beginApply();
  await client.query("call ampsync_worker.commit_apply($1, $2, null, 'mainnet', $3, 0, $4)", [
    other.id,
    other.epoch,
    JSON.stringify([watermark(0, 0)]),
    JSON.stringify({ rejected: [rejected(0)], nulled: [], nuls: [] }),
  ]);
  const { rows } = await client.query("select * from ampsync.verify('chain')");
  await client.query("rollback");
  expect(rows).toEqual([]);
  expect(notices).toContain("rejected rows of table blocks, see ampsync.rejects: 1");
});

describe("counts by column", () => {
  test("add up in ampsync.streams, and are not taken back by a reorg", async () => {
    const stream = await SqlStream.prepare(db);
    expect(await stream.view()).toMatchObject({ nulled: {}, nuls: {}, rejected: "0" });
    await apply(stream, 0, 4, { nuls: [counted("note", 2)], nulled: [counted("note", 1)] });
    await apply(stream, 5, 9, { nuls: [counted("note", 3, 6), counted("block_hash", 1)] });
    expect(await stream.view()).toMatchObject({ nulled: { note: 1 }, nuls: { note: 5, block_hash: 1 } });
    await stream.replace(5, 6, { fork: "b" });
    expect(await stream.view()).toMatchObject({ nuls: { note: 5, block_hash: 1 } });
  });

  test("of U+0000 are journaled for the first case of each column, of values that became NULL once a commit", async () => {
    const stream = await SqlStream.prepare(db);
    for (const start of [0, 5]) {
      await apply(stream, start, start + 4, {
        nuls: [counted("note", 2, start)],
        nulled: [counted("note", 1, start)],
      });
    }
    expect(await journaledDetails(db, "nul_replaced")).toEqual([counted("note", 2, 0)]);
    expect(await journaledDetails(db, "value_error")).toEqual([counted("note", 1, 0), counted("note", 1, 5)]);
  });
});

describe("value_policy null", () => {
  const notNull = async (stream: SqlStream) => {
    const { rows } = await db.query(
      "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and attnotnull order by attnum",
      [stream.target],
    );
    return rows.map((row) => row["attname"]);
  };
  const SYSTEM = ["_id", "_block_num_start", "_block_num_end", "_block_num"];

  test("makes targets without NOT NULL", async () => {
    const stream = await SqlStream.register(db);
    await policy("null");
    await stream.acquire();
    await stream.prepareTarget();
    expect(await notNull(stream)).toEqual(SYSTEM);
    await stream.apply(0, 4);
    await stream.prepareTarget();
    expect(await journaledDetails(db, "not_null_dropped")).toEqual([]);
  });

  test("drops it from those that are there, and leaves it dropped", async () => {
    const stream = await loadedStream(db);
    expect(await notNull(stream)).toEqual([...SYSTEM, "block_hash"]);
    await policy("null");
    await stream.prepareTarget();
    expect(await notNull(stream)).toEqual(SYSTEM);
    expect(await journaledDetails(db, "not_null_dropped")).toEqual([{ columns: ["block_hash"] }]);
    await policy("fail");
    await stream.prepareTarget();
    expect(await notNull(stream)).toEqual(SYSTEM);
  });

  test("leaves columns alone that the user made", async () => {
    const stream = await loadedStream(db);
    await db.query(`alter table ${stream.target} add column mine int not null default 1`);
    await policy("null");
    await stream.prepareTarget();
    expect(await notNull(stream)).toEqual([...SYSTEM, "mine"]);
  });

  test("holds for a resync, and for the target it is for", async () => {
    const stream = await loadedStream(db);
    await policy("null");
    const shadow = await startResync(db, stream);
    expect(await notNull(stream)).toEqual(SYSTEM);
    expect(await notNull((await shadowOf(db, stream))!)).toEqual(SYSTEM);
    await shadow.apply(0, 9, { expected: null });
    expect(await swap(db, shadow)).toBe(true);
  });

  test("waits no longer for a reader than 300 ms", async () => {
    const client = await db.client();
    await db.query("commit"); // The reader must see it; the database goes with this file.
    const stream = await SqlStream.prepare(db, { dataset: "waits" });
    await db.query("select ampsync.enqueue_sync('waits', value_policy => 'null')");
    await client.query(`begin; select from ${stream.target}`);
    await db.query("begin");
    expect(await stream.prepareTarget()).toBeNull();
    await client.query("rollback");
  });
});

describe("a value error", () => {
  test("ends in a hint that can be run as it is, and lets the stream go on", async () => {
    const stream = await loadedStream(db);
    await stream.endPass("failed", "SY203");
    const { hint, state } = await stream.view();
    expect(state).toBe("failed");
    expect(hint).toBe(
      "select ampsync.enqueue_sync('chain', value_policy => 'quarantine'); select ampsync.resume_sync('chain');",
    );
    await db.query(hint);
    expect(await stream.view()).toMatchObject({ state: "retrying" });
    expect(await stream.acquire()).toMatchObject({ value_policy: "quarantine" });

    await stream.endPass("failed", "SY203"); // More than can be kept aside.
    expect((await stream.view()).hint).toMatch(/value_policy => 'null'/);
  });

  test("keeps the hint of other errors", async () => {
    const stream = await loadedStream(db);
    await stream.endPass("failed", "SY201");
    expect((await stream.view()).hint).toBe("select 1;");
  });
});

test("a restart finds no type changed, whatever types a table has", async () => {
  const columns = SCALARS.flatMap((type, at) => [
    { name: `c${at}`, nullable: true, type },
    { name: `times${at}`, nullable: false, type: CONTAINERS["List"]!(type) },
    { name: `fixed${at}`, nullable: true, type: CONTAINERS["FixedSizeList"]!(type) },
  ]);
  const plan = planTable("blocks", { fields: columns });
  expect(plan.columns.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["time without time zone", "time without time zone[]", "numeric(38,18)[]"]),
  );
  const planned = plan.columns.map(({ name, type, notNull }) => ({ name, type, not_null: notNull }));
  const stream = await SqlStream.prepare(db, { hasBlockNum: false, columns: planned });
  await stream.endPass("yielded");
  await stream.acquire("worker-2");
  await stream.prepareTarget(planned);
});
