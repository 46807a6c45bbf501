// Takes 10 s.
import { describe, expect, test } from "vitest";

import { dice } from "../../support/dice.ts";
import { LogFollower } from "../../support/postgres/log-follower.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { DATABASES } from "../../support/postgres/rust-ampsync.ts";
import { loadedStream, shadowOf, startResync, swap } from "../../support/postgres/shadow.ts";
import { COLUMNS, SqlStream, type StreamOptions, watermark } from "../../support/postgres/sql-stream.ts";
import { advance, loadedDataset, markLive, newTable, startUpgrade } from "../../support/postgres/upgrade.ts";

// Whatever writes a published table says so in the log, exactly: whoever reads again what the log names, and
// nothing else, has the table.

const db = rolledBackDatabase();

async function publish(dataset = "chain"): Promise<LogFollower> {
  await db.query("select ampsync.publish_dataset($1)", [dataset]);
  await db.query("select ampsync_worker.activate_targets()");
  const follower = new LogFollower(db);
  expect(await follower.step()).toEqual([]);
  return follower;
}

async function published(options: StreamOptions = {}): Promise<[SqlStream, LogFollower]> {
  const stream = await loadedStream(db, options);
  return [stream, await publish()];
}

/** Loads a shadow: blocks up to 6 of fork a, those after it of another one. */
async function loadShadow(shadow: SqlStream): Promise<void> {
  await shadow.apply(0, 6, { expected: null });
  await shadow.apply(7, 10, { fork: "b", parentFork: "a", expected: 6 });
}

describe.each<[string, StreamOptions]>([
  ["with _block_num", { hasBlockNum: true }],
  ["without _block_num", { hasBlockNum: false }],
  ["with the key of transactions", { identity: "transaction" }],
])("a table %s", (_, options) => {
  test.each([1, 2, 3])("is followed over appends and reorgs of any depth (seed %i)", async (seed) => {
    const [stream, follower] = await published(options);
    const roll = dice(seed);
    const forks = "aaaaaaaaaa".split(""); // Of each block.
    const starts = [0, 5];
    for (let step = 0; step < 12; step++) {
      // With `_block_num` any block; else a microbatch is replaced whole.
      const replaced =
        options.hasBlockNum === false
          ? starts.at(-1)!
          : roll(Math.max(1, forks.length - 9), forks.length - 1);
      const first = roll(1, 3) > 1 || replaced === 0 ? forks.length : replaced;
      const last = first + roll(0, 4);
      const parentFork = forks[first - 1]!;
      if (first === forks.length) {
        await stream.apply(first, last, { fork: parentFork });
      } else {
        if (first === starts.at(-1)) starts.pop();
        await stream.replace(first, last, { fork: "bcdefghijklm"[step]!, parentFork });
      }
      starts.push(first);
      const fork = first === forks.length ? parentFork : "bcdefghijklm"[step]!;
      forks.splice(first, forks.length, ...Array.from({ length: last - first + 1 }, () => fork));
      expect(await follower.step()).toEqual([]);
      expect(follower.operations).toHaveLength(1);
    }
  });

  test("is followed over a reorg of everything", async () => {
    const [stream, follower] = await published(options);
    await stream.beginApply({ from: null, parentHash: null });
    await stream.insert(5, 9, "b");
    await stream.commitApply([watermark(5, 9, { fork: "b" })], 5);
    expect(await follower.step()).toEqual([]);
    expect(follower.operations).toEqual(["reorg"]);
  });

  test("is followed over a resync", async () => {
    const [stream, follower] = await published(options);
    const shadow = await startResync(db, stream);
    await loadShadow(shadow);
    await markLive(db, shadow);
    expect(await follower.step()).toEqual([]);
    expect(follower.operations).toEqual([]);
    expect(await swap(db, shadow)).toBe(true);
    expect(await follower.step()).toEqual([]);
    // Rows of one content have other keys in each table: the table of the shadow takes the place of the target.
    expect(follower.operations).toEqual("identity" in options ? ["schema", "floor"] : ["resync"]);
  });
});

describe("a published table is followed", () => {
  test("from the lowest block on that a resync changed", async () => {
    const [stream, follower] = await published();
    const shadow = await startResync(db, stream);
    await loadShadow(shadow);
    expect(await swap(db, shadow)).toBe(true);
    expect(await follower.step()).toEqual([]);
    const { rows } = await db.query("select data from ampsync.change_history where operation = 'resync'");
    expect(rows).toEqual([{ data: { from_block: 7, to_block: null, rows: 4 } }]);
  });

  test("over a resync that changes nothing, without an entry", async () => {
    const [stream, follower] = await published();
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { expected: null });
    expect(await swap(db, shadow)).toBe(true);
    expect(await follower.step()).toEqual([]);
    expect(follower.operations).toEqual([]);
  });

  test("over a repair, in its range", async () => {
    const stream = await loadedStream(db);
    await db.query(`delete from ${stream.target} where _block_num between 3 and 4`);
    const follower = await publish();
    await db.query("select ampsync.repair('chain', 'blocks', 3, 4)");
    await db.query("call ampsync_worker.begin_repair($1, $2, 3, 4)", [stream.id, stream.epoch]);
    await stream.insert(3, 4);
    const { rows } = await db.query("select own_hash from ampsync_worker.next_repair($1, $2)", [
      stream.id,
      stream.epoch,
    ]);
    await db.query("call ampsync_worker.commit_repair($1, $2, 3, 4, $3, 2)", [
      stream.id,
      stream.epoch,
      rows[0]?.["own_hash"] ?? null,
    ]);
    expect(await follower.step()).toEqual([]);
    expect(follower.operations).toEqual(["repair"]);
  });

  test("over an upgrade to other columns, and back", async () => {
    const streams = await loadedDataset(db, ["blocks", "logs"]);
    const follower = await publish();
    const other = [
      { name: "block_hash", type: "bytea", not_null: true },
      { name: "size", type: "bigint", not_null: false },
    ];
    await startUpgrade(db, [newTable("blocks", other), newTable("logs")]);
    for (const stream of streams) {
      const shadow = (await shadowOf(db, stream))!;
      await shadow.acquire("worker-2");
      await shadow.prepareTarget(stream === streams[0] ? other : COLUMNS);
      await shadow.apply(0, 6, { fork: "b", expected: null });
      await shadow.apply(7, 9, { fork: "a", parentFork: "b", expected: 6 });
      await markLive(db, shadow);
    }
    for (let step = await advance(db); step !== "swap"; step = await advance(db)) expect(step).not.toBeNull();
    expect(await follower.step()).toEqual([]);
    expect(follower.operations.sort()).toEqual(["floor", "resync", "schema"]);

    await db.query("select ampsync.rollback_version('chain')");
    expect(await follower.step()).toEqual([]);
    expect(follower.operations.sort()).toEqual(["floor", "resync", "schema"]);
  });

  test("over a table of the Rust ampsync whose place it takes", async () => {
    await db.query(DATABASES["of 2025 with checkpoints of each network"].ddl);
    const stream = await SqlStream.prepare(db, { dataset: "eth", table: "blocks" });
    await stream.apply(0, 3);
    await markLive(db, stream);
    const follower = await publish("eth");
    await db.query("select ampsync.adopt('eth')");
    expect(await follower.step()).toEqual([]);
    expect(follower.operations).toEqual(["schema"]);
    const { rows } = await db.query("select table_name, mode, state from ampsync.publications");
    expect(rows).toEqual([{ table_name: "public.blocks", mode: "blocks", state: "live" }]);
  });

  test("over a table that was dropped and is loaded again", async () => {
    const [stream, follower] = await published();
    await db.query(`drop table ${stream.target}`);
    const { rows } = await db.query("select reason from ampsync.publications");
    expect(rows).toEqual([{ reason: "the table is gone" }]);
    await db.query("select ampsync.resync('chain')");
    await stream.acquire();
    await stream.prepareTarget();
    await stream.apply(0, 5);
    expect(await follower.step()).toEqual([]);
    expect(follower.operations).toEqual(["schema", "floor", "append"]);
  });
});
