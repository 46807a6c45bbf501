import { waitFor } from "../wait-for.ts";
import { moveClock, queueFollowsClock } from "./clock.ts";
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
  await queueFollowsClock(db);
  await moveClock(db, "31 seconds");
  await supervise(db);
  await db.query("update graphile_worker._private_jobs set run_at = now() where run_at > now()");
}

/** All workers are dead. Each of their sessions first does what its worker has sent: perhaps it commits, or takes jobs. */
export async function untilSessionsAreOver(db: Connection): Promise<void> {
  await waitFor("the sessions of dead workers to be over", async () => {
    const { rows } = await db.query(
      `select count(*) = 0 as over from pg_stat_activity a
        where a.datname = current_database()
          and a.application_name in ('ampsync worker', 'ampsync queue', 'ampsync heartbeat')`,
    );
    return rows[0].over;
  });
}
