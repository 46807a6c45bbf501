// Takes 12 s.
import { describe, expect, test } from "vitest";

import { findings } from "../../support/chain/linked-chain.ts";
import { moveClock } from "../../support/postgres/clock.ts";
import { journaled } from "../../support/postgres/journal.ts";
import { clearQueue, supervise } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { shadowOf } from "../../support/postgres/shadow.ts";
import { COLUMNS, type SqlStream, waitingJobs } from "../../support/postgres/sql-stream.ts";
import {
  advance,
  datasetId,
  loadedDataset,
  markLive,
  newTable,
  startUpgrade,
  streamOf,
  upgrades,
} from "../../support/postgres/upgrade.ts";

const db = rolledBackDatabase();

const BOTH = [newTable("blocks"), newTable("logs")];
const OLD = "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9";
const NEW = "b0 b1 b2 b3 b4 b5 b6 b7 b8 b9";

async function shadows(streams: readonly SqlStream[]): Promise<SqlStream[]> {
  const found: SqlStream[] = [];
  for (const stream of streams) {
    const shadow = (await shadowOf(db, stream))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget();
    found.push(shadow);
  }
  return found;
}

/** Both tables of the new version at the head, which the old streams follow as well. */
async function readyUpgrade(fork = "b") {
  const streams = await loadedDataset(db, ["blocks", "logs"]);
  await startUpgrade(db, BOTH);
  const beside = await shadows(streams);
  for (const shadow of beside) {
    await shadow.apply(0, 9, { fork, expected: null });
    await markLive(db, shadow);
  }
  return { streams, beside };
}

const rowsOf = async (streams: readonly SqlStream[]) =>
  await Promise.all(streams.map((stream) => stream.rows()));

async function streamRows() {
  const { rows } = await db.query(
    "select table_name, state, version from ampsync_private.stream where shadow_of is null order by 1",
  );
  return rows;
}

describe("an upgrade", () => {
  test("loads the new version beside the old one, which is followed as before", async () => {
    const streams = await loadedDataset(db, ["blocks", "logs"]);
    await startUpgrade(db, BOTH);
    await streams[0]!.apply(10, 12);
    expect(await streams[0]!.view()).toMatchObject({ state: "live", block: "12", reason: null });
    expect(await upgrades(db)).toMatchObject([
      { table_name: "blocks", state: "loading", block: null, old_block: 12, new_version: "2.0.0" },
      { table_name: "logs", state: "loading", block: null, old_block: 9 },
    ]);
    const [blocks] = await shadows(streams);
    await blocks!.apply(0, 4, { fork: "b", expected: null });
    expect(await upgrades(db)).toMatchObject([{ block: 4, old_block: 12 }, {}]);
    const { rows } = await db.query("select version, state, waiting_on from ampsync.status");
    expect(rows).toMatchObject([
      { version: "1.0.0", state: "live", waiting_on: "upgrade to version 2.0.0: logs: nothing loaded yet" },
    ]);
    expect(await advance(db)).toBeNull();
    expect(await blocks!.acquire("worker-3")).toBeUndefined();
    expect(await journaled(db, "upgrade_started")).toMatchObject([
      { details: { version: "2.0.0", old_version: "1.0.0" } },
    ]);
  });

  test("freezes the old streams once every table of the new version is at the head, then swaps all tables", async () => {
    const { streams } = await readyUpgrade();
    expect(await waitingJobs(db, "ampsync_upgrade:%")).toHaveLength(1);
    await clearQueue(db);
    expect(await advance(db)).toBe("freeze");
    expect(await rowsOf(streams)).toEqual([OLD, OLD]);
    expect(await streamRows()).toMatchObject([{ state: "resyncing" }, { state: "resyncing" }]);
    expect(await refusal(db, () => streams[0]!.acquire())).toMatchObject({ code: "SY002" });

    expect(await advance(db)).toBe("swap");
    expect(await rowsOf(streams)).toEqual([NEW, NEW]);
    expect(await streamRows()).toEqual([
      { table_name: "blocks", state: "backfill", version: "2.0.0" },
      { table_name: "logs", state: "backfill", version: "2.0.0" },
    ]);
    expect(await upgrades(db)).toEqual([]);
    const { rows } = await db.query("select version from ampsync.status");
    expect(rows).toEqual([{ version: "2.0.0" }]);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(2);
    expect(await findings(db)).toEqual([]);
    expect(await journaled(db, "upgraded")).toMatchObject([
      { details: { version: "2.0.0", old_version: "1.0.0", kept: false } },
    ]);
    expect(await advance(db)).toBeNull();

    await streams[0]!.acquire("worker-3");
    await streams[0]!.prepareTarget();
    await streams[0]!.apply(10, 11, { fork: "b" });
    expect(await streams[0]!.view()).toMatchObject({ block: "11", rows: "12" });
  });

  test("waits, frozen, for the shadow that has to reach the old checkpoint", async () => {
    const { streams, beside } = await readyUpgrade();
    await streams[1]!.apply(10, 12);
    expect(await advance(db)).toBe("freeze");
    expect(await advance(db)).toBeNull();
    await clearQueue(db);
    await beside[1]!.apply(10, 12, { fork: "b", expected: 9 });
    expect(await waitingJobs(db, "ampsync_upgrade:%")).toHaveLength(1);
    expect(await advance(db)).toBe("swap");
    expect(await streams[1]!.rows()).toBe(`${NEW} b10 b11 b12`);
  });

  test("waits, frozen, until the new tables agree at a block that is not below the cut", async () => {
    const streams = await loadedDataset(db, ["blocks", "logs"]);
    await startUpgrade(db, BOTH);
    const beside = await shadows(streams);
    await beside[0]!.apply(0, 9, { expected: null });
    await beside[1]!.apply(0, 10, { expected: null }); // Another border: they have none in common.
    for (const shadow of beside) await markLive(db, shadow);
    const cut = async () => (await db.query("select ampsync.cut('chain')::int as cut")).rows[0]!["cut"];
    expect(await advance(db)).toBe("freeze");
    expect(await advance(db)).toBeNull();
    expect(await cut()).toBe(9);
    await beside[0]!.apply(10, 10, { expected: 9 });
    expect(await advance(db)).toBe("swap");
    expect(await cut()).toBe(10);
  });

  test("lets the old streams go on when that takes more than a minute, and is attempted again", async () => {
    const { streams, beside } = await readyUpgrade("a");
    await streams[1]!.apply(10, 12);
    expect(await advance(db)).toBe("freeze");
    await moveClock(db, "61 s");
    await clearQueue(db);
    await supervise(db);
    expect(await waitingJobs(db, "ampsync_upgrade:%")).toHaveLength(1);
    expect(await advance(db)).toBe("thaw");
    expect(await streamRows()).toMatchObject([{ state: "retrying" }, { state: "retrying" }]);
    await streams[1]!.acquire("worker-1");
    await streams[1]!.apply(13, 14);

    expect(await advance(db)).toBeNull();
    await moveClock(db, "90 s");
    expect(await advance(db)).toBe("freeze");
    await beside[1]!.acquire("worker-2");
    await beside[1]!.apply(10, 14, { expected: 9 });
    expect(await advance(db)).toBe("swap");
    expect(await streams[1]!.rows()).toBe(`${OLD} a10 a11 a12 a13 a14`);
  });

  test("ends at the head of a shorter chain, once the old one is seen to be another", async () => {
    const { streams } = await readyUpgrade();
    await streams[1]!.apply(10, 12);
    expect(await advance(db)).toBe("freeze");
    await moveClock(db, "29 s");
    expect(await advance(db)).toBeNull();
    await moveClock(db, "31 s");
    expect(await advance(db)).toBe("swap");
    expect(await rowsOf(streams)).toEqual([NEW, NEW]);
  });

  test("brings tables that only the new version has, and orphans those that it lacks", async () => {
    const streams = await loadedDataset(db, ["blocks", "logs"]);
    await startUpgrade(db, [newTable("blocks"), newTable("traces")]);
    const [blocks] = await shadows([streams[0]!]);
    await blocks!.apply(0, 9, { fork: "b", expected: null });
    await markLive(db, blocks!);
    expect(await upgrades(db)).toMatchObject([
      { table_name: "blocks", state: "ready" },
      { table_name: "traces", state: "new" },
    ]);
    expect(await advance(db)).toBe("freeze");
    expect(await advance(db)).toBe("swap");
    expect(await streamRows()).toEqual([
      { table_name: "blocks", state: "backfill", version: "2.0.0" },
      { table_name: "logs", state: "orphaned", version: "1.0.0" },
      { table_name: "traces", state: "waiting", version: "2.0.0" },
    ]);
    expect(await rowsOf(streams)).toEqual([NEW, OLD]);
    expect(await journaled(db, "table_orphaned")).toMatchObject([{ table_name: "logs" }]);
  });

  test("takes a table along that is loaded only meanwhile", async () => {
    const [blocks] = await loadedDataset(db, ["blocks"]);
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs}')", [
      await datasetId(db),
    ]);
    await startUpgrade(db, BOTH);
    const [beside] = await shadows([blocks!]);
    await beside!.apply(0, 9, { fork: "b", expected: null });

    const logs = await streamOf(db, "logs");
    await logs.acquire();
    await logs.prepareTarget();
    await logs.apply(0, 9);
    await markLive(db, beside!);
    expect(await advance(db)).toBe("extend");
    const [logsBeside] = await shadows([logs]);
    await logsBeside!.apply(0, 9, { fork: "b", expected: null });
    await markLive(db, logsBeside!);
    expect(await advance(db)).toBe("freeze");
    expect(await advance(db)).toBe("swap");
    expect(await rowsOf([blocks!, logs])).toEqual([NEW, NEW]);
  });

  test("switches a table that holds nothing to the new version, without a second table", async () => {
    await db.query("select ampsync.enqueue_sync('chain')");
    await db.query("select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks}')", [
      await datasetId(db),
    ]);
    await startUpgrade(db, [newTable("blocks")]);
    expect(await advance(db)).toBe("freeze");
    expect(await advance(db)).toBe("swap");
    expect(await streamRows()).toEqual([{ table_name: "blocks", state: "retrying", version: "2.0.0" }]);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(1);
  });

  test("takes a table back that an earlier version lacked, with its new columns", async () => {
    const [blocks, logs] = await loadedDataset(db, ["blocks", "logs"]);
    await startUpgrade(db, [newTable("blocks")]);
    const [beside] = await shadows([blocks!]);
    await beside!.apply(0, 9, { fork: "b", expected: null });
    await markLive(db, beside!);
    expect([await advance(db), await advance(db)]).toEqual(["freeze", "swap"]);
    expect(await streamRows()).toMatchObject([
      { state: "backfill" },
      { table_name: "logs", state: "orphaned" },
    ]);

    const columns = COLUMNS.slice(0, 1);
    await startUpgrade(db, [newTable("blocks"), newTable("logs", columns)], "3.0.0");
    for (const stream of [blocks!, logs!]) {
      const shadow = (await shadowOf(db, stream))!;
      await shadow.acquire("worker-2");
      await shadow.prepareTarget(stream === logs ? columns : COLUMNS);
      await shadow.apply(0, 10, { fork: "c", expected: null });
      await markLive(db, shadow);
    }
    expect([await advance(db), await advance(db)]).toEqual(["freeze", "swap"]);
    expect(await streamRows()).toEqual([
      { table_name: "blocks", state: "backfill", version: "3.0.0" },
      { table_name: "logs", state: "backfill", version: "3.0.0" },
    ]);
    expect(await logs!.rows()).toBe("c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10");
  });

  test("does not swap in a table whose new version has failed", async () => {
    const { beside } = await readyUpgrade();
    await advance(db);
    await beside[1]!.acquire("worker-2");
    await beside[1]!.endPass("failed", "SY203");
    expect(await advance(db)).toBeNull();
    await moveClock(db, "61 s");
    expect(await advance(db)).toBe("thaw");
    expect(await streamRows()).toMatchObject([{ state: "retrying" }, { state: "retrying" }]);
  });

  test("is not taken for the head of the old version, which may be another one", async () => {
    const { streams, beside } = await readyUpgrade();
    const beat = (of: SqlStream, worker: string, head: string) =>
      db.query("select ampsync_worker.renew_leases($1, $2)", [
        worker,
        JSON.stringify([{ stream_id: of.id, epoch: of.epoch, head }]),
      ]);
    await beat(streams[0]!, "worker-1", "12");
    await beat(beside[0]!, "worker-2", "9");
    expect(await streams[0]!.view()).toMatchObject({ head: "12", behind: "3" });
  });

  test("is begun anew for a newer version: only the newest counts", async () => {
    const { streams, beside } = await readyUpgrade();
    await advance(db); // Frozen.
    await startUpgrade(db, BOTH, "3.0.0");
    expect(await streamRows()).toMatchObject([{ state: "retrying" }, { state: "retrying" }]);
    expect(await upgrades(db)).toMatchObject([
      { new_version: "3.0.0", state: "loading", block: null },
      { new_version: "3.0.0", state: "loading", block: null },
    ]);
    expect(await refusal(db, () => beside[0]!.beginApply())).toMatchObject({ code: "SY001" });
    expect(await journaled(db, "upgrade_superseded")).toMatchObject([{ details: { version: "2.0.0" } }]);
    expect(await rowsOf(streams)).toEqual([OLD, OLD]);
  });

  test("to the version that is being built already changes nothing", async () => {
    const { streams } = await readyUpgrade();
    const before = (await shadowOf(db, streams[0]!))!.id;
    await startUpgrade(db, BOTH);
    expect((await shadowOf(db, streams[0]!))!.id).toBe(before);
    expect(await journaled(db, "upgrade_started")).toHaveLength(1);
  });

  test("ends the resync of a single table, which goes on with its rows until the swap", async () => {
    const streams = await loadedDataset(db, ["blocks", "logs"]);
    await db.query("select ampsync.resync('chain', 'logs')");
    await startUpgrade(db, BOTH);
    expect(await streamRows()).toMatchObject([{ state: "live" }, { state: "retrying" }]);
    expect((await shadows(streams)).length).toBe(2);
    const { rows } = await db.query("select version from ampsync_private.stream where shadow_of is not null");
    expect(rows).toEqual([{ version: "2.0.0" }, { version: "2.0.0" }]);
  });

  test("is queued again by the supervisor, whatever was lost", async () => {
    await readyUpgrade();
    await clearQueue(db);
    await supervise(db);
    expect(await waitingJobs(db, "ampsync_upgrade:%")).toHaveLength(1);
    expect(await waitingJobs(db, "ampsync_swap:%")).toEqual([]);
    await advance(db);
    await clearQueue(db);
    await supervise(db);
    expect(await waitingJobs(db, "ampsync_upgrade:%")).toHaveLength(1);
  });
});

describe("in an upgrade", () => {
  test.each(["before", "after"])(
    "a pause %s the freeze halts everything, and resume continues",
    async (when) => {
      const { streams } = await readyUpgrade();
      if (when === "after") await advance(db);
      await db.query("select ampsync.pause_sync('chain')");
      expect(await advance(db)).toBeNull();
      const { rows } = await db.query("select distinct state from ampsync_private.stream");
      expect(rows).toEqual([{ state: "paused" }]);
      await db.query("select ampsync.resume_sync('chain')");
      expect(await streamRows()).toMatchObject([{ state: "retrying" }, { state: "retrying" }]);
      for (const shadow of await shadows(streams)) await markLive(db, shadow);
      expect(await advance(db)).toBe("freeze");
      expect(await advance(db)).toBe("swap");
      expect(await rowsOf(streams)).toEqual([NEW, NEW]);
    },
  );

  test.each(["before", "after"])("cancel_resync %s the freeze gives it up as a whole", async (when) => {
    const { streams } = await readyUpgrade();
    if (when === "after") await advance(db);
    expect(await refusal(db, "select ampsync.cancel_resync('chain', 'logs')")).toMatchObject({
      code: "SY004",
      hint: "select ampsync.cancel_resync('chain');",
    });
    await db.query("select ampsync.cancel_resync('chain')");
    expect(await upgrades(db)).toEqual([]);
    expect(await shadowOf(db, streams[0]!)).toBeNull();
    expect(await rowsOf(streams)).toEqual([OLD, OLD]);
    expect(await waitingJobs(db, "ampsync_upgrade:%")).toEqual([]);
    await streams[0]!.acquire("worker-1");
    await streams[0]!.apply(10, 10);
    expect(await streams[0]!.view()).toMatchObject({ block: "10" });
  });

  test.each(["before", "after"])(
    "drop_sync %s the freeze leaves no table of the new version",
    async (when) => {
      await readyUpgrade();
      if (when === "after") await advance(db);
      await db.query("select ampsync.drop_sync('chain')");
      const { rows } = await db.query(
        "select relname from pg_class where relnamespace = 'ampsync_private'::regnamespace and relname like 'shadow%' and relkind = 'r'",
      );
      expect(rows).toEqual([]);
      expect(await waitingJobs(db, "ampsync_upgrade:%")).toEqual([]);
    },
  );

  test("a shadow that fails is shown with the command that helps, and the old streams go on", async () => {
    const { streams, beside } = await readyUpgrade();
    await beside[1]!.endPass("failed", "SY202");
    expect(await advance(db)).toBeNull();
    const { rows } = await db.query("select state, error_code, waiting_on, hint from ampsync.status");
    expect(rows).toEqual([
      {
        state: "live",
        error_code: "SY202",
        waiting_on: "upgrade to version 2.0.0: logs: it broke",
        hint: "select ampsync.resume_sync('chain'); -- or give up: select ampsync.cancel_resync('chain');",
      },
    ]);
    await streams[1]!.apply(10, 10);
    await db.query("select ampsync.resume_sync('chain')");
    expect(await upgrades(db)).toMatchObject([{ state: "ready" }, { state: "loading", error_code: "SY202" }]);
  });

  test("a step that fails is shown, and lets the old streams go on if only somebody can help", async () => {
    const { streams } = await readyUpgrade();
    await advance(db);
    const id = await datasetId(db);
    const error = { code: "SY201", message: "no", hint: "select 1;" };
    const fail = (stops: boolean) =>
      db.query("select ampsync_worker.defer_upgrade($1, $2, $3)", [id, error, stops]);
    await fail(false);
    expect(await streamRows()).toMatchObject([{ state: "resyncing" }, { state: "resyncing" }]);
    expect(await upgrades(db)).toMatchObject([{ error_code: "SY201", reason: "no", hint: "select 1;" }, {}]);
    expect(await advance(db)).toBeNull();
    await fail(true);
    expect(await streamRows()).toMatchObject([{ state: "retrying" }, { state: "retrying" }]);
    expect(await rowsOf(streams)).toEqual([OLD, OLD]);
  });

  test("a deep reorg of an old stream waits for the new version; that of a shadow begins it again", async () => {
    const { streams, beside } = await readyUpgrade();
    await db.query("select ampsync.alter_sync('chain', on_deep_reorg => 'resync')");
    await streams[0]!.endPass("failed", "SY102");
    expect(await streamRows()).toMatchObject([{ state: "resyncing" }, { state: "live" }]);
    expect((await shadowOf(db, streams[0]!))!.id).toBe(beside[0]!.id);

    await beside[1]!.endPass("failed", "SY102");
    expect(await streamRows()).toMatchObject([{ state: "resyncing" }, { state: "live" }]);
    const again = (await shadowOf(db, streams[1]!))!;
    expect(again.id).not.toBe(beside[1]!.id);
    const { rows } = await db.query("select version from ampsync_private.stream where stream_id = $1", [
      again.id,
    ]);
    expect(rows).toEqual([{ version: "2.0.0" }]);
  });

  test("tables with other columns that cannot take the place are refused before anything is loaded", async () => {
    await loadedDataset(db, ["blocks", "logs"]);
    const columns = [...COLUMNS, { name: "extra", type: "bigint", not_null: false }];
    await db.query("create materialized view chain.hashes as select block_hash from chain.logs");
    const error = await refusal(db, () => startUpgrade(db, [newTable("blocks"), newTable("logs", columns)]));
    expect(error).toMatchObject({ code: "SY201", detail: expect.stringContaining("hashes") });
    await db.query(error.hint!);

    await db.query("create view chain.notes as select lower(note) from chain.logs");
    const retyped = COLUMNS.map((column) => (column.name === "note" ? { ...column, type: "bytea" } : column));
    const refused = await refusal(db, () =>
      startUpgrade(db, [newTable("blocks"), newTable("logs", retyped)]),
    );
    expect(refused).toMatchObject({ code: "SY201", hint: "drop view chain.notes;" });
  });
});
