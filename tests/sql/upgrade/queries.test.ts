import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { shadowOf, swap } from "../../support/postgres/shadow.ts";
import { COLUMNS, SqlStream } from "../../support/postgres/sql-stream.ts";
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
import { adopt, offer, offerAndAdopt } from "../../support/postgres/versions.ts";

const db = rolledBackDatabase();

/** Without `note`, so that the tables are replaced, and kept for a rollback. */
const OTHER = [COLUMNS[0]!];
const QUERY = 'SELECT * FROM "_/eth@1.0.0".logs';
const NEXT_QUERY = `${QUERY} WHERE x > 1`;

/** Tables of version 1.0.0. */
let streams: SqlStream[];
/** Beside them, in the same dataset, the table of a query. */
let mart: SqlStream;

async function enqueueQuery(query: string): Promise<void> {
  await db.query("select ampsync.enqueue_sync('chain', tables => '{blocks,logs,mart}', queries => $1)", [
    JSON.stringify({ mart: query }),
  ]);
}

beforeEach(async () => {
  streams = await loadedDataset(db, ["blocks", "logs"]);
  await enqueueQuery(QUERY);
  mart = await streamOf(db, "mart");
  await mart.acquire("worker-1");
  await mart.prepareTarget();
  await mart.apply(0, 9);
  await markLive(db, mart);
});

/** An upgrade whose tables are at the head, each by one microbatch. */
async function readyUpgrade(end = 9): Promise<void> {
  await startUpgrade(db, [newTable("blocks", OTHER), newTable("logs", OTHER)]);
  for (const stream of streams) {
    const shadow = (await shadowOf(db, stream))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget(OTHER);
    await shadow.apply(0, end, { expected: null });
    await markLive(db, shadow);
  }
}

async function stored(stream: SqlStream) {
  const { rows } = await db.query(
    `select s.state, s.version, s.query, s.checkpoint_block::int as block, s.target::oid
       from ampsync_private.stream s where s.stream_id = $1`,
    [stream.id],
  );
  return rows[0]!;
}

async function cut(): Promise<number | null> {
  return (await db.query("select ampsync.cut('chain')::int as cut")).rows[0]!["cut"];
}

describe("the table of a query, through an upgrade of its dataset and back", () => {
  test("is neither loaded again nor stopped: its pass goes on", async () => {
    const before = await stored(mart);
    await readyUpgrade();
    expect((await upgrades(db)).map(({ table_name }) => table_name)).toEqual(["blocks", "logs"]);
    expect(await advance(db)).toBe("freeze");
    await mart.apply(10, 12);
    expect(await advance(db)).toBe("swap");
    await mart.apply(13, 15);
    const { rows } = await db.query("select state from ampsync.rollback_version('chain')");
    expect(rows.map(({ state }) => state)).toEqual(["backfill", "backfill", "live"]);
    await mart.apply(16, 18);
    expect(await stored(mart)).toEqual({ ...before, block: 18 });
    expect((await mart.rows()).split(" ")).toHaveLength(19);
  });

  test("takes part in the cut, which never goes back: the swap waits until all agree at a block", async () => {
    await readyUpgrade(12); // In one microbatch: only its end can be agreed on.
    expect(await cut()).toBe(9);
    expect(await advance(db)).toBe("freeze");
    expect(await advance(db)).toBeNull();
    await mart.apply(10, 12);
    expect(await advance(db)).toBe("swap");
    expect(await cut()).toBe(12);
  });

  test("is loaded again for another query all the while", async () => {
    await enqueueQuery(NEXT_QUERY);
    await db.query("select ampsync.resync('chain', 'mart')");
    const shadow = (await shadowOf(db, mart))!;
    await shadow.acquire("worker-3");
    await shadow.prepareTarget();
    await shadow.apply(0, 4, { expected: null });

    const resyncs = async () => {
      expect(await stored(mart)).toMatchObject({ state: "resyncing", query: QUERY });
      expect(await stored(shadow)).toMatchObject({ state: "backfill", query: NEXT_QUERY });
    };
    await readyUpgrade();
    await resyncs();
    expect(await advance(db)).toBe("freeze");
    await moveClock(db, "61 s");
    await db.query("update ampsync_private.upgrade set next_retry = 'infinity'");
    expect(await advance(db)).toBe("thaw");
    await resyncs();
    await db.query("update ampsync_private.upgrade set next_retry = null");
    expect(await advance(db)).toBe("freeze");
    expect(await advance(db)).toBe("swap");
    await resyncs();
    await db.query("select ampsync.rollback_version('chain')");
    await resyncs();

    await shadow.acquire("worker-3"); // Its lease is over, by the moved clock.
    await shadow.apply(5, 9, { expected: 4 });
    await markLive(db, shadow);
    expect(await swap(db, shadow)).toBe(true);
    expect(await stored(mart)).toMatchObject({ state: "backfill", query: NEXT_QUERY, block: 9 });
  });

  test("is loaded again if somebody says so meanwhile, and not if he takes it back", async () => {
    await readyUpgrade();
    await db.query("select ampsync.resync('chain', 'mart')");
    expect(await shadowOf(db, mart)).not.toBeNull();
    await db.query("select ampsync.cancel_resync('chain', 'mart')");
    expect(await shadowOf(db, mart)).toBeNull();
    expect(await stored(mart)).toMatchObject({ state: "retrying" });
    expect(await upgrades(db)).toHaveLength(2);
  });

  test("is built beside as well once its query was taken back, if the new version has the table", async () => {
    const register = "select ampsync_worker.register_streams($1, '1.0.0', null, '{blocks,logs,mart}')";
    await db.query(register, [await datasetId(db)]);
    await db.query("select ampsync.alter_sync('chain', on_new_version => 'resync')");
    await offer(db, "2.0.0");
    const tables = ["blocks", "logs", "mart"].map((table) => ({ table, columns: OTHER }));
    expect(await adopt(db, "2.0.0", tables)).toBe("beside");
    expect(await upgrades(db)).toMatchObject([{ table_name: "blocks" }, { table_name: "logs" }]);

    await db.query("select ampsync.alter_sync('chain', queries => $1)", ['{"mart": null}']);
    const resync = (await shadowOf(db, mart))!;
    await resync.acquire("worker-2");
    await resync.prepareTarget();
    await resync.apply(0, 9, { expected: null });
    expect(await swap(db, resync)).toBe(true);
    expect(await stored(mart)).toMatchObject({ query: null, version: "1.0.0" });
    expect(await advance(db)).toBe("extend");
    expect(await stored((await shadowOf(db, mart))!)).toMatchObject({ version: "2.0.0" });
    expect(await upgrades(db)).toMatchObject([{}, {}, { table_name: "mart", state: "loading" }]);
  });

  test("goes on when the upgrade is cancelled, or another version comes", async () => {
    await readyUpgrade();
    await advance(db);
    await startUpgrade(db, [newTable("blocks", OTHER)], "3.0.0");
    expect(await stored(mart)).toMatchObject({ state: "live" });
    await db.query("select ampsync.cancel_resync('chain')");
    expect(await stored(mart)).toMatchObject({ state: "live" });
    await mart.apply(10, 12);
  });
});

test("a table that a query gives only since an upgrade is left alone by its rollback, and nothing is kept of it", async () => {
  const logs = streams[1]!;
  await readyUpgrade();
  expect(await advance(db)).toBe("freeze");
  expect(await advance(db)).toBe("swap");
  await db.query("select ampsync.enqueue_sync('chain', queries => $1)", [JSON.stringify({ logs: QUERY })]);
  await db.query("select ampsync.resync('chain', 'logs')");
  const { rows } = await db.query(
    "select stream_id from ampsync_private.stream where shadow_of = $1 and state <> 'former'",
    [logs.id],
  );
  const shadow = new SqlStream(db, rows[0]!["stream_id"], `ampsync_private.shadow_${logs.id}`, true, "0");
  await shadow.acquire("worker-3");
  await shadow.prepareTarget();
  await shadow.apply(0, 12, { expected: null });
  await markLive(db, shadow);
  expect(await swap(db, shadow)).toBe(true);
  const before = await stored(logs);
  expect(before).toMatchObject({ query: QUERY, block: 12 });

  await db.query("select ampsync.rollback_version('chain')");
  expect(await stored(logs)).toEqual(before);
  expect((await logs.rows()).split(" ")).toHaveLength(13);
  expect(await stored(streams[0]!)).toMatchObject({ version: "1.0.0", block: 9 });
  expect((await db.query("select from ampsync.former_tables")).rowCount).toBe(0);
  expect((await db.query("select from ampsync_private.stream where state = 'former'")).rowCount).toBe(0);
});

test("a table that is loaded again for a query follows the versions of its dataset until then", async () => {
  await db.query("select ampsync.enqueue_sync('chain', queries => $1)", [JSON.stringify({ logs: QUERY })]);
  await db.query("select ampsync.resync('chain', 'logs')");
  expect(await stored((await shadowOf(db, streams[1]!))!)).toMatchObject({ query: QUERY });
  expect(await offerAndAdopt(db, "1.1.0", [{ table: "blocks" }, { table: "logs" }])).toBe("adopted");
  expect(await stored(streams[1]!)).toMatchObject({ state: "resyncing", version: "1.1.0", query: null });
  expect(await shadowOf(db, streams[1]!)).not.toBeNull();
});
