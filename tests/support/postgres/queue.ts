import { moveClock } from "./clock.ts";
import type { Connection } from "./sql-stream.ts";

/** Runs the supervisor, as a worker does every ten seconds; resolves to the number of jobs that it queued. */
export async function supervise(db: Connection): Promise<number> {
  const { rows } = await db.query("select ampsync_worker.supervise() as queued");
  return rows[0].queued;
}

/** Jobs are only what wakes: losing all of them loses nothing. */
export async function clearQueue(db: Connection): Promise<void> {
  await db.query("delete from graphile_worker._private_jobs");
}

/** Makes everything that a dead worker held run out, as if its time had passed; the next worker finds the jobs at once. */
export async function releaseDead(db: Connection): Promise<void> {
  await moveClock(db, "31 seconds");
  await supervise(db);
  // graphile-worker goes by the real clock, which was not moved.
  await db.query("update graphile_worker._private_jobs set run_at = now() where run_at > now()");
}
