/** Per slot: generation, the four words of the digest, how often it occurred. */
const SLOT_WORDS = 6;
const INITIAL_SLOTS = 1024;
const LAST_GENERATION = 2 ** 31 - 1;

/**
 * Counts how often each 128-bit digest occurred since the last reset: a hash
 * table with open addressing in one typed array, so that a row allocates
 * nothing. A reset begins a new generation; slots of older generations are free.
 */
export class Occurrences {
  #slots = new Int32Array(INITIAL_SLOTS * SLOT_WORDS);
  #mask = INITIAL_SLOTS - 1;
  #used = 0;
  #generation = 1;

  reset(): void {
    this.#used = 0;
    if (this.#generation === LAST_GENERATION) {
      this.#slots.fill(0);
      this.#generation = 0;
    }
    this.#generation++;
  }

  /** How often the digest of words `a`, `b`, `c`, `d` was counted before. */
  count(a: number, b: number, c: number, d: number): number {
    const slot = this.#find(a, b, c, d);
    const slots = this.#slots;
    if (slots[slot] === this.#generation) {
      return slots[slot + 5]!++;
    }
    this.#fill(slot, a, b, c, d, 1);
    this.#used++;
    if (2 * this.#used > this.#mask) {
      this.#grow();
    }
    return 0;
  }

  /** Where the slot of a digest begins, or the free slot that it would take. */
  #find(a: number, b: number, c: number, d: number): number {
    const slots = this.#slots;
    for (let index = a & this.#mask; ; index = (index + 1) & this.#mask) {
      const slot = index * SLOT_WORDS;
      if (
        slots[slot] !== this.#generation ||
        (slots[slot + 1] === a && slots[slot + 2] === b && slots[slot + 3] === c && slots[slot + 4] === d)
      ) {
        return slot;
      }
    }
  }

  #fill(slot: number, a: number, b: number, c: number, d: number, count: number): void {
    const slots = this.#slots;
    slots[slot] = this.#generation;
    slots[slot + 1] = a;
    slots[slot + 2] = b;
    slots[slot + 3] = c;
    slots[slot + 4] = d;
    slots[slot + 5] = count;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length);
    this.#mask = 2 * this.#mask + 1;
    for (let slot = 0; slot < old.length; slot += SLOT_WORDS) {
      if (old[slot] === this.#generation) {
        const [a, b, c, d, count] = old.subarray(slot + 1, slot + SLOT_WORDS);
        this.#fill(this.#find(a!, b!, c!, d!), a!, b!, c!, d!, count!);
      }
    }
  }
}
