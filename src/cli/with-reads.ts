import { createPool } from "../db/pool.ts";
import { Reads } from "../db/reads.ts";
import type { Log } from "../log.ts";

/** Lends the views to a command that only looks: one connection, 10 s at most for a statement. */
export async function withReads<T>(
  url: string,
  name: string,
  log: Log,
  look: (reads: Reads) => Promise<T>,
): Promise<T> {
  const pool = createPool(
    { url, max: 1, queryTimeoutMs: 10_000, name, settings: { statement_timeout: "10s" } },
    log,
  );
  try {
    return await look(new Reads(pool));
  } finally {
    await pool.end();
  }
}
