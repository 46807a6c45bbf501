import type { Task } from "graphile-worker";

import { LeaseCalls } from "../db/lease-calls.ts";
import type { Deps } from "../deps.ts";
import { withRuntime } from "../runtime.ts";

/**
 * Frees the jobs of dead workers and recreates lost jobs. The next run is queued first, in
 * a transaction of its own, so that it exists even if this run dies. Old events and former
 * tables go last: nothing waits for that.
 */
export function supervise(deps: Pick<Deps, "caller" | "log">): Task {
  const calls = new LeaseCalls(deps.caller);
  return async () => {
    await calls.scheduleSupervision();
    const queued = await calls.supervise();
    if (queued > 0) {
      deps.log.part("queue").warn("job_recreated", { jobs: queued });
    }
    const pruned = await calls.pruneEvents();
    if (pruned > 0) {
      deps.log.part("queue").debug("events_pruned", { events: pruned });
    }
    const dropped = await calls.pruneFormers();
    if (dropped > 0) {
      deps.log.part("queue").info("former_pruned", { tables: dropped });
    }
  };
}

export default withRuntime(supervise);
