import type pg from "pg";

import { createPool } from "../db/pool.ts";
import type { Log } from "../log.ts";

const QUERY_MS = 150_000;

/** Connections of a gateway to the database: what must never wait for others has one of its own. */
export class Pools {
  readonly shared: pg.Pool;
  readonly pump: pg.Pool;
  readonly heartbeat: pg.Pool;
  readonly listen: pg.Pool;

  constructor(databaseUrl: string, poolSize: number, log: Log) {
    const make = (max: number, name: string) =>
      createPool(
        {
          url: databaseUrl,
          max,
          queryTimeoutMs: QUERY_MS,
          name: `ampsync gateway ${name}`,
          settings: { row_security: "off" },
        },
        log,
      );
    this.shared = make(poolSize, "pool");
    this.pump = make(1, "pump");
    this.heartbeat = make(1, "heartbeat");
    this.listen = make(1, "listen");
  }

  /** As metrics call them. */
  get byName(): Readonly<Record<string, pg.Pool>> {
    const { shared, pump, heartbeat, listen } = this;
    return { pool: shared, pump, heartbeat, listen };
  }

  async end(): Promise<void> {
    await Promise.all(Object.values(this.byName).map((pool) => pool.end()));
  }
}
