import pg from "pg";

import type { Log } from "../log.ts";
import { KEEPALIVE_AFTER_MS } from "../model/limits.ts";
import { limitConnecting, ownSessions, type SessionSettings } from "./session.ts";

/** int8 becomes a bigint, all other types what pg makes of them. */
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, (text: string) => BigInt(text));

const IDLE_MS = 30_000;

export interface PoolOptions {
  readonly url: string;
  readonly max: number;
  /** A call that takes longer is rejected, and its connection is closed. 0: no limit. */
  readonly queryTimeoutMs: number;
  readonly name: string;
  readonly settings?: SessionSettings;
}

export function createPool(options: PoolOptions, log: Log): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max,
    // Longer than blocks take on most chains: a new session takes tens of milliseconds for what the next ones do in one.
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    // Without it the operating system waits for two hours before it probes whether a silent peer is still there.
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    types,
    ...(options.queryTimeoutMs > 0 && { query_timeout: options.queryTimeoutMs }),
  });
  limitConnecting(pool);
  ownSessions(pool, options.name, options.settings);
  // A terminated backend is not an error here: the pool reconnects, and the user of the connection learns of it
  // from the failing query. Without handlers either event would end Node.
  const lost = (error: Error) => log.warn("db_connection_lost", { pool: options.name, error: error.message });
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", lost));
  return pool;
}
