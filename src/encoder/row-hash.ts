import { Occurrences } from "./occurrences.ts";
import { RowDigests, SECOND_SEED } from "./row-digests.ts";

/** XXH64 of bytes, already loaded: `h64Raw` of xxhash-wasm. */
export type Hash64 = (bytes: Uint8Array, seed: bigint) => bigint;

/** Rows are written into its memory, and hashed there, before anything else runs. */
export const DIGESTS = new RowDigests();

/**
 * The hash part of `_id`, ten bytes over the user columns of the row as COPY gets
 * them: XXH64 with the counter as seed, and the first two bytes of XXH64 with the
 * second seed plus the counter, both big-endian.
 */
export class RowHash {
  readonly #hash: Hash64;
  readonly #occurrences = new Occurrences();

  constructor(hash: Hash64) {
    this.#hash = hash;
  }

  /** Forgets the rows seen so far: the next ones belong to another block. */
  beginBlock(): void {
    this.#occurrences.reset();
  }

  /** Puts the digest of a row in the place of row `index`. */
  compute(row: Uint8Array, counter: number, index: number): void {
    const seed = BigInt(counter);
    const digests = [this.#hash(row, seed), this.#hash(row, BigInt.asUintN(64, SECOND_SEED + seed))];
    for (const [i, digest] of digests.entries()) {
      DIGESTS.words[4 * index + 2 * i] = Number(BigInt.asIntN(32, digest));
      DIGESTS.words[4 * index + 2 * i + 1] = Number(BigInt.asIntN(32, digest >> 32n));
    }
  }

  /** How many rows of the block before this one are identical to it. */
  countBefore(index: number): number {
    const { words } = DIGESTS;
    const at = 4 * index;
    return this.#occurrences.count(words[at + 1]!, words[at]!, words[at + 3]!, words[at + 2]!);
  }

  write(index: number, target: DataView, at: number): void {
    const { words } = DIGESTS;
    target.setInt32(at, words[4 * index + 1]!);
    target.setInt32(at + 4, words[4 * index]!);
    target.setInt16(at + 8, words[4 * index + 3]! >> 16);
  }
}
