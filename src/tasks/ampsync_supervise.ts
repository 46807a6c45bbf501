import type { Task } from "graphile-worker";

import { LeaseCalls } from "../db/lease-calls.ts";
import type { Deps } from "../deps.ts";
import { withRuntime } from "../runtime.ts";

/**
 * Free the jobs of dead workers and recreate lost ones. The successor is queued
 * first, in a transaction of its own, so that a run that dies has one.
 */
export function supervise(deps: Deps): Task {
  const calls = new LeaseCalls(deps.caller);
  return async () => {
    await calls.scheduleSupervision();
    const queued = await calls.supervise();
    if (queued > 0) {
      deps.log.warn("job_recreated", { jobs: queued });
    }
  };
}

export default withRuntime(supervise);
