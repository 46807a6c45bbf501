import type { Task } from "graphile-worker";

import { ResyncCalls } from "../db/resync-calls.ts";
import { StreamCalls } from "../db/stream-calls.ts";
import type { Deps } from "../deps.ts";
import { failureOf, reactionTo } from "../model/failure.ts";
import { parseId } from "../model/payloads.ts";
import { withRuntime } from "../runtime.ts";

/**
 * Merges the rows of a resync into the target: one call, one transaction. If that
 * fails, the reason is stored, and shown by ampsync.streams, together with the time of the
 * next attempt if another one can help.
 */
export function swapResync(deps: Pick<Deps, "caller" | "log" | "faults">): Task {
  const calls = new ResyncCalls(deps.caller);
  const names = new StreamCalls(deps.caller.once());
  return async (payload) => {
    const shadowId = parseId(payload, "stream_id");
    const name = await names.nameOf(shadowId).catch(() => ({})); // A swap leaves no shadow to ask for.
    const log = deps.log.part("stream").with({ stream_id: shadowId, ...name });
    try {
      const swapped = await calls.swapResync(shadowId);
      await deps.faults.reach("swap_answered");
      log.info(swapped ? "resynced" : "swap_not_due");
    } catch (error) {
      const failure = failureOf(error);
      log.warn("swap_failed", { code: failure.code, error: failure.message });
      if (reactionTo(failure.code) === "stop") {
        await calls.failSwap(shadowId, failure);
      } else {
        await calls.deferSwap(shadowId, failure);
      }
    }
  };
}

export default withRuntime(swapResync);
