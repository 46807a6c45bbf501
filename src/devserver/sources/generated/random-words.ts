/** The size of the pool: a power of two that fits the second-level cache of a CPU. */
const POOL_WORDS = 1 << 16;

/**
 * Bytes that look random and depend only on the seed. Values are copied out of a
 * pool, from positions that a hash of (block, row, column) chooses: cheap, and the same
 * whatever the order in which rows are requested.
 */
export class RandomWords {
  readonly #pool = new Uint32Array(POOL_WORDS);

  constructor(seed: number) {
    for (let i = 0; i < POOL_WORDS; i++) {
      this.#pool[i] = hash32(seed, i);
    }
  }

  /** Fills `target[at .. at + count]` with the words that belong to `key`. */
  copy(target: Uint32Array, at: number, count: number, key: number): void {
    const pool = this.#pool;
    for (let i = 0; i < count; i++) {
      target[at + i] = pool[(key + i) & (POOL_WORDS - 1)]!;
    }
  }

  bytes(length: number, key: number): Uint8Array {
    const words = new Uint32Array(Math.ceil(length / 4));
    this.copy(words, 0, words.length, key);
    return new Uint8Array(words.buffer, 0, length);
  }
}

/** A 32-bit hash of two 32-bit numbers, unsigned. */
export function hash32(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
