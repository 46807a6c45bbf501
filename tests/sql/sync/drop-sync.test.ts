import { describe, expect, test } from "vitest";

import { supervise } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, startResync } from "../../support/postgres/shadow.ts";
import { registerDataset, SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

async function drop(args = "'chain'") {
  const { rows } = await db.query(`select * from ampsync.drop_sync(${args})`);
  return rows;
}

async function one(text: string): Promise<unknown> {
  const { rows } = await db.query(`select ${text} as value`);
  return rows[0]!["value"];
}

/** Rows of all tables of ours but the journal. */
async function stateLeft(): Promise<number> {
  const tables = "dataset stream lease head history ledger repair reject".split(" ");
  const counts = tables.map((table) => `(select count(*) from ampsync_private.${table})`);
  return Number(await one(counts.join(" + ")));
}

const OUR_JOBS =
  "(select count(*)::int from graphile_worker.jobs where task_identifier ~ 'ampsync_(stream|swap|resolve)')";

describe("a dropped sync", () => {
  test("leaves its tables with all rows, and nothing else", async () => {
    const stream = await loadedStream(db);
    await db.query("select ampsync.repair('chain', 'blocks', 2, 3)");
    await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [
      JSON.stringify([{ stream_id: stream.id, epoch: stream.epoch, head: "20" }]),
    ]);
    expect(await drop()).toEqual([
      { dataset: "chain", table_name: "blocks", state: "kept", hint: "drop table chain.blocks;" },
    ]);
    expect(await one("(select count(*)::int from chain.blocks)")).toBe(10);
    expect(await stateLeft()).toBe(0);
    expect(await one(OUR_JOBS)).toBe(0);
    expect(await supervise(db)).toBe(0);
    expect(await one(OUR_JOBS)).toBe(0);
  });

  test("says on the table where its rows end, but leaves a comment of the user alone", async () => {
    await loadedStream(db);
    await loadedStream(db, { dataset: "other" });
    await db.query("comment on table other.blocks is 'mine'");
    await drop();
    await drop("'other'");
    expect(await one("obj_description('chain.blocks'::regclass)")).toBe(
      "Was kept in sync by ampsync, blocks of chain; its rows end at block 9.",
    );
    expect(await one("obj_description('other.blocks'::regclass)")).toBe("mine");
  });

  test("keeps its events, with one that tells of the end", async () => {
    await loadedStream(db);
    const before = await db.query("select * from ampsync.events order by event_id");
    await drop();
    const { rows } = await db.query("select * from ampsync.events order by event_id");
    expect(rows.slice(0, before.rows.length)).toEqual(before.rows);
    expect(rows.slice(before.rows.length)).toMatchObject([
      {
        event: "table_released",
        dataset: "chain",
        table_name: "blocks",
        details: { table: "chain.blocks", state: "kept", block: 9 },
      },
      { event: "sync_dropped", dataset: "chain", details: { tables: "kept" } },
    ]);
  });

  test("refuses whatever its worker still does, which may end its pass in vain", async () => {
    const stream = await loadedStream(db);
    await drop();
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY001" });
    expect(await refusal(db, () => stream.commitApply([], 0, { expected: 9 }))).toMatchObject({
      code: "SY001",
    });
    expect(await refusal(db, () => stream.acquire())).toMatchObject({ code: "SY002" });
    await stream.endPass("ended");
    const { rows } = await db.query("select verdict from ampsync_worker.renew_leases('worker-1', $1)", [
      JSON.stringify([{ stream_id: stream.id, epoch: stream.epoch, head: "20" }]),
    ]);
    expect(rows).toEqual([{ verdict: "lost" }]);
    expect(await stateLeft()).toBe(0);
    expect(await one(OUR_JOBS)).toBe(0);
  });

  test("is not revived by a look-up that was under way", async () => {
    const id = await registerDataset(db, "chain", ["blocks"]);
    await drop();
    const events = await one("(select count(*)::int from ampsync.events)");
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks}')", [id]);
    await db.query("select ampsync_worker.defer_resolve($1, 'failed', '{}')", [id]);
    expect(await stateLeft()).toBe(0);
    expect(await one("(select count(*)::int from ampsync.events)")).toBe(events);
  });

  test("takes a resync under way with it, and the table of that", async () => {
    const stream = await loadedStream(db);
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 4, { expected: null });
    expect(await drop()).toMatchObject([{ state: "kept" }]);
    expect(await one(`to_regclass('${shadow.target}')`)).toBeNull();
    expect(await one("(select count(*)::int from chain.blocks)")).toBe(10);
    expect(await stateLeft()).toBe(0);
  });

  test("that was never resolved is gone, too", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    expect(await drop()).toEqual([
      { dataset: "chain", table_name: null, state: "dropped", hint: "select ampsync.enqueue_sync('chain');" },
    ]);
    expect(await stateLeft()).toBe(0);
  });

  test("dropped again, or never known, is a notice and no change", async () => {
    const notices: string[] = [];
    const client = await db.client();
    client.on("notice", (notice) => notices.push(notice.message ?? ""));
    const { rows } = await client.query("select * from ampsync.drop_sync('nothing_of_that_name')");
    expect(rows).toEqual([]);
    expect(notices).toEqual(["nothing_of_that_name is not synced, nothing was dropped"]);
  });

  test("is exactly the one that was named, not another version of it", async () => {
    await registerDataset(db, "chain@1.0.0", ["blocks"]);
    expect(await drop("'chain'")).toEqual([]);
    expect(await refusal(db, "select ampsync.drop_sync('Chain')")).toMatchObject({ code: "SY004" });
    expect(await drop("'chain@1.0.0'")).toHaveLength(1);
  });
});

describe("with drop_tables", () => {
  test("the tables go, and all that is in them", async () => {
    await loadedStream(db);
    expect(await drop("'chain', drop_tables => true")).toEqual([
      {
        dataset: "chain",
        table_name: "blocks",
        state: "dropped",
        hint: "select ampsync.enqueue_sync('chain');",
      },
    ]);
    expect(await one("to_regclass('chain.blocks')")).toBeNull();
  });

  test("a table that was renamed goes, and one that has its name now stays", async () => {
    await loadedStream(db);
    await db.query("alter table chain.blocks rename to old; create table chain.blocks (mine int)");
    await drop("'chain', drop_tables => true");
    expect(await one("to_regclass('chain.old')")).toBeNull();
    expect(await one("to_regclass('chain.blocks')")).toBe("chain.blocks");
  });

  test("tables that refer to each other go together", async () => {
    await registerDataset(db, "chain", ["blocks", "logs"]);
    for (const id of (await db.query("select stream_id from ampsync.streams")).rows) {
      const stream = new SqlStream(db, id["stream_id"], "", true, "0");
      await stream.acquire();
      await stream.prepareTarget();
    }
    await db.query("alter table chain.logs add foreign key (_id) references chain.blocks");
    expect(await drop("'chain', drop_tables => true")).toMatchObject([
      { state: "dropped" },
      { state: "dropped" },
    ]);
  });

  test("a view of the user refuses it as a whole, and says how to keep the tables", async () => {
    const stream = await loadedStream(db);
    await db.query("create view newest as select max(_block_num) from chain.blocks");
    expect(await refusal(db, "select ampsync.drop_sync('chain', drop_tables => true)")).toMatchObject({
      code: "2BP01",
      message: "tables of chain cannot be dropped: other objects depend on them",
      detail: "view public.newest depends on table chain.blocks",
      hint: "Drop those first, or keep the tables: select ampsync.drop_sync('chain');",
    });
    await stream.apply(10, 19);
    expect(await stream.view()).toMatchObject({ block: "19" });
  });

  test("a table that is gone is no obstacle", async () => {
    await loadedStream(db);
    await db.query("drop table chain.blocks");
    expect(await drop("'chain', drop_tables => true")).toMatchObject([{ state: "gone" }]);
  });
});

describe("the view of checkpoints", () => {
  const VIEW = "to_regclass('chain._ampsync_checkpoints')";

  test("goes with the last dataset of its schema", async () => {
    await loadedStream(db);
    await db.query("select ampsync.enqueue_sync('other', target_schema => 'chain')");
    const id = await one("(select dataset_id from ampsync_private.dataset where name = 'other')");
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{logs}')", [id]);
    await drop();
    expect(await one(VIEW)).not.toBeNull();
    await drop("'other'");
    expect(await one(VIEW)).toBeNull();
  });

  test("stays, without rows, if others depend on it, and so does a relation of the user", async () => {
    await loadedStream(db);
    await db.query("create view watched as select * from chain._ampsync_checkpoints");
    await drop();
    expect(await one("(select count(*)::int from watched)")).toBe(0);
    await db.query("create schema other; create table other._ampsync_checkpoints (mine int)");
    await loadedStream(db, { dataset: "other" });
    await drop("'other'");
    expect(await one("to_regclass('other._ampsync_checkpoints')")).not.toBeNull();
  });
});

describe("enqueued again", () => {
  test("nothing is skipped: it starts at the first block, in a new table", async () => {
    await loadedStream(db);
    await drop("'chain', drop_tables => true");
    const stream = await SqlStream.prepare(db);
    expect(await stream.view()).toMatchObject({ block: null, rows: "0" });
    await stream.apply(0, 4);
    expect(await one("(select count(*)::int from chain.blocks)")).toBe(5);
  });

  test("a table that was kept is in the way until it is renamed, and keeps its rows", async () => {
    await loadedStream(db);
    await drop();
    await registerDataset(db, "chain", ["blocks"]);
    const { rows } = await db.query("select waiting_on, hint from ampsync.status");
    expect(rows).toMatchObject([
      { waiting_on: "Target table chain.blocks exists since an earlier sync that was dropped" },
    ]);
    await drop();
    await db.query("alter table chain.blocks rename to blocks_1");
    const stream = await SqlStream.prepare(db);
    await stream.apply(0, 4);
    expect(await one("(select count(*)::int from chain.blocks)")).toBe(5);
    expect(await one("(select count(*)::int from chain.blocks_1)")).toBe(10);
  });
});
