import {
  COLUMNS,
  type Connection,
  registerDataset,
  SqlStream,
  type StreamOptions,
  type TargetColumn,
} from "./sql-stream.ts";

/** A table of a new version, as the job that asks the server for it tells it. */
export function newTable(table: string, columns: readonly TargetColumn[] = COLUMNS) {
  return { table, network: "mainnet", has_block_num: true, columns };
}

/** Version 1.0.0 of a dataset, with blocks 0 to 9 of fork a in each of its tables. */
export async function loadedDataset(
  db: Connection,
  tables: readonly string[],
  dataset = "chain",
  identity: StreamOptions["identity"] = "content",
): Promise<SqlStream[]> {
  await registerDataset(db, dataset, tables, identity);
  const streams: SqlStream[] = [];
  for (const table of tables) {
    const stream = await streamOf(db, table, dataset);
    await stream.acquire("worker-1");
    await stream.prepareTarget();
    await stream.apply(0, 9);
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
    streams.push(stream);
  }
  return streams;
}

/** The stream of a table, without a lease. */
export async function streamOf(db: Connection, table: string, dataset = "chain"): Promise<SqlStream> {
  const { rows } = await db.query(
    "select stream_id, target from ampsync.streams where table_name = $1 and dataset = $2",
    [table, dataset],
  );
  return new SqlStream(db, rows[0].stream_id, rows[0].target, true, "0");
}

export async function datasetId(db: Connection, dataset = "chain"): Promise<string> {
  const { rows } = await db.query("select dataset_id from ampsync_private.dataset where label = $1", [
    dataset,
  ]);
  return rows[0].dataset_id;
}

export async function startUpgrade(
  db: Connection,
  tables: readonly object[],
  version = "2.0.0",
  dataset = "chain",
): Promise<void> {
  await db.query("select ampsync_private.start_upgrade($1, $2, null, $3)", [
    await datasetId(db, dataset),
    version,
    JSON.stringify(tables),
  ]);
}

/** The step that was done, as the job does it; `index` where indexes were made before it. */
export async function advance(db: Connection, dataset = "chain"): Promise<string | null> {
  const id = await datasetId(db, dataset);
  const { rows: built } = await db.query("select ampsync_worker.build_indexes($1) as count", [id]);
  if (built[0].count !== 0) return "index";
  const { rows } = await db.query("select ampsync_worker.advance_upgrade($1) as step", [id]);
  return rows[0].step;
}

export async function upgrades(db: Connection) {
  const { rows } = await db.query(
    "select table_name, state, block::int, old_block::int, new_version, error_code, reason, hint from ampsync.upgrades order by 1",
  );
  return rows;
}

export async function markLive(db: Connection, stream: SqlStream): Promise<void> {
  await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
}
