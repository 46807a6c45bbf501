import type { GeneratedBlock } from "./chain.ts";
import { hash32, type RandomWords } from "./random-words.ts";

/** Widths of hashes and addresses in 32-bit words. */
export const B32_WORDS = 8;
export const B20_WORDS = 5;

/** Logs come from this many contracts, transactions go to them. */
export const CONTRACTS = 1024;

/** Nanoseconds, as the timestamp columns hold them. */
export function timestampOf(block: GeneratedBlock): bigint {
  return BigInt(block.timestamp) * 1_000_000_000n;
}

/** A hash that repeats nowhere, unlike other values: its last words identify the block and the transaction. */
export function writeTransactionHash(
  random: RandomWords,
  target: Uint32Array,
  at: number,
  block: GeneratedBlock,
  transaction: number,
): void {
  random.copy(target, at, B32_WORDS - 3, hash32(block.key ^ 7, transaction));
  target[at + B32_WORDS - 3] = block.hashWords[6]!;
  target[at + B32_WORDS - 2] = block.hashWords[7]!;
  target[at + B32_WORDS - 1] = transaction ^ block.key;
}
