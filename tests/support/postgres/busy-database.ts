import { buildIndexes } from "./indexes.ts";
import { loadedStream, shadowOf, startResync } from "./shadow.ts";
import { COLUMNS, type Connection, type SqlStream, type TargetColumn, watermark } from "./sql-stream.ts";
import { advance, loadedDataset, markLive, newTable, startUpgrade } from "./upgrade.ts";

/** `blocks` of a new version, without `note`, and with another column. */
const OTHER: readonly TargetColumn[] = [
  { name: "block_hash", type: "bytea", not_null: true },
  { name: "size", type: "bigint", not_null: false },
];

/**
 * Datasets in every state that a change of the schema has to keep, each named by its state. In one transaction, which
 * is the caller's.
 */
export async function fillDatabase(db: Connection): Promise<void> {
  await liveDataset(db);
  await loadedDataset(db, ["logs"], "keyed", "transaction");
  await loadedDataset(db, ["blocks"], "paused");
  await db.query("select ampsync.pause_sync('paused')");
  const [failed] = await loadedDataset(db, ["blocks"], "failed");
  await failed!.endPass("failed", "SY201");
  const [retrying] = await loadedDataset(db, ["blocks"], "retrying");
  await retrying!.endPass("ended");

  const resynced = await loadedStream(db, { dataset: "resyncing" });
  await (await startResync(db, resynced, { dataset: "resyncing" })).apply(0, 4, { expected: null });
  await upgradedDataset(db, "upgraded", true);
  await upgradedDataset(db, "upgrading", false);
  await rejectingDataset(db);

  await db.query("select ampsync.enqueue_sync('waiting', from_block => 7, retention_blocks => 64)");
  await db.query(
    `select ampsync.enqueue_sync('derived', queries => '{"sums": "select count(*) as n from logs"}')`,
  );
  await db.query("select ampsync.explain_sync('asked')");
  await db.query("select ampsync.set_retention(event_age => '10 days')");
  await db.query("select ampsync_worker.renew_leases('worker-1', '[]')");
}

/** Two tables that agree, with a reorg behind them, an index, one that waits, and a repair to be done. */
async function liveDataset(db: Connection): Promise<void> {
  const [blocks, logs] = await loadedDataset(db, ["blocks", "logs"], "live");
  for (const stream of [blocks!, logs!]) {
    await stream.replace(8, 11, { fork: "b" });
  }
  await buildIndexes(db, blocks!);
  await db.query("select ampsync.repair('live', 'logs', 2, 3)");
}

/** Version 2.0.0, in which blocks has other columns: swapped in, or being loaded. */
async function upgradedDataset(db: Connection, dataset: string, isSwapped: boolean): Promise<void> {
  const streams = await loadedDataset(db, ["blocks", "logs"], dataset);
  await startUpgrade(db, [newTable("blocks", OTHER), newTable("logs")], "2.0.0", dataset);
  for (const stream of streams) await loadBeside(db, stream, isSwapped ? 9 : 4);
  if (!isSwapped) return;
  for (let step = await advance(db, dataset); step !== "swap"; step = await advance(db, dataset)) {
    if (step === null) throw new Error(`the upgrade of ${dataset} waits`);
  }
}

async function loadBeside(db: Connection, stream: SqlStream, last: number): Promise<void> {
  const shadow = (await shadowOf(db, stream))!;
  await shadow.acquire("worker-2");
  await shadow.prepareTarget(stream.target.endsWith(".blocks") ? OTHER : COLUMNS);
  await shadow.apply(0, last, { expected: null });
  if (last === 9) await markLive(db, shadow);
}

async function rejectingDataset(db: Connection): Promise<void> {
  const stream = await loadedStream(db, { dataset: "rejecting" });
  await db.query("select ampsync.enqueue_sync('rejecting', value_policy => 'quarantine')");
  const place = { block: "11", row: 3, column: "note" };
  await stream.beginApply();
  await stream.insert(10, 11);
  await db.query("call ampsync_worker.commit_apply($1, $2, 9, 'mainnet', $3, 2, $4)", [
    stream.id,
    stream.epoch,
    JSON.stringify([watermark(10, 11)]),
    JSON.stringify({
      rejected: [{ ...place, sqlstate: "SY203", reason: "too long", values: { note: "x" } }],
      nulled: [{ column: "note", count: 2, block: "10", row: 0, reason: "a NUL" }],
      nuls: [],
    }),
  ]);
}
