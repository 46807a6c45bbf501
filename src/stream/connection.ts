import { setImmediate as turn } from "node:timers/promises";

import { CarefulTransaction } from "../commit/careful-write.ts";
import { CommitQueue } from "../commit/commit-queue.ts";
import type { Transaction } from "../commit/transaction.ts";
import { WriteTransaction } from "../commit/write.ts";
import { AmpsyncError } from "../errors.ts";
import type { CommitSize } from "../model/commit-size.ts";
import { isPoison } from "../model/poison.ts";
import { cursorOf } from "../protocol/cursor.ts";
import { decide, protocolError, resolveOwnHash } from "../protocol/decide.ts";
import type { Message, Step } from "../protocol/step.ts";
import { baseOf, committed, isMidCommit, type Removal, startConnection } from "../protocol/stream-memory.ts";
import { CatchingUp } from "./catching-up.ts";
import {
  commitStatements,
  type StampedWatermark,
  type StreamCommits,
  targetOf,
} from "./commit-statements.ts";
import type { PassContext } from "./pass-context.ts";
import { type SourceTable, type TableBatch, TableStream } from "./table-query.ts";

/** What belongs to one connection alone. */
export interface ConnectionOptions {
  readonly table: SourceTable;
  /** Ends the connection, and nothing else. */
  readonly leave: AbortController;
  /** Write slowly enough to find out which row PostgreSQL refuses. */
  readonly isCareful: boolean;
}

/** Why a connection ended: the step that asked for it, or the slot is given away. */
export type ConnectionEnd =
  | { readonly kind: "yielded" }
  | Extract<Step, { kind: "no_data" | "reconnect" | "end" | "fail" }>;

/** A replacement that begins with so many rows is worth a message of its own for the removal of the old ones. */
const EARLY_REMOVAL_ROWS = 256;

const YIELDED: ConnectionEnd = { kind: "yielded" };

/**
 * One Flight stream, from connecting to its end, which is the path of a microbatch: read a message, decide what it
 * means, encode its rows into the commit queue, which writes and commits finished microbatches meanwhile.
 *
 * Rejects where the stream broke off, or nothing more can be written. What was not committed by then is gone,
 * and will be sent again.
 */
export async function runConnection(pass: PassContext, options: ConnectionOptions): Promise<ConnectionEnd> {
  await using connection = await Connection.open(pass, options);
  return await connection.run();
}

class Connection implements AsyncDisposable {
  readonly #pass: PassContext;
  readonly #isCareful: boolean;
  readonly #stream: TableStream;
  readonly #catchingUp: CatchingUp;
  readonly #signal: AbortSignal;
  readonly #commits: StreamCommits;

  private constructor(
    pass: PassContext,
    { leave, isCareful }: ConnectionOptions,
    stream: TableStream,
    catchingUp: CatchingUp,
    signal: AbortSignal,
  ) {
    const { deps, lease, control, status, progress } = pass;
    this.#pass = pass;
    this.#isCareful = isCareful;
    this.#stream = stream;
    this.#catchingUp = catchingUp;
    this.#signal = signal;
    this.#commits = new CommitQueue({
      statements: commitStatements(lease, () => progress.memory.committed.at(-1)?.end ?? null),
      open: (begin, end, givenUp) => this.#openTransaction(begin, end, givenUp),
      limits: deps.limits,
      permits: status.shown(deps.permits),
      budget: deps.budget,
      onCommitted: (last, removal, size) => this.#committed(last, removal, size),
      // A row that PostgreSQL refuses ends this connection alone: the next one is careful.
      onFailed: (error) => (isPoison(error) && !isCareful ? leave.abort() : control.fail(error)),
      abandoned: control.abandoned,
    });
  }

  /** Plans the query that goes on from the newest block held. */
  static async open(pass: PassContext, options: ConnectionOptions): Promise<Connection> {
    const { deps, status, control, log } = pass;
    const { memory } = pass.progress;
    await status.showHolds(false); // What the last connection brought is gone.
    const signal = AbortSignal.any([control.signal, options.leave.signal]);
    status.waitsFor("turn");
    const catchingUp = await CatchingUp.begin(deps.catchUps, deps.limits.idleMs, signal);
    const base = baseOf(memory);
    const cursor = base === null ? undefined : cursorOf(base, memory.network ?? "");
    log.info(base === null ? "starting_from_beginning" : "resuming_from_watermark", { block: base?.end });
    status.waitsFor("plan");
    try {
      const stream = await TableStream.follow(options.table, { cursor, signal, received: deps.received });
      return new Connection(pass, options, stream, catchingUp, signal);
    } catch (error) {
      catchingUp.end();
      throw error;
    }
  }

  async run(): Promise<ConnectionEnd> {
    const { control, head, progress } = this.#pass;
    head.connected();
    try {
      const end = await this.#read();
      if (end !== null) {
        return end;
      }
    } catch (error) {
      if (control.failure !== null) {
        throw error;
      }
      await this.#commits.settle(); // What is finished is worth keeping, however the stream ended.
      if (!(error instanceof AmpsyncError) || error.code !== "SY101") {
        throw error;
      }
      progress.memory = startConnection(progress.memory); // What could not be read was not taken.
      const detail = [error.message, error.detail].filter(Boolean).join(": ");
      const step = protocolError(progress.memory, detail);
      return step.kind === "reconnect" || step.kind === "end" ? step : { kind: "end", error };
    }
    await this.#commits.settle();
    throw new AmpsyncError("SY104", "the server ended the stream", {
      hint: "Retried automatically: select * from ampsync.streams;",
    });
  }

  /** Takes one message after the other. Null: the server ended the stream. */
  async #read(): Promise<ConnectionEnd | null> {
    const { status, progress } = this.#pass;
    const onReceived = () => status.showHolds(true);
    this.#waitsForServer();
    for await (const message of this.#stream.batches({ signal: this.#signal, onReceived })) {
      status.heard();
      this.#catchingUp.hears();
      const end = message === null ? null : await this.#take(message);
      if (end !== null) {
        return end;
      }
      await this.#commits.room();
      if (progress.memory.open === null && this.#commits.isEmpty) {
        await status.showHolds(false);
      }
      this.#waitsForServer();
    }
    return null;
  }

  #waitsForServer(): void {
    this.#pass.status.waitsFor("server");
    this.#catchingUp.waits();
  }

  /** Does what a message asks for. Null: the connection goes on. */
  async #take(message: TableBatch): Promise<ConnectionEnd | null> {
    const { deps, control, head, progress } = this.#pass;
    const range = message.metadata?.ranges[0];
    if (range !== undefined) {
      head.received(range.network, range.end);
    }
    const step = await this.#decide({ metadata: message.metadata, rowCount: message.batch.rowCount });
    switch (step.kind) {
      case "ignore":
        return null;
      case "append": {
        await this.#append(step, message);
        const mustYield = control.mustYield || this.#catchingUp.isTurnOver(deps.limits.minPassMs);
        if (mustYield && !isMidCommit(progress.memory)) {
          await this.#commits.settle();
          return YIELDED;
        }
        return null;
      }
      default:
        return step;
    }
  }

  /** What a message means, which is kept in memory. Some are judged only after a commit, or with a hash of our own. */
  async #decide(message: Message): Promise<Exclude<Step, { kind: "flush" | "ask_own_hash" }>> {
    const { calls, lease, progress } = this.#pass;
    let step = decide(progress.memory, message);
    while (step.kind === "flush" || step.kind === "ask_own_hash") {
      if (step.kind === "flush") {
        await this.#commits.settle();
        step = decide(progress.memory, message);
      } else {
        const hash = await calls.ownHash(lease.streamId, step.block);
        step = resolveOwnHash(progress.memory, message, hash);
      }
    }
    if (step.kind === "ignore" || step.kind === "append") {
      progress.memory = step.next; // At once: a commit that ends before the caller goes on must not be forgotten.
    }
    return step;
  }

  /** Encodes rows into the open microbatch, and finishes it where they are its last. */
  async #append(
    { dropsOpen, opens, removal, watermark, mayCommit }: Extract<Step, { kind: "append" }>,
    { batch, metadata }: TableBatch,
  ): Promise<void> {
    const { encoder } = this.#stream;
    const range = metadata?.ranges[0];
    if (range === undefined) {
      throw new Error("rows were accepted without a block range");
    }
    if (dropsOpen) {
      this.#commits.dropMicrobatch();
    }
    if (opens) {
      const beginsEarly = removal !== null && watermark === null && batch.rowCount >= EARLY_REMOVAL_ROWS;
      this.#commits.openMicrobatch(removal, beginsEarly);
      encoder.beginMicrobatch(range);
      if (beginsEarly) {
        await turn(); // PostgreSQL removes rows while the new ones are encoded.
      }
    }
    if (removal !== null) {
      const { start, end } = range;
      this.#pass.log.warn("reorg_detected", { from_block: removal.from, start, end });
    }
    const parts = encoder.encode(batch, this.#commits);
    let part = parts.next();
    while (!part.done) {
      this.#commits.addRows(part.value);
      await this.#commits.room();
      await turn(); // For heartbeats and the other streams: a batch can be long work.
      part = parts.next();
    }
    this.#commits.addRows(part.value);
    if (watermark !== null) {
      const { network, timestamp } = range;
      const { ledger, report } = encoder;
      this.#commits.finishMicrobatch({ watermark, network, timestamp, ledger, report }, mayCommit);
    }
  }

  /** The commit queue begins to write, as soon as there is a microbatch to commit or a large one grows. */
  #openTransaction(begin: string, end: string | null, signal: AbortSignal): Promise<Transaction> {
    const { deps, lease, status } = this.#pass;
    const options = {
      pool: deps.pool,
      target: targetOf(lease, this.#stream.columns),
      valuePolicy: lease.valuePolicy,
      wait: status.writerWait,
      faults: deps.faults,
      signal,
    };
    return this.#isCareful
      ? CarefulTransaction.open(options, begin)
      : WriteTransaction.open(options, begin, end);
  }

  /** Everything up to and including this microbatch is durable. */
  #committed({ watermark }: StampedWatermark, removal: Removal | null, size: CommitSize): void {
    const { deps, lease, status, head, progress, metrics, states } = this.#pass;
    metrics.committed(size);
    states.committed(watermark.end, removal === null ? null : (removal.from ?? 0n));
    progress.memory = committed(progress.memory, watermark);
    status.committed(progress.memory.open !== null || !this.#commits.isEmpty);
    head.committed(watermark.end);
    if (head.liveness.hasArrived) {
      this.#catchingUp.end();
    }
    deps.announcer.committed({
      streamId: lease.streamId,
      block: watermark.end,
      replaced: removal === null ? null : (removal.from ?? 0n),
    });
  }

  /** What is not committed is rolled back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#catchingUp[Symbol.dispose]();
    this.#stream[Symbol.dispose]();
    await this.#commits[Symbol.asyncDispose]();
  }
}
