import type pg from "pg";

import type { Announcer } from "../commit/announcer.ts";
import type { Budget } from "../commit/budget.ts";
import type { Caller } from "../db/caller.ts";
import type { Faults } from "../fault-points.ts";
import type { FlightClient } from "../flight/client.ts";
import type { Heartbeat } from "../lease/heartbeat.ts";
import type { Log } from "../log.ts";
import type { StreamMetrics } from "../metrics/stream-metrics.ts";
import type { CommitLimits } from "../model/limits.ts";
import type { Permits } from "../model/permits.ts";
import type { HeadWatch } from "./head-watch.ts";

/** What the passes of a process share, and the server that one of them reads. */
export interface PassDeps {
  readonly log: Log;
  readonly caller: Caller;
  /** Connections for writing transactions and calls; heartbeats have their own. */
  readonly pool: pg.Pool;
  readonly heartbeat: Heartbeat;
  readonly flight: FlightClient;
  readonly heads: HeadWatch;
  readonly permits: Permits;
  /** How many streams catch up at once. */
  readonly catchUps: Permits;
  readonly budget: Budget;
  /** Messages received and not done with. */
  readonly received: Budget;
  readonly announcer: Announcer;
  readonly metrics: StreamMetrics;
  readonly limits: CommitLimits;
  readonly hash: (bytes: Uint8Array, seed: bigint) => bigint;
  readonly faults: Faults;
}
