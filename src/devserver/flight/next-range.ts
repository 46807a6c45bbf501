import { type BlockRange, ZERO_HASH } from "../../protocol/block-range.ts";
import type { Block, Chain } from "../source.ts";
import type { Position } from "./cursor.ts";

export interface RangeLimits {
  readonly maxBlocks: number;
  /** Without stored orphans a rewind goes back no further than the block of the cursor. */
  readonly storesOrphans: boolean;
}

/**
 * The blocks of the next microbatch after `position`, or null while there is
 * nothing to send. A position that is no longer canonical makes the range begin
 * at the lowest replaced block: a rewind.
 */
export function nextRange(
  network: string,
  chain: Chain,
  position: Position | null,
  limits: RangeLimits,
): BlockRange | null {
  const head = chain.head();
  if (head === null) {
    return null;
  }
  const start = nextStart(chain, position, limits.storesOrphans);
  const first = chain.canonical(start);
  if (first === null) {
    return null;
  }
  const furthest = start + BigInt(limits.maxBlocks) - 1n;
  const last = furthest < head.number ? chain.canonical(furthest) : head;
  if (last === null) {
    return null;
  }
  return {
    network,
    start,
    end: last.number,
    hash: last.hash,
    prevHash: start === 0n ? ZERO_HASH : first.parentHash,
    timestamp: last.timestamp,
  };
}

function nextStart(chain: Chain, position: Position | null, storesOrphans: boolean): bigint {
  if (position === null) {
    return chain.start;
  }
  if (chain.canonical(position.number)?.hash === position.hash) {
    return position.number + 1n;
  }
  let lowest = position.number;
  let orphan = storesOrphans ? chain.stored(position.number, position.hash) : null;
  while (orphan !== null && !isCanonical(chain, orphan)) {
    lowest = orphan.number;
    orphan = chain.stored(orphan.number - 1n, orphan.parentHash);
  }
  return lowest;
}

function isCanonical(chain: Chain, block: Block): boolean {
  return chain.canonical(block.number)?.hash === block.hash;
}
