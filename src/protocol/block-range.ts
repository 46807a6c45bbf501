/** A block hash as text: `0x` and 64 lower-case hexadecimal digits. */
export type BlockHash = `0x${string}`;

/** Blocks `start..end` of one network, both inclusive, as an Amp server reports them. */
export interface BlockRange {
  /** Lower case. */
  readonly network: string;
  readonly start: bigint;
  readonly end: bigint;
  /** Hash of block `end`. */
  readonly hash: BlockHash;
  /** Parent hash of block `start`; null on servers of 2025 that do not tell it; zeros for block 0. */
  readonly prevHash: BlockHash | null;
  /** Unix seconds of block `end`, where the server tells it. Not compared by `sameRange`. */
  readonly timestamp: number | null;
}

/** All block numbers are below this: `_id` has six bytes for them, and the number after the last block must fit as well. */
export const BLOCK_LIMIT = 2n ** 48n - 1n;

/** The parent hash of block 0. */
export const ZERO_HASH: BlockHash = `0x${"0".repeat(64)}`;

/** Whether two messages speak of the same microbatch. */
export function sameRange(a: BlockRange, b: BlockRange): boolean {
  return (
    a.network === b.network &&
    a.start === b.start &&
    a.end === b.end &&
    a.hash === b.hash &&
    a.prevHash === b.prevHash
  );
}
