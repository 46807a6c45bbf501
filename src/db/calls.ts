import type pg from "pg";
import type { Failure } from "../model/failure.ts";
import { type Clean, cleanText } from "../model/foreign-text.ts";
import type { BlockHash } from "../protocol/block-range.ts";
import type { Watermark } from "../protocol/watermark.ts";
import type { OnRetry, RunStatement } from "./retry.ts";

/** Longer than any call works or waits by design, short enough that a dead connection is left within a minute. */
const ANSWER_MS = 30_000;
/** Less than what is left of a lease at the second beat that fails. */
const HEARTBEAT_ANSWER_MS = 10_000;

/** The same on the server, and a little sooner: nothing of a call that nobody waits for goes on there. */
export const CALL_TIMEOUT = "25s";
export const HEARTBEAT_TIMEOUT = "8s";

/** What a pass gets with its lease: what to read, where to write, where to go on. */
export interface Lease {
  readonly streamId: bigint;
  readonly epoch: bigint;
  readonly namespace: string;
  readonly name: string;
  /** What goes into the SQL reference: a semantic version, or a manifest hash. */
  readonly version: string;
  /** For people. */
  readonly dataset: string;
  readonly tableName: string;
  readonly targetSchema: string;
  readonly targetTable: string;
  /** User columns of the target in the order they were made; null before it was made. */
  readonly columns: readonly string[] | null;
  readonly network: string | null;
  readonly state: string;
  readonly origin: bigint | null;
  readonly retention: bigint;
  /** What becomes of values that PostgreSQL cannot hold, and of U+0000 in text. */
  readonly valuePolicy: "fail" | "null" | "quarantine";
  readonly nulPolicy: "replace" | "strip" | "fail";
  /** The last worker left the stream behind: this pass says what it holds before it looks at it. */
  readonly watched: boolean;
  /** Oldest first. */
  readonly history: readonly Watermark[];
}

/** A worker for people: where it runs, what it is, how many jobs it does at once. */
export interface WorkerProcess {
  readonly workerId: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly slots: number;
}

export interface Held {
  readonly streamId: bigint;
  readonly epoch: bigint;
  readonly head: { readonly block: bigint; readonly network: string } | null;
  /** For how many seconds its writer has waited for PostgreSQL; null while it does not. */
  readonly writerWaitsS: number | null;
  /** What else it waits for, and for how many seconds. */
  readonly waits: string | null;
  readonly waitsS: number | null;
  /** Its writer has waited for the server for so long that somebody should look. */
  readonly isWriterSilent: boolean;
  /** Its pass holds data that is not committed; null: nothing is said of that. */
  readonly holds: boolean | null;
}

export type Verdict = "keep" | "yield" | "lost" | "severed";

/** What a heartbeat says of a lease. */
export interface Renewed {
  readonly verdict: Verdict;
  /** Of the stream, as it is stored; null where the lease is lost. */
  readonly state: string | null;
}

export interface TargetColumn {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
}

/** Blocks to fetch again, both ends inclusive. */
export interface Repair {
  readonly start: bigint;
  readonly end: bigint;
  /** What the rows of block `end` must carry; null where nothing is to be proven. */
  readonly ownHash: Buffer | null;
  /** The newest block with a row in the target; null where it is empty. */
  readonly newestRow: bigint | null;
}

export type PassOutcome = "yielded" | "no_data" | "ended" | "failed";

export interface DatasetToResolve {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string | null;
  readonly tables: readonly string[] | null;
}

/** One method a SQL function of schema ampsync, and nothing else. */
export class Calls {
  readonly #run: RunStatement;
  readonly #signal: AbortSignal;
  readonly #onRetry: OnRetry | undefined;

  readonly #clean: Clean;

  /** `clean`: what text of others goes through on its way into the database. */
  constructor(
    run: RunStatement,
    clean: Clean = cleanText,
    signal: AbortSignal = new AbortController().signal,
    onRetry?: OnRetry,
  ) {
    this.#run = run;
    this.#clean = clean;
    this.#signal = signal;
    this.#onRetry = onRetry;
  }

  /** The same calls for somebody who waits until the signal only, and wants to know why he waits. */
  until(signal: AbortSignal, onRetry?: OnRetry): Calls {
    return new Calls(this.#run, this.#clean, signal, onRetry);
  }

  /** The same calls, each tried once. */
  once(): Calls {
    return new Calls(this.#run, this.#clean, AbortSignal.abort());
  }

  #query(text: string, values: unknown[] = [], answerMs = ANSWER_MS): Promise<pg.QueryResult> {
    const clean = values.map((value) => this.#cleaned(value));
    return this.#run({ text, values: clean, query_timeout: answerMs }, this.#signal, this.#onRetry);
  }

  /** Failures are full of what others said: a call that tells one must not fail because of its text. */
  #cleaned(value: unknown): unknown {
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
      return value;
    }
    const members = Object.entries(value).map(([key, member]) => [
      key,
      typeof member === "string" ? this.#clean(member) : member,
    ]);
    return Object.fromEntries(members);
  }

  /**
   * Null where another worker holds the lease. Also where an answer was lost and the call repeated: then the
   * lease is nobody's, and runs out. Taking back what this worker holds would be quicker, and would let a
   * doubled job end the pass that runs.
   */
  async acquireLease(streamId: bigint, workerId: string): Promise<Lease | null> {
    const { rows } = await this.#query("select * from ampsync_worker.acquire_lease($1, $2)", [
      streamId,
      workerId,
    ]);
    const row = rows[0];
    if (row === undefined) {
      return null;
    }
    return {
      streamId,
      epoch: row.epoch,
      namespace: row.namespace,
      name: row.name,
      version: row.version,
      dataset: row.dataset,
      tableName: row.table_name,
      targetSchema: row.target_schema,
      targetTable: row.target_table,
      columns: row.columns?.map((column: { name: string }) => column.name) ?? null,
      network: row.network,
      state: row.state,
      origin: row.origin,
      retention: BigInt(row.retention_blocks),
      valuePolicy: row.value_policy,
      nulPolicy: row.nul_policy,
      watched: row.watched,
      history: row.history.map(parseWatermark),
    };
  }

  async registerWorker({ workerId, host, pid, version, slots }: WorkerProcess): Promise<void> {
    await this.#query("select ampsync_worker.register_worker($1, $2, $3, $4, $5)", [
      workerId,
      host,
      pid,
      version,
      slots,
    ]);
  }

  async renewLeases(workerId: string, held: readonly Held[]): Promise<ReadonlyMap<bigint, Renewed>> {
    const leases = held.map((lease) => ({
      stream_id: lease.streamId.toString(),
      epoch: lease.epoch.toString(),
      head: lease.head?.block.toString() ?? null,
      network: lease.head?.network ?? null,
      writer_waits_s: lease.writerWaitsS,
      waits: lease.waits,
      waits_s: lease.waitsS,
      writer_silent: lease.isWriterSilent,
      holds: lease.holds,
    }));
    const { rows } = await this.#query(
      "select * from ampsync_worker.renew_leases($1, $2)",
      [workerId, JSON.stringify(leases)],
      HEARTBEAT_ANSWER_MS,
    );
    return new Map(rows.map(({ stream_id, verdict, state }) => [stream_id, { verdict, state }]));
  }

  async noteHolding({ streamId, epoch }: Lease, holds: boolean): Promise<void> {
    await this.#query("select ampsync_worker.note_holding($1, $2, $3)", [streamId, epoch, holds]);
  }

  /** Epoch null: for a pass that got no lease. */
  async endPass(
    streamId: bigint,
    epoch: bigint | null,
    outcome: PassOutcome,
    failure: Failure | null,
  ): Promise<void> {
    await this.#query("select ampsync_worker.end_pass($1, $2, $3, $4)", [streamId, epoch, outcome, failure]);
  }

  async prepareTarget(lease: Lease, hasBlockNum: boolean, columns: readonly TargetColumn[]): Promise<void> {
    const planned = columns.map(({ name, type, notNull }) => ({ name, type, not_null: notNull }));
    await this.#query("call ampsync_worker.prepare_target($1, $2, $3, $4)", [
      lease.streamId,
      lease.epoch,
      hasBlockNum,
      JSON.stringify(planned),
    ]);
  }

  async markLive(lease: Lease): Promise<void> {
    await this.#query("select ampsync_worker.mark_live($1, $2)", [lease.streamId, lease.epoch]);
  }

  async markBehind(lease: Lease): Promise<void> {
    await this.#query("select ampsync_worker.mark_behind($1, $2)", [lease.streamId, lease.epoch]);
  }

  async markReorgPending(lease: Lease, fromBlock: bigint): Promise<void> {
    await this.#query("select ampsync_worker.mark_reorg_pending($1, $2, $3)", [
      lease.streamId,
      lease.epoch,
      fromBlock,
    ]);
  }

  async markRetrying(lease: Lease, failure: Failure): Promise<void> {
    await this.#query("select ampsync_worker.mark_retrying($1, $2, $3)", [
      lease.streamId,
      lease.epoch,
      failure,
    ]);
  }

  /** False where the shadow is gone, or not due. Takes as long as merging the difference of two tables does. */
  async swapResync(shadowId: bigint): Promise<boolean> {
    const text = `begin; set local statement_timeout = '24h'; select ampsync_worker.swap_resync(${shadowId}) as swapped; commit`;
    // One result for each of its statements, whatever the type says.
    const results: unknown = await this.#query(text, [], 0);
    return (results as pg.QueryResult[])[2]?.rows[0].swapped;
  }

  /** To be retried, later and later. */
  async deferSwap(shadowId: bigint, failure: Failure): Promise<void> {
    await this.#query("select ampsync_worker.defer_swap($1, $2)", [shadowId, failure]);
  }

  async failSwap(shadowId: bigint, failure: Failure): Promise<void> {
    await this.#query("select ampsync_worker.fail_swap($1, $2)", [shadowId, failure]);
  }

  /** Null where no repair is due. */
  async nextRepair(lease: Lease): Promise<Repair | null> {
    const { rows } = await this.#query("select * from ampsync_worker.next_repair($1, $2)", [
      lease.streamId,
      lease.epoch,
    ]);
    const row = rows[0];
    return row === undefined
      ? null
      : { start: row.first_block, end: row.last_block, ownHash: row.own_hash, newestRow: row.newest_row };
  }

  async deferRepair(lease: Lease, repair: Repair, failure: Failure): Promise<void> {
    await this.#query("select ampsync_worker.defer_repair($1, $2, $3, $4)", [
      lease.streamId,
      lease.epoch,
      repair.start,
      failure,
    ]);
  }

  async ownHash(streamId: bigint, block: bigint): Promise<BlockHash | null> {
    const { rows } = await this.#query("select ampsync_worker.own_hash($1, $2) as hash", [streamId, block]);
    return rows[0].hash;
  }

  /** Of the newest block up to this one that the stream holds a hash of; `column` null where no row carries it. */
  async newestHash(
    streamId: bigint,
    block: bigint,
  ): Promise<{ block: bigint; hash: BlockHash; column: string | null } | null> {
    const { rows } = await this.#query(
      `select h.block, '0x' || encode(h.hash, 'hex') as hash, h.hash_column as column
         from ampsync_worker.newest_hash($1, $2) h`,
      [streamId, block],
    );
    return rows[0] ?? null;
  }

  /** Null where the dataset is gone. */
  async beginResolve(datasetId: bigint): Promise<DatasetToResolve | null> {
    const { rows } = await this.#query("select * from ampsync_worker.begin_resolve($1)", [datasetId]);
    return rows[0] ?? null;
  }

  async registerStreams(
    datasetId: bigint,
    version: string,
    manifestHash: string | null,
    tables: readonly string[],
  ): Promise<void> {
    await this.#query("select ampsync_worker.register_streams($1, $2, $3, $4)", [
      datasetId,
      this.#clean(version),
      manifestHash === null ? null : this.#clean(manifestHash),
      tables.map(this.#clean),
    ]);
  }

  async deferResolve(datasetId: bigint, state: "waiting" | "failed", failure: Failure): Promise<void> {
    await this.#query("select ampsync_worker.defer_resolve($1, $2, $3)", [datasetId, state, failure]);
  }

  async scheduleSupervision(): Promise<void> {
    await this.#query("select ampsync_worker.schedule_supervision()");
  }

  /** Number of jobs queued. */
  async supervise(): Promise<number> {
    const { rows } = await this.#query("select ampsync_worker.supervise() as queued");
    return rows[0].queued;
  }
}

function parseWatermark(entry: {
  start: string;
  end: string;
  hash: BlockHash;
  prev_hash: BlockHash | null;
}): Watermark {
  return {
    start: BigInt(entry.start),
    end: BigInt(entry.end),
    hash: entry.hash,
    prevHash: entry.prev_hash,
  };
}
