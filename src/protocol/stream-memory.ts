import type { BlockHash, BlockRange } from "./block-range.ts";
import { pruneHistory, type Watermark } from "./watermark.ts";

/**
 * What one writer knows of its stream between two messages. Immutable: every
 * step of the protocol returns the next one.
 *
 * `committed`, `origin` and `network` mirror the database; the rest is lost in a
 * crash, which is harmless: the server sends the same again.
 */
export interface StreamMemory {
  /** Null until the first range was seen. */
  readonly network: string | null;
  /** Entries as the database holds them, oldest first, without gaps between them. */
  readonly committed: readonly Watermark[];
  /** First block ever committed; null before the first commit. */
  readonly origin: bigint | null;
  /** How many blocks of history `committed` keeps. */
  readonly retention: bigint;

  /** Blocks to be replaced by the next commit; survives reconnecting. */
  readonly pendingReorg: PendingReorg | null;
  /** Microbatches finished on this connection and not committed yet. */
  readonly finished: readonly Watermark[];
  /** The unfinished microbatch. */
  readonly open: BlockRange | null;
  /** Microbatches given up on this connection: part of their rows is gone. */
  readonly dropped: readonly BlockRange[];
  /** A cursor was sent on this connection and no range accepted yet, so nothing proves that it was read. */
  readonly cursorUnproven: boolean;

  /** The server seemed to ignore the cursor once since the last commit. */
  readonly cursorIgnored: boolean;
  /** Gaps and protocol errors since the last commit or step back. */
  readonly strikes: number;
  /** How often the stream stepped back since the last commit. */
  readonly stepsBack: number;
}

/** Everything above `keep` goes, in the transaction that brings the replacement. */
export interface PendingReorg {
  /** Last entry that stays: of the history, or one shortened to the block before a fork. Null: nothing stays. */
  readonly keep: Watermark | null;
  /** Lowest block that the server reported as replaced: those below it must be there again at the commit. */
  readonly lowestReplaced: bigint;
}

/** What to delete before the rows of a microbatch are written, in the same transaction. */
export interface Removal {
  /** Rows of this block and above go; null: all rows. */
  readonly from: bigint | null;
  /** Hash that block `from - 1` has in our own records; null exactly if `from` is. */
  readonly parentHash: BlockHash | null;
}

/** Begin from what the database holds. */
export function rememberStream(
  stored: Pick<StreamMemory, "network" | "committed" | "origin" | "retention">,
): StreamMemory {
  return startConnection({
    ...stored,
    pendingReorg: null,
    finished: [],
    open: null,
    dropped: [],
    cursorUnproven: false,
    cursorIgnored: false,
    strikes: 0,
    stepsBack: 0,
  });
}

/**
 * Forget what the last connection left without a commit; settle a commit under
 * way first. The cursor to connect with is `baseOf` the result.
 */
export function startConnection(memory: StreamMemory): StreamMemory {
  const fresh = { ...memory, finished: [], open: null, dropped: [] };
  return { ...fresh, cursorUnproven: baseOf(fresh) !== null };
}

/**
 * The finished microbatches up to and including `last` were committed, with the
 * pending removal if there was one. History is pruned as the database does it.
 */
export function committed(memory: StreamMemory, last: Watermark): StreamMemory {
  const count = memory.finished.indexOf(last) + 1;
  if (count === 0) {
    throw new Error(`Blocks ${last.start} to ${last.end} were not finished on this connection`);
  }
  const history = [...keptEntries(memory), ...memory.finished.slice(0, count)];
  const startsOver =
    memory.origin === null || (memory.pendingReorg !== null && memory.pendingReorg.keep === null);
  return {
    ...memory,
    committed: pruneHistory(history, memory.retention),
    origin: startsOver ? (history[0]?.start ?? null) : memory.origin,
    pendingReorg: null,
    finished: memory.finished.slice(count),
    cursorIgnored: false,
    strikes: 0,
    stepsBack: 0,
  };
}

/** The entry the next range must continue: the cursor of a new connection, later the last finished range. */
export function baseOf(memory: StreamMemory): Watermark | null {
  return memory.finished.at(-1) ?? keptEntries(memory).at(-1) ?? null;
}

/** The committed entries that stay when the pending reorg is applied; the last one as it will be. */
export function keptEntries(memory: StreamMemory): readonly Watermark[] {
  if (memory.pendingReorg === null) {
    return memory.committed;
  }
  const { keep } = memory.pendingReorg;
  return keep === null ? [] : [...memory.committed.filter((entry) => entry.start < keep.start), keep];
}

/** Whether what is finished may be committed: no block that is still canonical would vanish. */
export function mayCommit(memory: StreamMemory): boolean {
  const last = memory.finished.at(-1);
  return (
    last !== undefined &&
    (memory.pendingReorg === null || last.end >= memory.pendingReorg.lowestReplaced - 1n)
  );
}

/** Whether something was received that cannot be committed yet, and that another connection would have to be sent again. */
export function isMidCommit(memory: StreamMemory): boolean {
  return memory.open !== null || (memory.finished.length > 0 && !mayCommit(memory));
}

/** What the next commit removes; null when that is settled by an earlier microbatch of it, or no reorg is pending. */
export function removalOf(memory: StreamMemory): Removal | null {
  if (memory.pendingReorg === null || memory.finished.length > 0) {
    return null;
  }
  const { keep } = memory.pendingReorg;
  if (keep === null) {
    return { from: null, parentHash: null };
  }
  return { from: keep.end + 1n, parentHash: keep.hash };
}
