import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import { CarefulTransaction } from "../commit/careful-write.ts";
import { CommitQueue } from "../commit/commit-queue.ts";
import type { Permits } from "../commit/permits.ts";
import { WriteTransaction } from "../commit/write.ts";
import { LeaseCalls, type PassOutcome } from "../db/lease-calls.ts";
import { ServerWait } from "../db/server-wait.ts";
import { StreamCalls, type StreamLease } from "../db/stream-calls.ts";
import { copyColumns, planTable, type TablePlan } from "../encoder/plan.ts";
import { RowEncoder } from "../encoder/row-encoder.ts";
import { AmpsyncError } from "../errors.ts";
import type { FlightMessage } from "../flight/client.ts";
import type { LeaseHolder } from "../lease/heartbeat.ts";
import { PassControl } from "../lease/pass-control.ts";
import type { Log } from "../log.ts";
import { backoffMs } from "../model/backoff.ts";
import { tableRefSql } from "../model/dataset-ref.ts";
import { type Failure, failureOf } from "../model/failure.ts";
import { MAX_CONNECTIONS_PER_PASS } from "../model/limits.ts";
import { isPoison } from "../model/poison.ts";
import { cursorOf } from "../protocol/cursor.ts";
import { decide, decideReplaced, protocolError, resolveOwnHash } from "../protocol/decide.ts";
import type { Message, Step } from "../protocol/step.ts";
import {
  baseOf,
  committed,
  isMidCommit,
  rememberStream,
  type StreamMemory,
  startConnection,
} from "../protocol/stream-memory.ts";
import type { Watermark } from "../protocol/watermark.ts";
import { commitStatements, type StreamCommits, targetOf } from "./commit-statements.ts";
import { type Below, lookBelow } from "./head-below.ts";
import type { Following } from "./head-watch.ts";
import type { PassDeps } from "./pass-deps.ts";
import { runRepairs } from "./repair.ts";
import { checkSchema, planSent, selectSql } from "./table-query.ts";

export interface PassEnd {
  readonly outcome: PassOutcome;
  readonly failure: Failure | null;
}

const YIELDED: PassEnd = { outcome: "yielded", failure: null };

/**
 * The path of a microbatch, from the Flight stream to the commit: decide what a
 * message means, encode its rows, hand finished microbatches to the commit queue.
 *
 * Resolves when the pass gave its slot away or the server ended the stream;
 * rejects with whatever else ended it. What was not committed by then is gone,
 * and will be sent again.
 */
export async function runPass(deps: PassDeps, lease: StreamLease, shutdown: AbortSignal): Promise<PassEnd> {
  using pass = new StreamPass(deps, lease, shutdown);
  using _kept = deps.heartbeat.keep(pass.held);
  return shutdown.aborted ? YIELDED : await pass.run();
}

class StreamPass implements Disposable {
  readonly held: LeaseHolder;
  readonly #deps: PassDeps;
  readonly #calls: StreamCalls;
  readonly #leases: LeaseCalls;
  readonly #lease: StreamLease;
  readonly #log: Log;
  /** Of the table in the server's SQL. */
  readonly #reference: string;
  readonly #control: PassControl;
  readonly #head: Following;
  readonly #writerWait = new ServerWait();
  #serverWait: LeaseHolder["waits"] = null;
  #permitWait: LeaseHolder["waits"] = null;
  #memory: StreamMemory;
  #isRepairing = false;
  /** When the server last said something, by performance.now(). */
  #heardAt = performance.now();
  #isWatched: boolean;
  #toldHolds = false;
  /** Ends the connection under way, and nothing else. */
  #leave = new AbortController();
  /** A block below this checkpoint that the server was seen to have replaced. */
  #replaced: { readonly block: bigint; readonly checkpoint: Watermark } | null = null;
  /** PostgreSQL refused a row: the rest of the pass is written so that it can be told which. */
  #isCareful = false;

  constructor(deps: PassDeps, lease: StreamLease, shutdown: AbortSignal) {
    this.#control = new PassControl(shutdown, deps.limits.minPassMs, () => this.#canEndNow());
    this.#deps = deps;
    const caller = deps.caller.until(this.#control.signal, (error) => this.#showTrouble(error));
    this.#calls = new StreamCalls(caller);
    this.#leases = new LeaseCalls(caller);
    this.#lease = lease;
    this.#isWatched = lease.watched;
    this.#log = deps.log.with({ dataset: lease.dataset, table: lease.tableName });
    this.#reference = tableRefSql(lease, lease.version, lease.tableName);
    this.#memory = rememberStream({
      network: lease.network,
      committed: lease.history,
      origin: lease.origin,
      retention: lease.retention,
    });
    const waits = () => this.#permitWait ?? this.#serverWait;
    this.held = {
      streamId: lease.streamId,
      epoch: lease.epoch,
      head: null,
      holds: lease.watched ? null : false,
      get waits() {
        return waits();
      },
      writerWait: this.#writerWait,
      onVerdict: (verdict) => this.#control.heed(verdict),
      onState: (state) => this.#head.stored(state),
    };
    this.#head = deps.heads.follow({
      dataset: `${lease.namespace}/${lease.name}@${lease.version}`,
      tableName: lease.tableName,
      reference: this.#reference,
      blocksReference: tableRefSql(lease, lease.version, "blocks"),
      network: lease.network,
      checkpoint: lease.history.at(-1)?.end ?? null,
      wasLive: lease.state === "live",
      onHead: (head) => {
        this.held.head = head;
      },
      onBelow: (head) => this.#lookBelow(head),
      onLive: () => this.#calls.markLive(lease),
      onBehind: () => this.#calls.markBehind(lease),
    });
  }

  [Symbol.dispose](): void {
    this.#control[Symbol.dispose]();
    this.#head[Symbol.dispose]();
  }

  /** What the pass waits for besides its writer; null: it works. */
  #waitsFor(what: "plan" | "server" | null): void {
    this.#serverWait = what === null ? null : { for: what, since: performance.now() };
  }

  /** Permits of the process, which show that they are waited for. */
  #shownPermits(): Pick<Permits, "take"> {
    return {
      take: async (signal) => {
        this.#permitWait = { for: "permit", since: performance.now() };
        try {
          return await this.#deps.permits.take(signal);
        } finally {
          this.#permitWait = null;
        }
      },
    };
  }

  /** What is begun is finished first, unless the server keeps it waiting: its next pass would be sent it again. */
  #canEndNow(): boolean {
    const isSilent = performance.now() - this.#heardAt >= this.#deps.limits.stallMs;
    return !this.#isRepairing && (!isMidCommit(this.#memory) || isSilent);
  }

  /** What keeps a state call waiting is shown, if the database takes that: a stream is not silently stuck. */
  async #showTrouble(error: unknown): Promise<void> {
    await new StreamCalls(this.#deps.caller.once())
      .markRetrying(this.#lease, failureOf(error))
      .catch(() => {}); // Told next time, or by end_pass.
  }

  async run(): Promise<PassEnd> {
    try {
      const plan = await this.#prepareTarget();
      await this.#repair(plan);
      if (this.#control.mustYield) {
        return YIELDED;
      }
      for (let connection = 1; connection <= MAX_CONNECTIONS_PER_PASS; connection++) {
        const end = await this.#connection(plan).catch((error: unknown) => this.#goOn(error));
        if (end !== "reconnect") {
          return end;
        }
      }
      throw new AmpsyncError(
        "SY104",
        `no progress after ${MAX_CONNECTIONS_PER_PASS} connections in one pass`,
      );
    } catch (error) {
      if (this.#control.signal.aborted && this.#control.failure === null) {
        return YIELDED;
      }
      throw this.#control.failure ?? error;
    }
  }

  /** Plans the table, makes or checks the target; returns the plan of its columns in their stored order. */
  async #prepareTarget(): Promise<TablePlan> {
    const { flight, faults } = this.#deps;
    const { signal } = this.#control;
    this.#waitsFor("plan");
    const all = await flight.plan(`SELECT * FROM ${this.#reference}`, { stream: false, signal });
    this.#waitsFor(null);
    const plan = planTable(this.#lease.tableName, all.schema);
    await faults.reach("before_prepare_target");
    await this.#calls.prepareTarget(this.#lease, plan.hasBlockNum, plan.columns);
    await faults.reach("target_prepared");
    const order = this.#lease.columns;
    if (order === null) {
      return plan;
    }
    const stored = order.flatMap((name) => plan.columns.find((column) => column.name === name) ?? []);
    return { ...plan, columns: stored, blockPosition: plan.hasBlockNum ? 0 : null };
  }

  async #repair(plan: TablePlan): Promise<void> {
    this.#isRepairing = true;
    await runRepairs({
      deps: this.#deps,
      calls: this.#calls,
      lease: this.#lease,
      plan,
      reference: this.#reference,
      log: this.#log,
      writerWait: this.#writerWait,
      signal: this.#control.signal,
      onReceived: () => this.#holds(true),
    });
    await this.#holds(false);
    this.#isRepairing = false;
  }

  /**
   * Whether data is held that is not committed. Where the last worker left the stream behind this is told
   * before the data is looked at: it may be what ended that worker, and ends this one.
   */
  async #holds(holds: boolean): Promise<void> {
    if (!this.#isWatched) {
      this.held.holds = holds;
    } else if (holds !== this.#toldHolds) {
      this.#toldHolds = holds;
      await this.#leases.noteHolding(this.#lease, holds);
    }
  }

  /** One Flight stream, from connecting to its end. */
  async #connection(plan: TablePlan): Promise<PassEnd | "reconnect"> {
    const { flight, budget, pool, hash, faults, limits } = this.#deps;
    await this.#holds(false); // What the last connection brought is gone.
    const leave = new AbortController();
    this.#leave = leave;
    if (this.#replaced !== null) {
      leave.abort();
    }
    const signal = AbortSignal.any([this.#control.signal, leave.signal]);
    const base = baseOf(this.#memory);
    const cursor = base === null ? undefined : cursorOf(base, this.#memory.network ?? "");
    this.#log.info(base === null ? "starting_from_beginning" : "resuming_from_watermark", {
      block: base?.end,
    });

    this.#waitsFor("plan");
    const query = await flight.plan(selectSql(plan, this.#reference), {
      stream: true,
      cursor,
      signal,
    });
    const sent = planSent(plan, query.schema);
    const target = targetOf(this.#lease, copyColumns(sent));
    const { valuePolicy } = this.#lease;
    await using commits = new CommitQueue({
      statements: commitStatements(this.#lease, () => this.#memory.committed.at(-1)?.end ?? null),
      open: (begin, end, signal) => {
        const options = { pool, target, valuePolicy, wait: this.#writerWait, faults, signal };
        return this.#isCareful
          ? CarefulTransaction.open(options, begin)
          : WriteTransaction.open(options, begin, end);
      },
      limits,
      permits: this.#shownPermits(),
      budget,
      onCommitted: ({ watermark }) => {
        this.#memory = committed(this.#memory, watermark);
        this.#isWatched = false; // What came after the checkpoint did no harm.
        this.held.holds = this.#memory.open !== null || !commits.isEmpty;
        this.#head.committed(watermark.end);
      },
      onFailed: (error) => (isPoison(error) && !this.#isCareful ? leave.abort() : this.#control.fail(error)),
      abandoned: this.#control.abandoned,
    });
    let encoder = new RowEncoder(sent, hash, this.#lease);

    this.#waitsFor("server");
    this.#head.connected();
    try {
      for await (const message of flight.read(query, { signal, onReceived: () => this.#holds(true) })) {
        this.#waitsFor(null);
        this.#heardAt = performance.now();
        if (message.kind === "schema") {
          checkSchema(message.schema, query.schema);
          encoder = new RowEncoder(planSent(plan, message.schema), hash, this.#lease);
        } else {
          const end = await this.#take(message, commits, encoder);
          if (end !== null) {
            return end;
          }
          await commits.room();
        }
        if (this.#memory.open === null && commits.isEmpty) {
          await this.#holds(false);
        }
        this.#waitsFor("server");
      }
    } catch (error) {
      if (this.#control.failure !== null) {
        throw error;
      }
      await commits.settle(); // What is finished is worth keeping, however the stream ended.
      if (!(error instanceof AmpsyncError) || error.code !== "SY101") {
        throw error;
      }
      this.#memory = startConnection(this.#memory); // What could not be read was not taken.
      const step = protocolError(this.#memory, [error.message, error.detail].filter(Boolean).join(": "));
      return step.kind === "reconnect"
        ? await this.#reconnect(step)
        : ended(step.kind === "end" ? step.error : error);
    }
    await commits.settle();
    throw new AmpsyncError("SY104", "the server ended the stream", {
      hint: "It is retried automatically: select * from ampsync.streams;",
    });
  }

  /** The server's head lies below the checkpoint. True where that is shown. */
  async #lookBelow(head: bigint): Promise<boolean> {
    const { signal } = this.#control;
    const checkpoint = this.#memory.committed.at(-1);
    if (checkpoint === undefined) {
      return false;
    }
    const below = await lookBelow(
      { flight: this.#deps.flight, calls: this.#calls, lease: this.#lease, signal },
      head,
    );
    if (checkpoint !== this.#memory.committed.at(-1)) {
      return false; // The server said more meanwhile.
    }
    if (below.kind !== "replaced") {
      await this.#calls.markRetrying(this.#lease, headBelow(below, head, checkpoint.end));
    } else if (decideReplaced(this.#memory, below.block).kind !== "ignore") {
      this.#replaced = { block: below.block, checkpoint };
      this.#leave.abort();
    }
    return true;
  }

  /** Goes on where a connection was left for a reason. */
  async #goOn(error: unknown): Promise<PassEnd | "reconnect"> {
    const found = this.#replaced;
    this.#replaced = null;
    if (found === null || this.#control.signal.aborted) {
      return this.#goCarefully(error);
    }
    // A commit since then may have been the replacement.
    const isTrue = found.checkpoint === this.#memory.committed.at(-1);
    const step = isTrue ? decideReplaced(this.#memory, found.block) : null;
    if (step?.kind === "fail") {
      return failed(step.error);
    }
    if (step?.kind === "reconnect") {
      return await this.#reconnect(step);
    }
    this.#memory = startConnection(this.#memory);
    this.#head.reconnects();
    return "reconnect";
  }

  /** Begins again at the checkpoint, if that may help. */
  #goCarefully(error: unknown): "reconnect" {
    if (this.#isCareful || !isPoison(error)) {
      throw error;
    }
    this.#isCareful = true;
    this.#log.warn("batch_insert_failed", { error: error.message });
    this.#memory = startConnection(this.#memory);
    this.#head.reconnects();
    return "reconnect";
  }

  /** Decides what a message means, and does it. Null: go on. */
  async #take(
    message: Exclude<FlightMessage, { kind: "schema" }>,
    commits: StreamCommits,
    encoder: RowEncoder,
  ): Promise<PassEnd | "reconnect" | null> {
    if (message.kind === "dictionary") {
      encoder.takeDictionary(message.dictionary);
      return null;
    }

    const range = message.metadata?.ranges[0];
    if (range !== undefined) {
      this.#head.received(range.network, range.end);
    }
    const seen: Message = { metadata: message.metadata, rowCount: message.batch.rowCount };
    let step = decide(this.#memory, seen);
    while (step.kind === "flush" || step.kind === "ask_own_hash") {
      if (step.kind === "flush") {
        await commits.settle();
        step = decide(this.#memory, seen);
      } else {
        const hash = await this.#calls.ownHash(this.#lease.streamId, step.block);
        step = resolveOwnHash(this.#memory, seen, hash);
      }
    }

    switch (step.kind) {
      case "ignore":
        this.#memory = step.next;
        return null;
      case "append":
        this.#memory = step.next;
        await this.#append(step, message, commits, encoder);
        if (this.#control.mustYield && !isMidCommit(this.#memory)) {
          await commits.settle();
          return YIELDED;
        }
        return null;
      case "reconnect":
        return await this.#reconnect(step);
      case "no_data":
        return {
          outcome: "no_data",
          failure: {
            code: "SY103",
            message: `${this.#lease.tableName} holds no data yet`,
            detail: "The server answered with an empty range.",
            hint: "It is retried automatically; deploy the dataset on the Amp server if that was not done.",
          },
        };
      case "end":
        return ended(step.error);
      case "fail":
        return failed(step.error);
    }
  }

  async #append(
    step: Extract<Step, { kind: "append" }>,
    message: Extract<FlightMessage, { kind: "batch" }>,
    commits: StreamCommits,
    encoder: RowEncoder,
  ): Promise<void> {
    const range = message.metadata?.ranges[0];
    if (range === undefined) {
      throw new Error("rows were accepted without a block range");
    }
    if (step.dropsOpen) {
      commits.dropMicrobatch();
    }
    if (step.opens) {
      commits.openMicrobatch(step.removal);
      encoder.beginMicrobatch(range);
    }
    if (step.removal !== null) {
      this.#log.warn("reorg_detected", { from_block: step.removal.from, start: range.start, end: range.end });
    }
    const parts = encoder.encode(message.batch, commits);
    let part = parts.next();
    while (!part.done) {
      commits.addRows(part.value);
      await commits.room();
      await turn(); // For heartbeats and the other streams: a batch can be long work.
      part = parts.next();
    }
    commits.addRows(part.value);
    if (step.watermark !== null) {
      const { ledger, report } = encoder;
      const { network, timestamp } = range;
      const stamped = { watermark: step.watermark, network, timestamp, ledger, report };
      commits.finishMicrobatch(stamped, step.mayCommit);
    }
  }

  async #reconnect(step: Extract<Step, { kind: "reconnect" }>): Promise<PassEnd | "reconnect"> {
    this.#memory = step.next;
    const deep = step.reason === "step_back" ? await this.#lookDeep() : null;
    if (deep?.kind === "fail") {
      return failed(deep.error);
    }
    this.#log.warn("stream_reconnects", {
      reason: step.reason,
      detail: step.detail,
      cursor: step.cursor?.end,
    });
    this.#head.reconnects(); // First: what is shown now must stay until the next connection stands.
    if (step.next.pendingReorg !== null) {
      await this.#calls.markReorgPending(this.#lease, step.next.pendingReorg.lowestReplaced);
    } else {
      await this.#calls.markRetrying(this.#lease, {
        code: "SY101",
        message: "the server sent what does not fit its stream",
        detail: step.detail,
        hint: "The stream reconnects at its checkpoint automatically: select * from ampsync.events;",
      });
    }
    if (step.reason !== "step_back") {
      await pause(backoffMs(step.next.strikes, 2_000, 60_000), undefined, { signal: this.#control.signal });
    }
    return "reconnect";
  }

  /**
   * Whether more was replaced than the server reported: after a step back it sends blocks again without saying
   * which are others. Asks for the newest block that only the policy for deep reorgs may replace.
   */
  async #lookDeep(): Promise<Step | null> {
    const { origin, retention } = this.#memory;
    const checkpoint = this.#memory.committed.at(-1)?.end ?? 0n;
    const deepest = checkpoint - retention;
    if (origin === null || deepest < origin) {
      return null;
    }
    const asked = {
      flight: this.#deps.flight,
      calls: this.#calls,
      lease: this.#lease,
      signal: this.#control.signal,
    };
    const below = await lookBelow(asked, deepest).catch(() => null); // Whether it lags is not asked.
    return below?.kind === "replaced" ? decideReplaced(this.#memory, below.block) : null;
  }
}

/** The server's head lies below the checkpoint, on the same chain or, where there is nothing to compare, on any. */
function headBelow({ kind }: Below, head: bigint, checkpoint: bigint): Failure {
  const code = "SY107";
  const onceMore = "It goes on automatically once the server has caught up";
  return kind === "lags"
    ? {
        code,
        message: `the server lags: it holds blocks up to ${head}, this table up to ${checkpoint}`,
        detail: "Both are of one chain, as their hashes say. Nothing is removed.",
        hint: `${onceMore}: select * from ampsync.streams;`,
      }
    : {
        code,
        message: `the server holds blocks up to ${head} only, this table up to ${checkpoint}`,
        detail:
          "No hash of a block that both hold tells whether it lags or has another chain. Nothing is removed.",
        hint: `${onceMore}, or if the chain started over: select ampsync.resync('<dataset>', '<table>');`,
      };
}

/** It is retried, later and later. */
function ended(error: unknown): PassEnd {
  return { outcome: "ended", failure: failureOf(error) };
}

/** No retry can help. */
function failed(error: unknown): PassEnd {
  return { outcome: "failed", failure: failureOf(error) };
}
