import { describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function cut(network: string | null = null): Promise<string | null> {
  const { rows } = await db.query("select ampsync.cut('chain', $1) as block", [network]);
  return rows[0]!["block"];
}

async function waitForBlock(block: number, timeout: string): Promise<boolean> {
  const { rows } = await db.query("select ampsync.wait_for_block('chain', $1, $2) as there", [
    block,
    timeout,
  ]);
  return rows[0]!["there"];
}

async function tables(): Promise<[SqlStream, SqlStream]> {
  await registerDataset(db, "chain", ["blocks", "logs"]);
  return [await SqlStream.prepare(db, { table: "blocks" }), await SqlStream.prepare(db, { table: "logs" })];
}

describe("the cut", () => {
  test("is the checkpoint of a single table", async () => {
    const stream = await SqlStream.prepare(db);
    expect(await cut()).toBeNull();
    await stream.apply(0, 9);
    expect(await cut()).toBe("9");
  });

  test("is the highest watermark that all tables hold, not the lowest checkpoint", async () => {
    const [blocks, logs] = await tables();
    await blocks.apply(0, 4);
    await blocks.apply(5, 9);
    expect(await cut()).toBeNull();
    await logs.apply(0, 4);
    await logs.apply(5, 6);
    expect(await cut()).toBe("4");
    await logs.apply(7, 9);
    expect(await cut()).toBe("9");
  });

  test("does not wait for a table that comes to others which are loaded, until it has been live", async () => {
    const blocks = await SqlStream.prepare(db, { table: "blocks" });
    await blocks.apply(0, 9);
    await registerDataset(db, "chain", ["blocks", "logs"]);
    expect(await cut()).toBe("9");
    const logs = await SqlStream.prepare(db, { table: "logs" });
    await logs.apply(0, 4);
    expect(await cut()).toBe("9");
    await logs.apply(5, 9);
    await db.query("select ampsync_worker.mark_live($1, $2)", [logs.id, logs.epoch]);
    await blocks.apply(10, 12);
    expect(await cut()).toBe("9");
  });

  test("never mixes forks: while one table is on the new chain it is the last block before the fork", async () => {
    const [blocks, logs] = await tables();
    for (const stream of [blocks, logs]) {
      await stream.apply(0, 4);
      await stream.apply(5, 9);
    }
    await blocks.replace(5, 9, { fork: "b" });
    expect(await cut()).toBe("4");
    await logs.replace(5, 9, { fork: "b" });
    expect(await cut()).toBe("9");
  });

  test.each(["waiting", "backfill", "retrying", "reorg_pending", "resyncing", "paused", "failed"])(
    "counts a table that is %s: others join it, and it may come back",
    async (state) => {
      const [blocks, logs] = await tables();
      await logs.apply(0, 4);
      await db.query("update ampsync_private.stream set state = $2 where stream_id = $1", [logs.id, state]);
      await blocks.apply(0, 4);
      await blocks.apply(5, 9);
      expect(await cut()).toBe("4");
      await db.query("update ampsync_private.stream set state = 'orphaned' where stream_id = $1", [logs.id]);
      expect(await cut()).toBe("9"); // It left the dataset.
    },
  );

  test("does not count what is loaded to replace a table", async () => {
    const [blocks, logs] = await tables();
    await blocks.apply(0, 9);
    expect(await cut()).toBeNull();
    await logs.apply(0, 9);
    await db.query("select ampsync.resync('chain', 'logs')");
    expect(await cut()).toBe("9");
  });

  test("is null where the tables have no border in common", async () => {
    const [blocks, logs] = await tables();
    await blocks.apply(0, 9);
    await logs.apply(0, 8);
    expect(await cut()).toBeNull();
  });

  test("is one for each network, which then has to be named", async () => {
    const [blocks, logs] = await tables();
    await blocks.apply(0, 9);
    await logs.apply(0, 4, { network: "sepolia" });
    expect(await cut("mainnet")).toBe("9");
    expect(await cut("sepolia")).toBe("4");
    const error = await refusal(db, () => cut());
    expect(error).toMatchObject({ code: "SY004", detail: "Networks: mainnet, sepolia." });
    expect((await db.query(error.hint!)).rows).toEqual([{ cut: "9" }]);
  });

  test("of a dataset that is not synced is refused", async () => {
    expect(await refusal(db, "select ampsync.cut('other')")).toMatchObject({ code: "SY003" });
  });
});

describe("wait_for_block", () => {
  test("returns at once where the block is there", async () => {
    await (await SqlStream.prepare(db)).apply(0, 9);
    expect(await waitForBlock(9, "10 s")).toBe(true);
  });

  test("says false when the time is over", async () => {
    await (await SqlStream.prepare(db)).apply(0, 9);
    expect(await waitForBlock(10, "50 ms")).toBe(false);
  });

  test("asks at least once, however short the time", async () => {
    await (await SqlStream.prepare(db)).apply(0, 9);
    await moveClock(db, "1 s");
    expect(await waitForBlock(9, "0 s")).toBe(true);
    expect(await waitForBlock(10, "-1 s")).toBe(false);
  });

  test("is refused where it could never see a commit of others", async () => {
    await db.query("commit");
    await db.query("begin isolation level repeatable read");
    const error = await refusal(db, "select ampsync.wait_for_block('chain', 9)");
    expect(error).toMatchObject({ code: "25001", detail: expect.stringContaining("REPEATABLE READ") });
    expect(error.hint).toContain("begin isolation level read committed;");
  });
});
