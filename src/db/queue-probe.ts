import pg from "pg";
import type { Log } from "../log.ts";
import { isTransient } from "../model/failure.ts";
import { createPool } from "./pool.ts";

/**
 * Whether somebody else could take a job now: asks for the rights and locks of that on a new connection, and
 * changes nothing. An error that no waiting helps is an answer, too.
 */
export async function isQueueAnswering(url: string, schema: string, log: Log): Promise<boolean> {
  const pool = createPool(
    { url, max: 1, queryTimeoutMs: 10_000, name: "ampsync worker", settings: { statement_timeout: "10s" } },
    log,
  );
  try {
    await pool.query(
      `set lock_timeout = '5s'; update ${pg.escapeIdentifier(schema)}._private_jobs set attempts = attempts where false`,
    );
    return true;
  } catch (error) {
    return !isTransient(error);
  } finally {
    await pool.end();
  }
}
