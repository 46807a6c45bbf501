import type pg from "pg";

import type { Budget } from "../commit/budget.ts";
import type { Caller } from "../db/caller.ts";
import type { Faults } from "../fault-points.ts";
import type { AllowList } from "../http/allow-list.ts";
import type { HttpClient } from "../http/client.ts";
import type { Heartbeat } from "../lease/heartbeat.ts";
import type { Log } from "../log.ts";
import type { SourceMetrics } from "../metrics/source-metrics.ts";
import type { StreamMetrics } from "../metrics/stream-metrics.ts";
import type { CommitLimits } from "../model/limits.ts";
import type { Permits } from "../model/permits.ts";
import type { SourceSlots } from "./source-slots.ts";

/** What the passes of HTTP sources of a process share beside what all passes do. */
export interface HttpDeps {
  readonly client: HttpClient;
  readonly allow: AllowList;
  /** The value of a secret; null: this worker does not have it. */
  readonly secretOf: (name: string) => string | null;
  readonly slots: SourceSlots;
  readonly metrics: SourceMetrics;
}

/** What the passes of HTTP sources of a process share. */
export interface IngestDeps {
  readonly log: Log;
  readonly caller: Caller;
  /** Connections for writing transactions and calls; heartbeats have their own. */
  readonly pool: pg.Pool;
  readonly heartbeat: Heartbeat;
  readonly permits: Permits;
  readonly budget: Budget;
  readonly metrics: StreamMetrics;
  readonly limits: CommitLimits;
  readonly faults: Faults;
  readonly http: HttpDeps;
}
