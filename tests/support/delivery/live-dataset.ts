import { loadedStream } from "../postgres/shadow.ts";
import type { Connection, SqlStream, StreamOptions } from "../postgres/sql-stream.ts";

/** A stream of blocks 0 to 9 that follows its head, of a dataset (`chain`) that is published. */
export async function liveDataset(db: Connection, options: StreamOptions = {}): Promise<SqlStream> {
  const stream = await loadedStream(db, options);
  await db.query("update ampsync_private.stream set state = 'live' where stream_id = $1", [stream.id]);
  await db.query("select ampsync.publish_dataset($1)", [options.dataset ?? "chain"]);
  await db.query("select ampsync_worker.activate_targets()");
  return stream;
}
