import type { Task } from "graphile-worker";

import { LeaseCalls, type PassOutcome } from "../db/lease-calls.ts";
import { StreamCalls } from "../db/stream-calls.ts";
import type { Deps } from "../deps.ts";
import { type Failure, failureOf, reactionTo } from "../model/failure.ts";
import { parseId } from "../model/payloads.ts";
import { withRuntime } from "../runtime.ts";
import { runPass } from "../stream/stream-pass.ts";

/**
 * Moves one stream forward by one pass: acquires its lease, reads from its checkpoint,
 * applies what arrives, and returns the lease when the pass is over.
 *
 * Nothing is thrown to the queue: one SQL call records how a pass ended and when the
 * next one starts, so a failing stream never loses its job.
 */
export function streamTask(deps: Deps): Task {
  const leases = new LeaseCalls(deps.caller);
  const streams = new StreamCalls(deps.caller);
  return async (payload, { job, abortSignal }) => {
    const streamId = parseId(payload, "stream_id");
    const signal = abortSignal ?? new AbortController().signal;
    let epoch: bigint | null = null;
    let metrics = deps.metrics.of("", "");

    async function endPass(outcome: PassOutcome, failure: Failure | null): Promise<void> {
      if (failure !== null && outcome !== "failed") metrics.retries(failure.code);
      await deps.faults.reach("before_end_pass");
      await leases.endPass(streamId, epoch, outcome, failure);
    }

    try {
      const lease = await streams.acquireLease(streamId, job.locked_by ?? `job ${job.id}`);
      if (lease === null) {
        return; // The holder of the lease queues the next pass itself.
      }
      epoch = lease.epoch;
      metrics = deps.metrics.of(lease.dataset, lease.tableName);
      await deps.faults.reach("lease_acquired");
      deps.log.info("lease_acquired", { dataset: lease.dataset, table: lease.tableName, epoch });
      using flight = deps.servers.flight(lease.flightAddress);
      const end = await runPass({ ...deps, flight }, lease, signal);
      await endPass(end.outcome, end.failure);
    } catch (error) {
      const failure = failureOf(error);
      const outcome = outcomeOf(failure);
      if (failure.code === "SY001") deps.metrics.leaseLost();
      deps.log.warn(outcome === null ? "lease_lost" : "stream_error", {
        stream_id: streamId,
        code: failure.code,
        error: failure.message,
      });
      if (outcome !== null) {
        await endPass(outcome, failure);
      }
    }
  };
}

/** Null if another worker carries on, or the stream was paused or removed: then there is nothing to record. */
function outcomeOf(failure: Failure): PassOutcome | null {
  switch (reactionTo(failure.code)) {
    case "lost":
      return null;
    case "stop":
      return "failed";
    case "retry":
      return "ended";
  }
}

export default withRuntime(streamTask);
