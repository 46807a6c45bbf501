import type { Concurrency } from "./source.ts";

/** So many limits in a row, without a success between them, and fewer requests are sent at once. */
const LIMITS_IN_A_ROW = 3;
/** So many successes in a row, and one more is. */
const SUCCESSES_IN_A_ROW = 50;

/**
 * What became of a request that was sent at a time: `refused` by the rate limit, `failed` by 5xx or a time-out.
 * Milliseconds of a clock that is never set.
 */
export interface Outcome {
  readonly kind: "success" | "refused" | "failed";
  readonly sentAt: number;
}

/**
 * How many requests of a stream may be under way at once. Refusals of requests that were sent before everybody began to wait
 * are one limit, not many; a success of one of those is none after it.
 */
export class Slots {
  #limits: Concurrency;
  #count: number;
  /** When the last limit was met. */
  #limitedAt = Number.NEGATIVE_INFINITY;
  #limitsInARow = 0;
  #successesInARow = 0;

  constructor(limits: Concurrency) {
    this.#limits = limits;
    this.#count = limits.start;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes what the definition says now. */
  limit(limits: Concurrency): void {
    this.#limits = limits;
    this.#count = Math.min(Math.max(this.#count, limits.min), limits.max);
  }

  note({ kind, sentAt }: Outcome, now: number): void {
    switch (kind) {
      case "success":
        this.#succeed(sentAt);
        return;
      case "refused":
        if (sentAt >= this.#limitedAt) this.#refuse(now);
        return;
      case "failed":
        this.#limitsInARow = 0;
        this.#successesInARow = 0;
        return;
      default:
        kind satisfies never;
    }
  }

  #succeed(sentAt: number): void {
    if (sentAt >= this.#limitedAt) this.#limitsInARow = 0;
    this.#successesInARow++;
    if (this.#successesInARow === SUCCESSES_IN_A_ROW) {
      this.#successesInARow = 0;
      this.#count = Math.min(this.#count + 1, this.#limits.max);
    }
  }

  #refuse(now: number): void {
    this.#limitedAt = now;
    this.#successesInARow = 0;
    this.#limitsInARow++;
    if (this.#limitsInARow >= LIMITS_IN_A_ROW) this.#count = this.#limits.min;
  }
}
