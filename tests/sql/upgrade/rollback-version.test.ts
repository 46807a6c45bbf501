// Takes 26 s.
import { describe, expect, test } from "vitest";

import { findings } from "../../support/chain/linked-chain.ts";
import { moveClock } from "../../support/postgres/clock.ts";
import { journaled } from "../../support/postgres/journal.ts";
import { clearQueue } from "../../support/postgres/queue.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { shadowOf, swap } from "../../support/postgres/shadow.ts";
import {
  COLUMNS,
  type SqlStream,
  type TargetColumn,
  waitingJobs,
} from "../../support/postgres/sql-stream.ts";
import {
  advance,
  datasetId,
  loadedDataset,
  markLive,
  newTable,
  startUpgrade,
  streamOf,
} from "../../support/postgres/upgrade.ts";

const db = rolledBackDatabase();

const OLD = "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9";
/** The same chain, other rows up to block 6. */
const NEW = "b0 b1 b2 b3 b4 b5 b6 a7 a8 a9";
/** Without `note`, and with a column of another type. */
const OTHER: readonly TargetColumn[] = [
  { name: "block_hash", type: "bytea", not_null: true },
  { name: "size", type: "bigint", not_null: false },
];

interface Upgraded {
  /** Columns of `blocks` in the new version. */
  readonly columns?: readonly TargetColumn[];
  /** Tables of the new version besides `blocks`. */
  readonly others?: readonly string[];
  /** Of its last blocks. */
  readonly fork?: string;
}

/** Version 2.0.0 of blocks and logs, in which blocks has other columns. */
async function upgraded({
  columns = OTHER,
  others = ["logs"],
  fork = "a",
}: Upgraded = {}): Promise<SqlStream[]> {
  const streams = await loadedDataset(db, ["blocks", "logs"]);
  await db.query(
    "create view chain.seen as select b._block_num, l.note from chain.blocks b join chain.logs l using (_block_num)",
  );
  await db.query("create index by_hash on chain.blocks (block_hash)");
  await startUpgrade(db, [newTable("blocks", columns), ...others.map((table) => newTable(table))]);
  for (const stream of streams) {
    const shadow = await shadowOf(db, stream);
    if (shadow === null) continue;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget(stream === streams[0] ? columns : COLUMNS);
    await shadow.apply(0, 6, { fork: "b", expected: null });
    await shadow.apply(7, 9, { fork, parentFork: "b", expected: 6 });
    await markLive(db, shadow);
  }
  for (let step = await advance(db); step !== "swap"; step = await advance(db)) expect(step).not.toBeNull();
  return streams;
}

const rowsOf = async (streams: readonly SqlStream[]) =>
  await Promise.all(streams.map((stream) => stream.rows()));

async function columnsOf(table: string): Promise<string> {
  const { rows } = await db.query(
    `select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) as columns
       from pg_attribute where attrelid = $1::regclass and attnum > 4 and not attisdropped`,
    [table],
  );
  return rows[0]!["columns"];
}

const oidOf = async (table: string) =>
  (await db.query("select $1::regclass::oid::int as oid", [table])).rows[0]!["oid"];

async function streamRows() {
  const { rows } = await db.query(
    "select table_name, state, version, checkpoint_block::int as block from ampsync_private.stream where shadow_of is null order by 1",
  );
  return rows;
}

const rollback = async () =>
  (await db.query("select table_name, state, hint from ampsync.rollback_version('chain')")).rows;

describe("an upgrade with other columns", () => {
  test("replaces the table, keeps what hangs on it, and keeps what every table had", async () => {
    const streams = await upgraded();
    expect(await rowsOf(streams)).toEqual([NEW, NEW]);
    expect(await columnsOf("chain.blocks")).toBe("block_hash bytea, size bigint");
    expect(await columnsOf("chain.logs")).toBe("block_hash bytea, note text");
    expect((await db.query("select count(*)::int as n from chain.seen")).rows).toEqual([{ n: 10 }]);
    expect((await db.query("select to_regclass('chain.by_hash') is not null as there")).rows).toEqual([
      { there: true },
    ]);
    const { rows } = await db.query(
      "select table_name, former_table, version, block::int, rows::int, kept_until - replaced_at as kept, hint from ampsync.former_tables order by 1",
    );
    const former = { version: "1.0.0", block: 9, rows: 10, kept: expect.objectContaining({ days: 7 }) };
    const hint = "select ampsync.rollback_version('chain');";
    expect(rows).toEqual([
      { ...former, hint, table_name: "blocks", former_table: `ampsync_private.former_${streams[0]!.id}` },
      { ...former, hint, table_name: "logs", former_table: `ampsync_private.former_${streams[1]!.id}` },
    ]);
    expect(await findings(db)).toEqual([]);
    const shown = await db.query(
      "select (select count(*)::int from ampsync.streams) as streams, (select tables::int from ampsync.status) as tables, (select count(*)::int from ampsync.progress) as progress, (select count(*)::int from ampsync.version_history) as versions, ampsync.cut('chain')::int as cut",
    );
    expect(shown.rows).toEqual([{ streams: 2, tables: 2, progress: 2, versions: 2, cut: 9 }]);
    expect(await journaled(db, "upgraded")).toMatchObject([{ details: { kept: true } }]);

    await streams[0]!.acquire("worker-3");
    await streams[0]!.prepareTarget(OTHER);
    await streams[0]!.apply(10, 11);
    expect(await streams[0]!.rows()).toBe(`${NEW} a10 a11`);
  });

  test("leaves a paused, resumed and dropped dataset nothing but its tables", async () => {
    const streams = await upgraded();
    await db.query("select ampsync.pause_sync('chain')");
    await db.query("select ampsync.resume_sync('chain')");
    expect(await streamRows()).toMatchObject([{ state: "retrying" }, { state: "retrying" }]);
    await db.query("select ampsync.resync('chain', 'logs')");
    expect((await shadowOf(db, streams[1]!))!.id).toBeDefined();
    await db.query("select ampsync.cancel_resync('chain')");
    await db.query("select ampsync.drop_sync('chain')");
    const { rows } = await db.query(
      "select relname from pg_class where relnamespace = 'ampsync_private'::regnamespace and relname ~ '^(former|shadow)_' and relkind = 'r'",
    );
    expect(rows).toEqual([]);
  });

  test("is followed by another one, which keeps the version before it", async () => {
    const streams = await upgraded();
    await startUpgrade(db, [newTable("blocks"), newTable("logs")], "3.0.0");
    for (const stream of streams) {
      const shadow = (await shadowOf(db, stream))!;
      await shadow.acquire("worker-2");
      await shadow.prepareTarget();
      await shadow.apply(0, 9, { fork: "c", expected: null });
      await markLive(db, shadow);
    }
    for (let step = await advance(db); step !== "swap"; step = await advance(db)) expect(step).not.toBeNull();
    const { rows } = await db.query("select distinct version from ampsync.former_tables");
    expect(rows).toEqual([{ version: "2.0.0" }]);
    await rollback();
    expect(await rowsOf(streams)).toEqual([NEW, NEW]);
    expect(await columnsOf("chain.blocks")).toBe("block_hash bytea, size bigint");
  });
});

describe("a rollback", () => {
  test("brings back rows, columns and checkpoints in place, and each table goes on from there", async () => {
    const streams = await upgraded();
    const logs = await oidOf("chain.logs");
    for (const [index, stream] of streams.entries()) {
      await stream.acquire("worker-3");
      await stream.prepareTarget(index === 0 ? OTHER : COLUMNS);
      await stream.apply(10, 12);
    }
    await clearQueue(db);
    const hint = "select * from ampsync.streams;";
    expect(await rollback()).toEqual([
      { table_name: "blocks", state: "backfill", hint },
      { table_name: "logs", state: "backfill", hint },
    ]);
    expect(await rowsOf(streams)).toEqual([OLD, OLD]);
    expect(await columnsOf("chain.blocks")).toBe("block_hash bytea, note text");
    expect(await oidOf("chain.logs")).toBe(logs);
    expect((await db.query("select count(*)::int as n from chain.seen")).rows).toEqual([{ n: 10 }]);
    expect(await streamRows()).toEqual([
      { table_name: "blocks", state: "backfill", version: "1.0.0", block: 9 },
      { table_name: "logs", state: "backfill", version: "1.0.0", block: 9 },
    ]);
    expect((await db.query("select from ampsync.former_tables")).rowCount).toBe(0);
    expect(await findings(db)).toEqual([]);
    expect(await waitingJobs(db, "ampsync_stream:%")).toHaveLength(2);
    expect(await journaled(db, "version_rolled_back")).toMatchObject([
      { details: { version: "1.0.0", old_version: "2.0.0" } },
    ]);

    await streams[0]!.acquire("worker-4");
    await streams[0]!.prepareTarget();
    await streams[0]!.apply(10, 11);
    expect(await streams[0]!.rows()).toBe(`${OLD} a10 a11`);
    const { rows } = await db.query(
      "select version from ampsync.version_history where table_name = 'blocks'",
    );
    expect(rows).toEqual([{ version: "1.0.0" }]);
  });

  test("is not undone by the next look at the versions, until there is another one or somebody asks", async () => {
    await upgraded();
    await rollback();
    const { rows } = await db.query("select version, waiting_on, hint from ampsync.status");
    expect(rows).toEqual([
      {
        version: "1.0.0",
        waiting_on: "version 2.0.0 was rolled back",
        hint: "select ampsync.resync('chain');",
      },
    ]);
    const id = await datasetId(db);
    const offered = async (version: string) => {
      await db.query("select ampsync_private.offer_version($1, $2, null)", [id, version]);
      const { rows: found } = await db.query("select version from ampsync_worker.begin_reload($1)", [id]);
      return found[0]?.["version"] ?? null;
    };
    await db.query("select ampsync.resume_sync('chain')");
    expect(await offered("2.0.0")).toBeNull();
    await db.query("select ampsync.resync('chain')");
    expect(await offered("2.0.0")).toBe("2.0.0");
    await db.query("select ampsync.cancel_resync('chain')");
    expect(await offered("2.0.0")).toBeNull();
    expect(await offered("2.1.0")).toBe("2.1.0");
  });

  test("keeps old rows with nulls in a column that the new version made not null", async () => {
    const streams = await loadedDataset(db, ["blocks", "logs"]);
    const [blocks, logs] = streams;
    await db.query("alter table chain.logs alter column block_hash drop not null");
    await db.query(
      `update ampsync_private.stream set columns = jsonb_set(columns, '{0,not_null}', 'false') where stream_id = $1`,
      [logs!.id],
    );
    await db.query("update chain.logs set block_hash = null where _block_num = 3");
    await startUpgrade(db, [newTable("blocks", OTHER), newTable("logs")]);
    for (const stream of [blocks!, logs!]) {
      const shadow = (await shadowOf(db, stream))!;
      await shadow.acquire("worker-2");
      await shadow.prepareTarget(stream === blocks ? OTHER : COLUMNS);
      await shadow.apply(0, 9, { fork: "b", expected: null });
      await markLive(db, shadow);
    }
    while ((await advance(db)) !== "swap");
    const count = "select count(*)::int as n from chain.logs where block_hash is null";
    expect((await db.query(count)).rows).toEqual([{ n: 0 }]);
    await rollback();
    expect((await db.query(count)).rows).toEqual([{ n: 1 }]);
  });

  test("leaves a version that was offered since the upgrade for somebody to ask for, and says which one", async () => {
    await upgraded();
    const id = await datasetId(db);
    await db.query("select ampsync_private.offer_version($1, '2.1.0', null)", [id]);
    await db.query("update ampsync_private.former set new_manifest_hash = repeat('0', 64)");
    await rollback();
    const { rows } = await db.query(
      `select s.new_version, s.waiting_on, d.offered_hash
         from ampsync.status s join ampsync_private.dataset d on d.label = s.dataset`,
    );
    expect(rows).toEqual([
      {
        new_version: "2.1.0",
        waiting_on: "version 2.0.0 was rolled back; version 2.1.0 waits for a call",
        offered_hash: null, // Not that of the other version.
      },
    ]);
  });

  test("to a version to which the server went back as well leaves nothing that is offered", async () => {
    await upgraded();
    await db.query("select ampsync_private.offer_version($1, '1.0.0', null)", [await datasetId(db)]);
    await rollback();
    const { rows } = await db.query("select version, new_version, error_code from ampsync.status");
    expect(rows).toEqual([{ version: "1.0.0", new_version: null, error_code: null }]);
  });

  test("ends the writers and resyncs of the new version", async () => {
    const streams = await upgraded();
    await streams[0]!.acquire("worker-3");
    await streams[0]!.prepareTarget(OTHER);
    await db.query("select ampsync.resync('chain', 'logs')");
    await rollback();
    expect(await refusal(db, () => streams[0]!.beginApply())).toMatchObject({ code: "SY001" });
    expect(await shadowOf(db, streams[1]!)).toBeNull();
    expect(await streamRows()).toMatchObject([{ state: "backfill" }, { state: "backfill" }]);
  });

  test("does not lose what a table had to the resync of it meanwhile", async () => {
    const streams = await upgraded();
    await db.query("select ampsync.resync('chain', 'logs')");
    const shadow = (await shadowOf(db, streams[1]!))!;
    await shadow.acquire("worker-3");
    await shadow.prepareTarget();
    await shadow.apply(0, 9, { expected: null });
    expect(await swap(db, shadow)).toBe(true);
    await rollback();
    expect(await rowsOf(streams)).toEqual([OLD, OLD]);
    expect(await streamRows()).toMatchObject([{ state: "backfill" }, { state: "backfill" }]);
  });

  test("of an upgrade that lacked a table does not bring back what that had before", async () => {
    const streams = await upgraded();
    await startUpgrade(db, [newTable("blocks")], "3.0.0");
    const shadow = (await shadowOf(db, streams[0]!))!;
    await shadow.acquire("worker-2");
    await shadow.prepareTarget();
    await shadow.apply(0, 9, { expected: null });
    await markLive(db, shadow);
    for (let step = await advance(db); step !== "swap"; step = await advance(db)) expect(step).not.toBeNull();
    await rollback();
    expect(await rowsOf(streams)).toEqual([NEW, NEW]);
    expect(await streamRows()).toMatchObject([
      { table_name: "blocks", version: "2.0.0" },
      { table_name: "logs", version: "2.0.0", state: "retrying" },
    ]);
  });

  test("of a former table that is gone is refused", async () => {
    const [blocks] = await upgraded();
    await db.query(`drop table ampsync_private.former_${blocks!.id}`);
    expect(await refusal(db, rollback)).toMatchObject({
      code: "SY201",
      message: `table ampsync_private.former_${blocks!.id} is gone`,
    });
  });

  test("of a table that is gone is refused", async () => {
    await upgraded();
    await db.query("drop view chain.seen; drop table chain.logs");
    expect(await refusal(db, rollback)).toMatchObject({ code: "SY201", message: "table chain.logs is gone" });
  });

  test("of a paused dataset leaves it paused", async () => {
    const streams = await upgraded();
    await db.query("select ampsync.pause_sync('chain')");
    await rollback();
    expect(await streamRows()).toMatchObject([{ state: "paused" }, { state: "paused" }]);
    expect(await rowsOf(streams)).toEqual([OLD, OLD]);
    await db.query("select ampsync.resume_sync('chain')");
    await streams[1]!.acquire("worker-4");
    await streams[1]!.apply(10, 10);
    expect(await streams[1]!.rows()).toBe(`${OLD} a10`);
  });

  test("orphans what only the new version has, and follows again what it lacked", async () => {
    await upgraded({ others: ["traces"] });
    const traces = await streamOf(db, "traces");
    await traces.acquire("worker-3");
    await traces.prepareTarget();
    await traces.apply(0, 9);
    await rollback();
    expect(await streamRows()).toEqual([
      { table_name: "blocks", state: "backfill", version: "1.0.0", block: 9 },
      { table_name: "logs", state: "retrying", version: "1.0.0", block: 9 },
      { table_name: "traces", state: "orphaned", version: "2.0.0", block: 9 },
    ]);
    expect(await traces.rows()).toBe(OLD);
  });

  test("loads a table again whose blocks were all replaced since then, and says so", async () => {
    const streams = await upgraded({ fork: "b" });
    const hint =
      "select * from ampsync.streams; -- its rows, up to block 9, cannot be continued: the table is loaded again beside them";
    expect(await rollback()).toEqual([
      { table_name: "blocks", state: "resyncing", hint },
      { table_name: "logs", state: "resyncing", hint },
    ]);
    const { rows } = await db.query(
      "select version, state from ampsync_private.stream where shadow_of is not null",
    );
    expect(rows).toEqual([
      { version: "1.0.0", state: "waiting" },
      { version: "1.0.0", state: "waiting" },
    ]);
    expect(await rowsOf(streams)).toEqual([OLD, OLD]);
  });
});

describe("nothing is rolled back", () => {
  test("without an upgrade", async () => {
    await loadedDataset(db, ["blocks"]);
    expect(await refusal(db, rollback)).toMatchObject({
      code: "SY004",
      message: "no upgrade of chain can be rolled back",
      hint: "select * from ampsync.version_history;",
    });
  });

  test("while an upgrade is under way; the hint gives it up first", async () => {
    await upgraded();
    await startUpgrade(db, [newTable("blocks")], "3.0.0");
    const error = await refusal(db, rollback);
    expect(error).toMatchObject({ code: "SY004", message: expect.stringContaining("is being upgraded") });
    await db.query(error.hint!);
    expect(await streamRows()).toMatchObject([{ version: "1.0.0" }, { version: "1.0.0" }]);
  });

  test("after an upgrade with equal columns, which was merged; the hint loads the old version beside it", async () => {
    await upgraded({ columns: COLUMNS });
    expect((await db.query("select from ampsync.former_tables")).rowCount).toBe(0);
    const error = await refusal(db, rollback);
    expect(error).toMatchObject({
      code: "SY004",
      message: expect.stringContaining("merged"),
      hint: "select ampsync.enqueue_sync('chain@1.0.0', target_schema => 'chain_1_0_0');",
    });
    await db.query(error.hint!);
  });

  test("after the time of the former tables is over", async () => {
    await upgraded();
    const prune = async () =>
      (await db.query("select ampsync_worker.prune_formers() as dropped")).rows[0]!["dropped"];
    await moveClock(db, "6 days");
    expect(await prune()).toBe(0);
    await db.query("select ampsync.set_retention(former_age => '5 days')");
    expect(await prune()).toBe(2);
    expect(await prune()).toBe(0);
    expect((await db.query("select from ampsync_private.stream where state = 'former'")).rowCount).toBe(0);
    expect(await refusal(db, rollback)).toMatchObject({
      code: "SY004",
      message: expect.stringContaining("until their time was over"),
      hint: "select ampsync.enqueue_sync('chain@1.0.0', target_schema => 'chain_1_0_0');",
    });
  });

  test("if the new table has by now what the old one could not keep", async () => {
    await upgraded();
    await db.query("create materialized view chain.sizes as select size from chain.blocks");
    expect(await refusal(db, rollback)).toMatchObject({
      code: "SY201",
      detail: expect.stringContaining("sizes"),
    });
  });
});

test("a former table that something hangs on is kept, with the reason, and tried again later", async () => {
  const [blocks] = await upgraded();
  await db.query(`create view chain.old as select * from ampsync_private.former_${blocks!.id}`);
  await moveClock(db, "8 days");
  const { rows } = await db.query("select ampsync_worker.prune_formers() as dropped");
  expect(rows).toEqual([{ dropped: 0 }]);
  expect(await journaled(db, "former_kept")).toMatchObject([
    { details: { detail: expect.stringContaining("chain.old") } },
  ]);
  expect((await db.query("select from ampsync.former_tables")).rowCount).toBe(2);
  await db.query("drop view chain.old");
  await moveClock(db, "8 days 2 hours");
  expect((await db.query("select ampsync_worker.prune_formers() as dropped")).rows).toEqual([{ dropped: 2 }]);
});
