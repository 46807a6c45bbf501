import type { LimitFaults } from "./limit-faults.ts";

/** So many requests in each window of so many seconds. */
export interface RateWindow {
  readonly requests: number;
  readonly perS: number;
}

/** What a window says after a request. */
export interface Count extends RateWindow {
  readonly remaining: number;
  /** In milliseconds since 1970. */
  readonly resetsAt: number;
}

/** One window of the rate limit, and who was counted in it. */
export class CountedWindow {
  readonly #size: RateWindow;
  readonly #faults: Readonly<LimitFaults>;
  /** Requests of the window, or of the last perS seconds where it slides. */
  #times: number[] = [];
  #beginsAt = Number.NEGATIVE_INFINITY;

  constructor(size: RateWindow, faults: Readonly<LimitFaults>) {
    this.#size = size;
    this.#faults = faults;
  }

  take(now: number, count = 1): void {
    this.#roll(now);
    for (let i = 0; i < count; i++) this.#times.push(now);
  }

  count(now: number): Count {
    this.#roll(now);
    const { requests, perS } = this.#size;
    const others = Math.floor((this.#faults.othersPerS * (now - this.#beginsAt)) / 1000);
    const remaining = Math.max(0, requests - this.#times.length - others);
    return { requests, perS, remaining, resetsAt: this.#beginsAt + perS * 1000 };
  }

  #roll(now: number): void {
    const lengthMs = this.#size.perS * 1000;
    if (this.#faults.windows === "sliding") {
      this.#times = this.#times.filter((time) => time > now - lengthMs);
      this.#beginsAt = this.#times[0] ?? now;
    } else if (now >= this.#beginsAt + lengthMs) {
      this.#times = [];
      this.#beginsAt = this.#faults.windows === "clock" ? Math.floor(now / lengthMs) * lengthMs : now;
    }
  }
}
