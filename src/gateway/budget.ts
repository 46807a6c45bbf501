/** So much at once, and so much a second: what is used up comes back with time. One spending may overdraw it. */
export class Budget {
  readonly #most: number;
  readonly #perSecond: number;
  #left: number;
  #at: number;

  /** Times are milliseconds of one clock. */
  constructor(most: number, perSecond: number, now: number) {
    this.#most = most;
    this.#perSecond = perSecond;
    this.#left = most;
    this.#at = now;
  }

  /** What may be spent now; negative: overdrawn. */
  left(now: number): number {
    const earned = (Math.max(now - this.#at, 0) / 1000) * this.#perSecond;
    return Math.min(this.#most, this.#left + earned);
  }

  spend(amount: number, now: number): void {
    this.#left = this.left(now) - amount;
    this.#at = now;
  }

  isFull(now: number): boolean {
    return this.left(now) >= this.#most;
  }
}
