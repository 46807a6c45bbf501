import type { Task } from "graphile-worker";

import { LeaseCalls } from "../db/lease-calls.ts";
import type { Deps } from "../deps.ts";
import { withRuntime } from "../runtime.ts";

/**
 * Frees the jobs of dead workers and recreates lost jobs. The next run is queued first, in
 * a transaction of its own, so that it exists even if this run dies. Old events, former tables
 * and limits that nobody uses go last: nothing waits for that. What fails keeps nothing else from being done.
 */
export function supervise(deps: Pick<Deps, "caller" | "log">): Task {
  const calls = new LeaseCalls(deps.caller);
  return async () => {
    await calls.scheduleSupervision();
    const steps = [
      async () => {
        const queued = await calls.supervise();
        if (queued > 0) deps.log.part("queue").warn("job_recreated", { jobs: queued });
      },
      async () => {
        const live = await calls.activateTargets();
        if (live > 0) deps.log.part("queue").info("table_live", { tables: live });
      },
      async () => {
        const capture = await calls.superviseCapture();
        if (capture !== null) {
          deps.log.part("capture").info("capture_state", { state: capture });
          await calls.announceCapture(capture);
        }
      },
      async () => {
        const looks = await calls.lookAtTables();
        if (looks > 0) deps.log.part("capture").debug("tables_differ", { tables: looks });
      },
      async () => {
        const mended = await calls.superviseDelivery();
        if (mended > 0) deps.log.part("queue").info("delivery_mended", { mended });
      },
      async () => {
        const pruned = await calls.pruneEvents();
        if (pruned > 0) deps.log.part("queue").debug("events_pruned", { events: pruned });
      },
      async () => {
        const dropped = await calls.pruneFormers();
        if (dropped > 0) deps.log.part("queue").info("former_pruned", { tables: dropped });
      },
      async () => {
        const limits = await calls.pruneLimits();
        if (limits > 0) deps.log.part("queue").debug("limits_pruned", { limits });
      },
    ];
    const failures: unknown[] = [];
    for (const step of steps) {
      await step().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  };
}

export default withRuntime(supervise);
