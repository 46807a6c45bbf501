import type { Failure } from "../model/failure.ts";
import type { BlockHash } from "../protocol/block-range.ts";
import type { Watermark } from "../protocol/watermark.ts";
import type { Caller } from "./caller.ts";
import type { Lease } from "./lease-calls.ts";

/** What the pass of an Amp stream gets with its lease: what to read, where to write, where to resume. */
export interface StreamLease extends Lease {
  /** The schema part of table references in the SQL of the server: `namespace/name@version`. */
  readonly sourceSchema: string;
  /** What the server calls the table; of a query the first table that it reads, empty if it names none. */
  readonly sourceTable: string;
  /** The query in the SQL of the server whose rows are loaded; null for all rows of the table. */
  readonly query: string | null;
  /** The label of the dataset, for logs. */
  readonly dataset: string;
  readonly tableName: string;
  readonly targetSchema: string;
  readonly targetTable: string;
  /** User columns of the target in the order of their creation; null before the target is created. */
  readonly columns: readonly string[] | null;
  readonly network: string | null;
  readonly state: string;
  /** The first block whose rows are loaded. */
  readonly fromBlock: bigint;
  readonly origin: bigint | null;
  readonly retention: bigint;
  /** What becomes of bad values, and of U+0000 in text. */
  readonly valuePolicy: "fail" | "null" | "quarantine";
  readonly nulPolicy: "replace" | "strip" | "fail";
  /** Columns of the server that are neither read nor stored. */
  readonly excluded: readonly string[];
  /** The last worker left its lease behind, perhaps killed by data: this pass says that it holds data before it looks at it. */
  readonly watched: boolean;
  /** The first `_tx_id` of this lease; null with identity `content`. */
  readonly firstTxId: bigint | null;
  /** Oldest first. */
  readonly history: readonly Watermark[];
  /** Where its server is; null: where that of the process is. */
  readonly flightAddress: string | null;
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
  /** The hash that the rows of block `end` must have; null if there is nothing to prove. */
  readonly ownHash: Buffer | null;
  /** The newest block with a row in the target; null if the target is empty. */
  readonly newestRow: bigint | null;
}

/** What was committed of a stream since listeners were last told of it. */
export interface Announcement {
  readonly streamId: bigint;
  /** The last block committed. */
  readonly block: bigint;
  /** The first block that reorgs replaced; null: none was replaced. */
  readonly replaced: bigint | null;
}

/** Less than the time that a worker has to stop. */
const ANNOUNCE_MS = 5_000;

/** The calls of the pass of an Amp stream. One method per SQL function. */
export class StreamCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Null if another worker holds the lease. Also if an answer was lost and the call was repeated: then no worker
   * keeps the lease, and it expires. Granting it again to the worker that holds it would be quicker, but would let
   * a doubled job end the running pass.
   */
  async acquireLease(streamId: bigint, workerId: string): Promise<StreamLease | null> {
    const { rows } = await this.#caller.call("select * from ampsync_worker.acquire_lease($1, $2)", [
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
      sourceSchema: row.source_schema,
      sourceTable: row.source_table,
      query: row.query,
      dataset: row.dataset,
      tableName: row.table_name,
      targetSchema: row.target_schema,
      targetTable: row.target_table,
      columns: row.columns?.map((column: { name: string }) => column.name) ?? null,
      network: row.network,
      state: row.state,
      fromBlock: row.from_block,
      origin: row.origin,
      retention: BigInt(row.retention_blocks),
      valuePolicy: row.value_policy,
      nulPolicy: row.nul_policy,
      excluded: row.excluded,
      watched: row.watched,
      firstTxId: row.first_tx_id,
      history: row.history.map(parseWatermark),
      flightAddress: row.flight_addr,
    };
  }

  /**
   * The names of the user columns in the order in which they are stored; null while others use a table that has to
   * be changed. `attempt` counts the calls of a pass from 1.
   */
  async prepareTarget(
    lease: Lease,
    hasBlockNum: boolean,
    columns: readonly TargetColumn[],
    attempt: number,
  ): Promise<readonly string[] | null> {
    const planned = columns.map(({ name, type, notNull }) => ({ name, type, not_null: notNull }));
    const { rows } = await this.#caller.call(
      "select ampsync_worker.prepare_target($1, $2, $3, $4, $5) as columns",
      [lease.streamId, lease.epoch, hasBlockNum, JSON.stringify(planned), attempt],
    );
    return rows[0].columns;
  }

  /** After commits: notifies listeners of all of them. False if that would have to wait. */
  async announce(announcements: readonly Announcement[]): Promise<boolean> {
    const commits = announcements.map(({ streamId, block, replaced }) => ({
      stream_id: streamId.toString(),
      block: block.toString(),
      replaced: replaced?.toString() ?? null,
    }));
    const { rows } = await this.#caller.call(
      "select ampsync_worker.announce($1) as done",
      [JSON.stringify(commits)],
      ANNOUNCE_MS,
    );
    return rows[0].done;
  }

  async markLive(lease: Lease): Promise<void> {
    await this.#caller.call("select ampsync_worker.mark_live($1, $2)", [lease.streamId, lease.epoch]);
  }

  /** What people call a stream; nothing where that cannot be told. */
  async nameOf(streamId: bigint): Promise<{ readonly dataset?: string; readonly table?: string }> {
    const { rows } = await this.#caller.call(
      'select dataset, table_name as "table" from ampsync_worker.name_stream($1)',
      [streamId],
    );
    return rows[0] ?? {};
  }

  async markBehind(lease: Lease): Promise<void> {
    await this.#caller.call("select ampsync_worker.mark_behind($1, $2)", [lease.streamId, lease.epoch]);
  }

  async markReorgPending(lease: Lease, fromBlock: bigint): Promise<void> {
    await this.#caller.call("select ampsync_worker.mark_reorg_pending($1, $2, $3)", [
      lease.streamId,
      lease.epoch,
      fromBlock,
    ]);
  }

  async markRetrying(lease: Lease, failure: Failure): Promise<void> {
    await this.#caller.call("select ampsync_worker.mark_retrying($1, $2, $3)", [
      lease.streamId,
      lease.epoch,
      failure,
    ]);
  }

  /** Null if no repair is due. */
  async nextRepair(lease: Lease): Promise<Repair | null> {
    const { rows } = await this.#caller.call("select * from ampsync_worker.next_repair($1, $2)", [
      lease.streamId,
      lease.epoch,
    ]);
    const row = rows[0];
    return row === undefined
      ? null
      : { start: row.first_block, end: row.last_block, ownHash: row.own_hash, newestRow: row.newest_row };
  }

  async deferRepair(lease: Lease, repair: Repair, failure: Failure): Promise<void> {
    await this.#caller.call("select ampsync_worker.defer_repair($1, $2, $3, $4)", [
      lease.streamId,
      lease.epoch,
      repair.start,
      failure,
    ]);
  }

  async ownHash(streamId: bigint, block: bigint): Promise<BlockHash | null> {
    const { rows } = await this.#caller.call("select ampsync_worker.own_hash($1, $2) as hash", [
      streamId,
      block,
    ]);
    return rows[0].hash;
  }

  /** The newest block up to this one whose hash the stream holds; `column` is null if no row carries the hash. */
  async newestHash(
    streamId: bigint,
    block: bigint,
  ): Promise<{ block: bigint; hash: BlockHash; column: string | null } | null> {
    const { rows } = await this.#caller.call(
      `select h.block, '0x' || encode(h.hash, 'hex') as hash, h.hash_column as column
         from ampsync_worker.newest_hash($1, $2) h`,
      [streamId, block],
    );
    return rows[0] ?? null;
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
