import { setTimeout as pause } from "node:timers/promises";

import { LeaseCalls, type PassEnd } from "../db/lease-calls.ts";
import { StreamCalls, type StreamLease } from "../db/stream-calls.ts";
import { TransactionIds } from "../encoder/transaction-ids.ts";
import { AmpsyncError } from "../errors.ts";
import { PassControl } from "../lease/pass-control.ts";
import { PassStatus } from "../lease/pass-status.ts";
import type { Log } from "../log.ts";
import type { TableMetrics } from "../metrics/stream-metrics.ts";
import { backoffMs } from "../model/backoff.ts";
import { tableRefSql } from "../model/dataset-ref.ts";
import { failureOf } from "../model/failure.ts";
import { MAX_CONNECTIONS_PER_PASS } from "../model/limits.ts";
import { isPoison } from "../model/poison.ts";
import { decideReplaced } from "../protocol/decide.ts";
import type { Step } from "../protocol/step.ts";
import { isMidCommit, rememberStream, startConnection } from "../protocol/stream-memory.ts";
import type { Watermark } from "../protocol/watermark.ts";
import { type ConnectionEnd, runConnection } from "./connection.ts";
import type { Following } from "./following.ts";
import { type Below, headBelow, lookBelow } from "./head-below.ts";
import type { PassContext, Progress } from "./pass-context.ts";
import type { PassDeps } from "./pass-deps.ts";
import { ended, failed, noData, YIELDED } from "./pass-end.ts";
import { prepareTarget } from "./prepare-target.ts";
import { runRepairs } from "./repair.ts";
import { StateLog } from "./state-log.ts";
import type { SourceTable } from "./table-query.ts";

type Reconnect = Extract<Step, { kind: "reconnect" }>;

/**
 * One pass of a stream, under its lease: the target is made or checked, repairs that are due are done, then one
 * connection to the server follows the other.
 *
 * Resolves when the pass gave its slot away or the server ended the stream;
 * rejects with whatever else ended it. What was not committed by then is gone,
 * and will be sent again.
 */
export async function runPass(deps: PassDeps, lease: StreamLease, shutdown: AbortSignal): Promise<PassEnd> {
  using pass = new StreamPass(deps, lease, shutdown);
  using _kept = deps.heartbeat.keep(pass.status);
  return shutdown.aborted ? YIELDED : await pass.run();
}

class StreamPass implements PassContext, Disposable {
  readonly status: PassStatus;
  readonly deps: PassDeps;
  readonly calls: StreamCalls;
  readonly lease: StreamLease;
  readonly log: Log;
  readonly metrics: TableMetrics;
  readonly states: StateLog;
  readonly reference: string;
  readonly control: PassControl;
  readonly head: Following;
  readonly progress: Progress;
  #isRepairing = false;
  /** Ends the connection under way, and nothing else. */
  #leave = new AbortController();
  /** A block below this checkpoint that the server was seen to have replaced. */
  #replaced: { readonly block: bigint; readonly checkpoint: Watermark } | null = null;
  /** PostgreSQL refused a row: the rest of the pass is written slowly enough to find out which. */
  #isCareful = false;

  constructor(deps: PassDeps, lease: StreamLease, shutdown: AbortSignal) {
    this.control = new PassControl(shutdown, { ...deps.limits, shutdownMs: 0 }, () => this.#canEndNow());
    const caller = deps.caller.until(this.control.signal, (error) => this.#showTrouble(error));
    this.deps = deps;
    this.calls = new StreamCalls(caller);
    this.lease = lease;
    this.log = deps.log.part("stream").with({ dataset: lease.dataset, table: lease.tableName });
    this.states = new StateLog(this.log, lease.state);
    this.metrics = deps.metrics.of(lease.dataset, lease.tableName);
    this.reference = tableRefSql(lease.sourceSchema, lease.sourceTable);
    const { network, history, origin, retention } = lease;
    this.progress = { memory: rememberStream({ network, committed: history, origin, retention }) };
    this.status = new PassStatus(lease, new LeaseCalls(caller), {
      onVerdict: (verdict) => this.control.heed(verdict),
      onState: (state) => {
        this.states.stored(state);
        this.head.stored(state);
      },
    });
    this.head = deps.heads.follow({
      address: lease.flightAddress,
      dataset: lease.sourceSchema,
      tableName: lease.sourceTable,
      reference: this.reference,
      blocksReference: tableRefSql(lease.sourceSchema, "blocks"),
      network,
      checkpoint: history.at(-1)?.end ?? null,
      wasLive: lease.state === "live",
      onHead: (head) => {
        this.status.head = head;
      },
      onBelow: (head) => this.#headIsBelow(head),
      onLive: async () => {
        await this.calls.markLive(lease);
        this.states.live(this.head.liveness.block);
      },
      onBehind: async () => {
        await this.calls.markBehind(lease);
        this.states.behind(this.head.liveness.block);
      },
    });
  }

  [Symbol.dispose](): void {
    this.control[Symbol.dispose]();
    this.head[Symbol.dispose]();
  }

  async run(): Promise<PassEnd> {
    try {
      const prepared = await prepareTarget(this);
      const { flight, hash } = this.deps;
      const { fromBlock, nulPolicy, valuePolicy, firstTxId } = this.lease;
      const transactionIds = firstTxId === null ? null : new TransactionIds(firstTxId);
      const policies = { nulPolicy, valuePolicy, transactionIds };
      const table = { ...prepared, flight, reference: this.reference, fromBlock, hash, policies };
      await this.#repair(table);
      if (this.control.mustYield) {
        return YIELDED;
      }
      for (let connection = 1; connection <= MAX_CONNECTIONS_PER_PASS; connection++) {
        const end = await this.#connect(table);
        if (end !== "reconnect") {
          return end;
        }
      }
      throw new AmpsyncError(
        "SY104",
        `no progress after ${MAX_CONNECTIONS_PER_PASS} connections in one pass`,
      );
    } catch (error) {
      if (this.control.signal.aborted && this.control.failure === null) {
        return YIELDED;
      }
      throw this.control.failure ?? error;
    }
  }

  async #repair(table: SourceTable): Promise<void> {
    this.#isRepairing = true;
    await runRepairs(this, table);
    await this.status.showHolds(false);
    this.#isRepairing = false;
  }

  /** One connection, and what its end asks for. */
  async #connect(table: SourceTable): Promise<PassEnd | "reconnect"> {
    const leave = new AbortController();
    this.#leave = leave;
    if (this.#replaced !== null) {
      leave.abort();
    }
    try {
      return await this.#answer(await runConnection(this, { table, leave, isCareful: this.#isCareful }));
    } catch (error) {
      return await this.#answerError(error);
    }
  }

  async #answer(end: ConnectionEnd): Promise<PassEnd | "reconnect"> {
    switch (end.kind) {
      case "yielded":
        return YIELDED;
      case "no_data":
        return noData(this.lease.tableName);
      case "end":
        return ended(end.error);
      case "fail":
        return failed(end.error);
      case "reconnect":
        return await this.#reconnect(end);
    }
  }

  /** Goes on after a connection that we left ourselves; rethrows every other error. */
  async #answerError(error: unknown): Promise<PassEnd | "reconnect"> {
    const found = this.#replaced;
    this.#replaced = null;
    if (found === null || this.control.signal.aborted) {
      return this.#goCarefully(error);
    }
    const { memory } = this.progress;
    // A commit since then may have been the replacement.
    const isTrue = found.checkpoint === memory.committed.at(-1);
    const step = isTrue ? decideReplaced(memory, found.block) : null;
    if (step?.kind === "fail" || step?.kind === "reconnect") {
      return await this.#answer(step);
    }
    return this.#beginAgain("replaced");
  }

  /** Begins again at the checkpoint, if that may help. */
  #goCarefully(error: unknown): "reconnect" {
    if (this.#isCareful || !isPoison(error)) {
      throw error;
    }
    this.#isCareful = true;
    this.log.warn("batch_insert_failed", { error: error.message });
    return this.#beginAgain("refused_row");
  }

  #beginAgain(reason: string): "reconnect" {
    this.metrics.reconnects(reason);
    this.progress.memory = startConnection(this.progress.memory);
    this.head.reconnects();
    return "reconnect";
  }

  async #reconnect(step: Reconnect): Promise<PassEnd | "reconnect"> {
    this.progress.memory = step.next;
    const deep = step.reason === "step_back" ? await this.#lookDeep() : null;
    if (deep?.kind === "fail") {
      return failed(deep.error);
    }
    this.metrics.reconnects(step.reason);
    this.log.warn("stream_reconnects", {
      reason: step.reason,
      detail: step.detail,
      cursor: step.cursor?.end,
    });
    this.head.reconnects(); // First: what is shown now must stay until the next connection stands.
    if (step.next.pendingReorg !== null) {
      await this.calls.markReorgPending(this.lease, step.next.pendingReorg.lowestReplaced);
      this.states.reorgPending(step.next.pendingReorg.lowestReplaced);
    } else {
      this.states.stored("retrying");
      await this.calls.markRetrying(this.lease, {
        code: "SY101",
        message: "the server sent what does not fit its stream",
        detail: step.detail,
        hint: "The stream reconnects at its checkpoint automatically: select * from ampsync.events;",
      });
    }
    if (step.reason !== "step_back") {
      await pause(backoffMs(step.next.strikes, 2_000, 60_000), undefined, { signal: this.control.signal });
    }
    return "reconnect";
  }

  /**
   * Whether more was replaced than the server reported: after a step back it sends blocks again without saying
   * which are others. Asks for the newest block that only the policy for deep reorgs may replace.
   */
  async #lookDeep(): Promise<Step | null> {
    const { memory } = this.progress;
    const deepest = (memory.committed.at(-1)?.end ?? 0n) - memory.retention;
    if (memory.origin === null || deepest < memory.origin) {
      return null;
    }
    const below = await this.#lookBelow(deepest).catch(() => null); // Whether it lags is not asked.
    return below?.kind === "replaced" ? decideReplaced(this.progress.memory, below.block) : null;
  }

  /** The server's head lies below the checkpoint. Returns whether that is shown. */
  async #headIsBelow(head: bigint): Promise<boolean> {
    const checkpoint = this.progress.memory.committed.at(-1);
    if (checkpoint === undefined) {
      return false;
    }
    const below = await this.#lookBelow(head);
    const { memory } = this.progress;
    if (checkpoint !== memory.committed.at(-1)) {
      return false; // The server said more meanwhile.
    }
    if (below.kind !== "replaced") {
      const failure = headBelow(below, head, checkpoint.end);
      await this.calls.markRetrying(this.lease, failure);
      this.states.headBelow({ code: failure.code, error: failure.message, head });
    } else if (decideReplaced(memory, below.block).kind !== "ignore") {
      this.#replaced = { block: below.block, checkpoint };
      this.#leave.abort();
    }
    return true;
  }

  #lookBelow(head: bigint): Promise<Below> {
    const { flight } = this.deps;
    return lookBelow({ flight, calls: this.calls, lease: this.lease, signal: this.control.signal }, head);
  }

  /** What is begun is finished first, unless the server is silent: the next pass would be sent all of it again. */
  #canEndNow(): boolean {
    const isSilent = performance.now() - this.status.heardAt >= this.deps.limits.stallMs;
    return !this.#isRepairing && (!isMidCommit(this.progress.memory) || isSilent);
  }

  /** Shows what keeps a state call waiting, if the database can be told: no stream is silently stuck. */
  async #showTrouble(error: unknown): Promise<void> {
    await new StreamCalls(this.deps.caller.once()).markRetrying(this.lease, failureOf(error)).catch(() => {}); // Shown next time, or by end_pass.
  }
}
