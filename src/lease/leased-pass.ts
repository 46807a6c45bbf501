import type { Task } from "graphile-worker";

import type { Caller } from "../db/caller.ts";
import { LeaseCalls, type PassEnd } from "../db/lease-calls.ts";
import { StreamCalls, type StreamLease } from "../db/stream-calls.ts";
import type { Faults } from "../fault-points.ts";
import type { Log, LogFields } from "../log.ts";
import type { StreamMetrics } from "../metrics/stream-metrics.ts";
import { causeOf, failureOf, passOutcomeOf } from "../model/failure.ts";
import { type CommitLimits, LAST_CALLS_MS, SHUTDOWN_MS } from "../model/limits.ts";
import { parseId } from "../model/payloads.ts";
import { delayed } from "./delayed.ts";

interface PassFrame {
  readonly caller: Caller;
  readonly metrics: StreamMetrics;
  readonly faults: Faults;
  readonly limits: CommitLimits;
  /** For the lines about the pass itself. */
  readonly log: Log;
}

/** The work of a pass, under its lease. */
interface PassWork {
  /** What else the lines about the pass have. */
  readonly fields?: (lease: StreamLease) => LogFields;
  /** A hint as the log shows it. */
  readonly hint?: (hint: string | null, dataset: string) => string | null;
  /** Asks nothing of the database by another caller than this one. `shutdown` is aborted when the worker stops. */
  readonly run: (lease: StreamLease, caller: Caller, shutdown: AbortSignal) => Promise<PassEnd>;
}

type ToldEnd = Omit<PassEnd, "outcome"> & { readonly outcome: PassEnd["outcome"] | null };

/**
 * A task that moves a stream forward by one pass, whatever its source: acquires the lease, does the work, records how it
 * ended and when the next pass starts, which returns the lease.
 *
 * Nothing is thrown to the queue: one SQL call tells how a pass ended, so a failing stream never loses its job. A worker that
 * stops while its database does not answer leaves the lease to those who find it dead.
 */
export function leasedPass(frame: PassFrame, work: PassWork): Task {
  return async (payload, { job, abortSignal }) => {
    const streamId = parseId(payload, "stream_id");
    const shutdown = abortSignal ?? new AbortController().signal;
    await runLeased(frame, work, { streamId, workerId: job.locked_by ?? `job ${job.id}`, shutdown });
  };
}

interface PassJob {
  readonly streamId: bigint;
  readonly workerId: string;
  readonly shutdown: AbortSignal;
}

async function runLeased(frame: PassFrame, work: PassWork, { streamId, workerId, shutdown }: PassJob) {
  const { metrics: all, faults, limits } = frame;
  using last = delayed(shutdown, limits.answersMs + SHUTDOWN_MS + LAST_CALLS_MS);
  const caller = frame.caller.leaving(last.signal);
  let log = frame.log.with({ stream_id: streamId });
  let epoch: bigint | null = null;
  let metrics = all.of("", "");
  let dataset = "";
  let isCounted = false;

  function tellEnd(end: ToldEnd): void {
    const { failure } = end;
    const hint = (work.hint ?? ((given) => given))(failure?.hint ?? null, dataset);
    tell(log, { ...end, failure: failure && { ...failure, hint } });
  }

  async function endPass(end: PassEnd): Promise<void> {
    const { outcome, failure } = end;
    if (failure !== null && (outcome === "ended" || outcome === "no_data") && !isCounted) {
      isCounted = true; // If the call fails, its error ends the same pass once more.
      metrics.retries(failure.code);
    }
    await faults.reach("before_end_pass");
    await new LeaseCalls(caller).endPass(streamId, epoch, end);
  }

  try {
    const lease = await new StreamCalls(caller).acquireLease(streamId, workerId);
    if (lease === null) {
      return; // The holder of the lease queues the next pass itself.
    }
    const table = lease.tableName;
    dataset = lease.dataset;
    epoch = lease.epoch;
    metrics = all.of(dataset, table);
    await faults.reach("lease_acquired");
    log = log.with({ dataset, table, ...work.fields?.(lease) });
    log.info("lease_acquired", { epoch });
    const end = await work.run(lease, caller, shutdown);
    tellEnd(end);
    await endPass(end);
  } catch (error) {
    const failure = failureOf(error);
    const outcome = passOutcomeOf(failure);
    if (failure.code === "SY001") all.leaseLost();
    if (epoch === null) {
      log = log.with(await new StreamCalls(caller.once()).nameOf(streamId).catch(() => ({})));
    }
    tellEnd({ outcome, failure: { ...failure, detail: failure.detail ?? causeOf(error) }, dueUs: null });
    if (outcome !== null) {
      await endPass({ outcome, failure, dueUs: null });
    } else if (epoch !== null) {
      // A beat under way may have renewed a lease that had run out: nobody would read until it runs out again. What is another
      // worker's by now stays with it.
      await endPass({ outcome: "yielded", failure: null, dueUs: null });
    }
  }
}

/** One line for a pass that did not just give its slot away; without an outcome another worker carries on. */
function tell(log: Log, { outcome, failure, dueUs }: ToldEnd): void {
  const due = dueUs === null ? {} : { due: new Date(Number(dueUs / 1_000n)).toISOString() };
  const { code, message: error, detail: cause, hint } = failure ?? {};
  const why = failure === null ? {} : { code, error, cause };
  switch (outcome) {
    case "yielded":
      return;
    case "rested":
    case "done":
      log.info("source_rests", { outcome, ...due, ...why });
      return;
    case "no_data":
      log.info("waiting_for_data", why);
      return;
    case "ended":
      log.warn("stream_error", { ...why, ...due });
      return;
    case "failed":
      log.error("stream_failed", { ...why, hint });
      return;
    case null:
      log.warn("lease_lost", why);
      return;
    default:
      outcome satisfies never;
  }
}
