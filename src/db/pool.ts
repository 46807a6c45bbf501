import pg from "pg";

import type { Log } from "../log.ts";
import { KEEPALIVE_AFTER_MS } from "../model/limits.ts";
import { CONNECT_MS, ownSessions, type SessionSettings } from "./session.ts";

/** int8 arrives as bigint, all else as pg reads it. */
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.INT8, (text: string) => BigInt(text));

export interface PoolOptions {
  readonly url: string;
  readonly max: number;
  /** Rejects a call that takes longer, and drops its connection. 0: never. */
  readonly queryTimeoutMs: number;
  readonly name: string;
  readonly settings?: SessionSettings;
}

export function createPool(options: PoolOptions, log: Log): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    // Without it the system waits for two hours before it looks whether a silent peer is still there.
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    types,
    ...(options.queryTimeoutMs > 0 && { query_timeout: options.queryTimeoutMs }),
  });
  ownSessions(pool, options.name, options.settings);
  // A terminated backend is no error of ours: the pool reconnects, and whoever used the connection is
  // told by the failing query. Without handlers either event would end Node.
  const lost = (error: Error) => log.warn("db_connection_lost", { pool: options.name, error: error.message });
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", lost));
  return pool;
}
