import pg from "pg";
import type { Log } from "../log.ts";
import { isTransient } from "../model/failure.ts";
import { createPool } from "./pool.ts";

/**
 * Whether another worker could take a job now: a new connection asks for the same rights and locks, and changes
 * nothing. An error that waiting does not cure counts as an answer.
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
