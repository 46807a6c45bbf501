import type pg from "pg";

import { waitFor } from "../wait-for.ts";
import type { TestDatabase } from "./postgres.ts";

/** The server process behind a connection. Ask before the connection is busy. */
export async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query("select pg_backend_pid() as pid");
  return rows[0].pid;
}

/** For a FROM: the locks of this database. pg_locks has those of the server, and databases cloned from one have the same OIDs. */
export const LOCKS_HERE =
  "(select l.* from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database()) locks";

/** Wait until a backend is seen waiting for a lock of another one. */
export async function untilBlocked(db: TestDatabase, pid: number): Promise<void> {
  await waitFor(`backend ${pid} to wait for a lock`, () => isWaiting(db, pid, "wait_event_type = 'Lock'"));
}

/** Wait until a backend stands in mid-COPY and reads from a client that sends nothing. */
export async function untilCopyStarves(db: TestDatabase, pid: number): Promise<void> {
  await waitFor(`backend ${pid} to wait for rows of its COPY`, () =>
    isWaiting(db, pid, "state = 'active' and wait_event = 'ClientRead' and query ilike 'copy%'"),
  );
}

async function isWaiting(db: TestDatabase, pid: number, condition: string): Promise<boolean> {
  const { rowCount } = await db.query(`select from pg_stat_activity a where a.pid = $1 and ${condition}`, [
    pid,
  ]);
  return rowCount === 1;
}
