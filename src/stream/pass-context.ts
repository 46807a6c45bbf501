import type { StreamCalls, StreamLease } from "../db/stream-calls.ts";
import type { PassControl } from "../lease/pass-control.ts";
import type { PassStatus } from "../lease/pass-status.ts";
import type { Log } from "../log.ts";
import type { TableMetrics } from "../metrics/stream-metrics.ts";
import type { StreamMemory } from "../protocol/stream-memory.ts";
import type { Following } from "./following.ts";
import type { PassDeps } from "./pass-deps.ts";
import type { StateLog } from "./state-log.ts";

/** What the parts of one pass share: its target, its repairs, its connections. */
export interface PassContext {
  readonly deps: PassDeps;
  readonly lease: StreamLease;
  /** State calls of this pass: they wait until it is over, and show what they wait for. */
  readonly calls: StreamCalls;
  readonly log: Log;
  readonly metrics: TableMetrics;
  /** The table in the SQL of the server. */
  readonly reference: string;
  readonly control: PassControl;
  readonly status: PassStatus;
  readonly head: Following;
  readonly progress: Progress;
  readonly states: StateLog;
}

/** What a pass knows of its stream: each connection goes on from where the last one left it. */
export interface Progress {
  memory: StreamMemory;
}
