import type pg from "pg";

import type { Statement } from "./retry.ts";

const END_MS = 5_000;

/**
 * Runs one statement on a client of a pool; if the statement fails, the client is not used again. If no answer comes
 * in time, its backend is ended: no time-out of the server ends a backend whose commit waits for a lost standby, or
 * for the lock of a notifying commit that does, and each attempt would leave another one behind.
 */
export async function runStatement(
  pool: pg.Pool,
  client: pg.PoolClient,
  statement: Statement,
): Promise<pg.QueryResult> {
  try {
    const result = await client.query(statement);
    client.release();
    return result;
  } catch (error) {
    client.release(true); // Whatever state the connection is in.
    if (error instanceof Error && error.message === UNANSWERED) {
      await endBackend(pool, client).catch(() => {}); // If that fails, the backend ends when its network connection does.
    }
    throw error;
  }
}

/** The driver's message for `query_timeout`, which has no code. */
const UNANSWERED = "Query read timeout";

/** Behind a pooler the process id may belong to nobody, or to another client: only a session of ours is ended. */
async function endBackend(pool: pg.Pool, client: pg.PoolClient): Promise<void> {
  const { processID } = client as pg.PoolClient & { readonly processID: number | null }; // In the object, but not in its type.
  const statement: Statement = {
    text: `select pg_terminate_backend(a.pid)
             from pg_stat_activity a
            where a.pid = $1 and a.usename = current_user and a.application_name = current_setting('application_name')
              and a.state = 'active' and (a.wait_event = 'SyncRep' or a.wait_event_type = 'Lock')`,
    values: [processID],
    query_timeout: END_MS,
  };
  await pool.query(statement);
}
