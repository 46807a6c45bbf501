import type { Task } from "graphile-worker";

import { LeaseCalls, type PassOutcome } from "../db/lease-calls.ts";
import { StreamCalls } from "../db/stream-calls.ts";
import type { Deps } from "../deps.ts";
import type { Log } from "../log.ts";
import { causeOf, type Failure, failureOf, reactionTo } from "../model/failure.ts";
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
    let log = deps.log.part("stream").with({ stream_id: streamId });
    const signal = abortSignal ?? new AbortController().signal;
    let epoch: bigint | null = null;
    let metrics = deps.metrics.of("", "");
    let isCounted = false;

    async function endPass(outcome: PassOutcome, failure: Failure | null): Promise<void> {
      if (failure !== null && outcome !== "failed" && !isCounted) {
        isCounted = true; // If the call fails, its error ends the same pass once more.
        metrics.retries(failure.code);
      }
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
      const address = deps.servers.addressOf(lease.flightAddress);
      log = log.with({ dataset: lease.dataset, table: lease.tableName, address });
      log.info("lease_acquired", { epoch });
      using flight = deps.servers.flight(lease.flightAddress);
      const end = await runPass({ ...deps, flight }, lease, signal);
      tell(log, end.outcome, end.failure);
      await endPass(end.outcome, end.failure);
    } catch (error) {
      const failure = failureOf(error);
      const outcome = outcomeOf(failure);
      if (failure.code === "SY001") deps.metrics.leaseLost();
      if (epoch === null) {
        log = log.with(await new StreamCalls(deps.caller.once()).nameOf(streamId).catch(() => ({})));
      }
      tell(log, outcome, { ...failure, detail: failure.detail ?? causeOf(error) });
      if (outcome !== null) {
        await endPass(outcome, failure);
      }
    }
  };
}

/** One line for a pass that did not just give its slot away. */
function tell(log: Log, outcome: PassOutcome | null, failure: Failure | null): void {
  if (failure === null) {
    return;
  }
  const { code, message: error, detail: cause, hint } = failure;
  if (outcome === "failed") {
    log.error("stream_failed", { code, error, cause, hint });
  } else if (outcome === "no_data") {
    log.info("waiting_for_data", { code, error, cause });
  } else if (outcome === "ended") {
    log.warn("stream_error", { code, error, cause });
  } else {
    log.warn("lease_lost", { code, error, cause });
  }
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
