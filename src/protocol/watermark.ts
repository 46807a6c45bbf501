import type { BlockHash, BlockRange } from "./block-range.ts";

/**
 * One entry of a stream's history: a microbatch the server finished, of the
 * stream's one network. Rows and entry are committed together, so (end, hash) is
 * a point the stream can resume from.
 */
export interface Watermark {
  readonly start: bigint;
  readonly end: bigint;
  /** Hash of block `end`. */
  readonly hash: BlockHash;
  /** Parent hash of block `start`; null where the server does not tell it. */
  readonly prevHash: BlockHash | null;
}

/** However wide its microbatches, a stream can always step back this many of them. */
const ALWAYS_KEPT = 16;

export function watermarkOf(range: BlockRange): Watermark {
  return { start: range.start, end: range.end, hash: range.hash, prevHash: range.prevHash };
}

/** Whether the server repeats a microbatch that it finished before. */
export function isRepeated(watermark: Watermark, range: BlockRange): boolean {
  return (
    watermark.start === range.start &&
    watermark.end === range.end &&
    watermark.hash === range.hash &&
    watermark.prevHash === range.prevHash
  );
}

/**
 * Drop entries (oldest first) that end more than `retention` blocks before the
 * newest one starts; the newest `ALWAYS_KEPT` always stay.
 */
export function pruneHistory(history: readonly Watermark[], retention: bigint): readonly Watermark[] {
  const newest = history.at(-1);
  if (newest === undefined) {
    return history;
  }
  const oldestEnd = newest.start - retention;
  const firstAlwaysKept = history.length - ALWAYS_KEPT;
  return history.filter((entry, index) => index >= firstAlwaysKept || entry.end >= oldestEnd);
}
