import { COLUMNS, type Connection, SqlStream, type StreamOptions, type TargetColumn } from "./sql-stream.ts";

/** A stream with blocks 0 to 9 of fork a, in two microbatches. */
export async function loadedStream(db: Connection, options: StreamOptions = {}): Promise<SqlStream> {
  const stream = await SqlStream.prepare(db, options);
  await stream.apply(0, 4);
  await stream.apply(5, 9);
  return stream;
}

/** The shadow of a stream under resync, moved by hand like any other; null where there is none. */
export async function shadowOf(db: Connection, stream: SqlStream): Promise<SqlStream | null> {
  const { rows } = await db.query(
    "select stream_id, target_schema || '.' || target_table as target from ampsync_private.stream where shadow_of = $1 and state <> 'former'",
    [stream.id],
  );
  return rows.length === 0
    ? null
    : new SqlStream(db, rows[0].stream_id, rows[0].target, stream.hasBlockNum, "0");
}

/** Calls ampsync.resync and takes the lease of the shadow, with an empty table. */
export async function startResync(
  db: Connection,
  stream: SqlStream,
  { dataset = "chain", columns = COLUMNS }: { dataset?: string; columns?: readonly TargetColumn[] } = {},
): Promise<SqlStream> {
  await db.query("select ampsync.resync($1)", [dataset]);
  const shadow = await shadowOf(db, stream);
  if (shadow === null) throw new Error(`nothing is loaded beside stream ${stream.id}`);
  await shadow.acquire("worker-2");
  await shadow.prepareTarget(columns);
  return shadow;
}

/** Whether the swap took place. */
export async function swap(db: Connection, shadow: SqlStream): Promise<boolean> {
  const { rows } = await db.query("select ampsync_worker.swap_resync($1) as swapped", [shadow.id]);
  return rows[0].swapped;
}
