import { Occurrences } from "./occurrences.ts";

/** XXH64 of bytes, already loaded: `h64Raw` of xxhash-wasm. */
export type Hash64 = (bytes: Uint8Array, seed: bigint) => bigint;

const SECOND_SEED = 0x9e3779b97f4a7c15n;

/**
 * The hash part of `_id`, ten bytes over the user columns of the row as COPY gets
 * them: XXH64 with the counter as seed, and the first two bytes of XXH64 with the
 * second seed plus the counter, both big-endian.
 */
export class RowHash {
  readonly #hash: Hash64;
  readonly #digest = new DataView(new ArrayBuffer(16));
  readonly #occurrences = new Occurrences();

  constructor(hash: Hash64) {
    this.#hash = hash;
  }

  /** Forgets the rows seen so far: the next ones belong to another block. */
  beginBlock(): void {
    this.#occurrences.reset();
  }

  /**
   * With `_block_num`: the counter is the number of identical rows of the block before
   * this one. Such rows are interchangeable, so their order does not matter.
   */
  writeByOccurrence(row: Uint8Array, target: DataView, at: number): void {
    const digest = this.#digest;
    this.#compute(row, 0n);
    const before = this.#occurrences.count(
      digest.getInt32(0),
      digest.getInt32(4),
      digest.getInt32(8),
      digest.getInt32(12),
    );
    if (before > 0) {
      this.#compute(row, BigInt(before));
    }
    this.#copy(target, at);
  }

  /** Without `_block_num`: the counter is the row's index in its microbatch. */
  writeByIndex(row: Uint8Array, index: number, target: DataView, at: number): void {
    this.#compute(row, BigInt(index));
    this.#copy(target, at);
  }

  #compute(row: Uint8Array, counter: bigint): void {
    this.#digest.setBigUint64(0, this.#hash(row, counter));
    this.#digest.setBigUint64(8, this.#hash(row, BigInt.asUintN(64, SECOND_SEED + counter)));
  }

  #copy(target: DataView, at: number): void {
    target.setInt32(at, this.#digest.getInt32(0));
    target.setInt32(at + 4, this.#digest.getInt32(4));
    target.setInt16(at + 8, this.#digest.getInt16(8));
  }
}
