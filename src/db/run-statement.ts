import type pg from "pg";

import type { Statement } from "./retry.ts";

const END_MS = 5_000;

/**
 * Runs one statement on a client of a pool, which is not used again if that fails. Where no answer came in
 * time its backend is ended: no time-out of the server ends one whose commit waits for a standby that is gone, or
 * for somebody whose commit does and who notifies, and with each try another one would be left behind.
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
    client.release(true); // Whatever state it is in.
    if (error instanceof Error && error.message === UNANSWERED) {
      await endBackend(pool, client).catch(() => {}); // Then it ends when its network does.
    }
    throw error;
  }
}

/** The driver's words for `query_timeout`; it has no code for it. */
const UNANSWERED = "Query read timeout";

/** Behind a pooler the number may be nobody's, or another's: only what is ours is ended. */
async function endBackend(pool: pg.Pool, client: pg.PoolClient): Promise<void> {
  const { processID } = client as pg.PoolClient & { readonly processID: number | null }; // In the object, if not in its type.
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
