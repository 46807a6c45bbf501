import type { Task } from "graphile-worker";

import { ResyncCalls } from "../db/resync-calls.ts";
import type { Deps } from "../deps.ts";
import { failureOf, reactionTo } from "../model/failure.ts";
import { parseId } from "../model/payloads.ts";
import { withRuntime } from "../runtime.ts";

/**
 * Merges the rows of a resync into the target: one call, one transaction. If that
 * fails, the reason is stored, and shown by ampsync.streams, together with the time of the
 * next attempt if another one can help.
 */
export function swapResync(deps: Deps): Task {
  const calls = new ResyncCalls(deps.caller);
  return async (payload) => {
    const shadowId = parseId(payload, "stream_id");
    try {
      const swapped = await calls.swapResync(shadowId);
      await deps.faults.reach("swap_answered");
      deps.log.part("stream").info(swapped ? "resynced" : "swap_not_due", { stream_id: shadowId });
    } catch (error) {
      const failure = failureOf(error);
      deps.log
        .part("stream")
        .warn("swap_failed", { stream_id: shadowId, code: failure.code, error: failure.message });
      if (reactionTo(failure.code) === "stop") {
        await calls.failSwap(shadowId, failure);
      } else {
        await calls.deferSwap(shadowId, failure);
      }
    }
  };
}

export default withRuntime(swapResync);
