import { createPool } from "../db/pool.ts";
import { Reads } from "../db/reads.ts";
import type { Log } from "../log.ts";
import { textOf } from "../model/failure.ts";
import { hintLackingRole } from "./lacking-role.ts";

const LONGEST_S = 10;
/** The server ends the statement first, and says so; it is silent where the network is. */
const LONGEST_SILENCE_S = LONGEST_S + 2;

const BLOCKERS =
  "select * from pg_stat_activity where pid in (select unnest(pg_blocking_pids(pid)) from pg_stat_activity);";

/** Lends the views to a command that only looks: one connection, 10 s at most for a statement. */
export async function withReads<T>(
  url: string,
  name: string,
  log: Log,
  look: (reads: Reads) => Promise<T>,
): Promise<T> {
  const pool = createPool(
    {
      ...{ url, max: 1, name, queryTimeoutMs: LONGEST_SILENCE_S * 1000 },
      settings: { statement_timeout: `${LONGEST_S}s` },
    },
    log,
  );
  try {
    return await look(new Reads(pool));
  } catch (error) {
    await hintLackingRole(error, pool, "ampsync_reader");
    if (textOf(error, "code") === "57014") Object.assign(error as Error, { hint: BLOCKERS });
    throw error;
  } finally {
    await pool.end();
  }
}
