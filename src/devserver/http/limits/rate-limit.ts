import { type Dialect, rateHeaders } from "./dialects.ts";
import type { LimitFaults, LimitRefusal } from "./limit-faults.ts";
import { CountedWindow, type RateWindow } from "./windows.ts";

/** What a request above the limit is told. */
export interface Excess {
  readonly waitS: number;
  /** The limit is the one that no header tells. */
  readonly isSecondary: boolean;
}

/** The rate limit of the server: all windows have to allow a request, and none counts one that is refused. */
export class RateLimit {
  readonly #faults: Readonly<LimitFaults>;
  readonly #windows: readonly CountedWindow[];
  #secondary: readonly number[] = [];
  #told = 0;

  constructor(windows: readonly RateWindow[], faults: Readonly<LimitFaults>) {
    this.#faults = faults;
    this.#windows = windows.map((size) => new CountedWindow(size, faults));
  }

  /** Counts a request. Null: it is allowed. */
  take(now: number): Excess | null {
    const full = this.#windows.map((window) => window.count(now)).filter(({ remaining }) => remaining === 0);
    if (full.length > 0) {
      const resetsAt = Math.max(...full.map((count) => count.resetsAt));
      return { waitS: Math.max(0, resetsAt - now) / 1000, isSecondary: false };
    }
    const { secondary } = this.#faults;
    if (secondary !== null) {
      this.#secondary = this.#secondary.filter((time) => time > now - secondary.perS * 1000);
      if (this.#secondary.length >= secondary.requests)
        return { waitS: secondary.retryAfterS, isSecondary: true };
      this.#secondary = [...this.#secondary, now];
    }
    this.spend(now, 1);
    return null;
  }

  /** Somebody sends so many requests. */
  spend(now: number, count: number): void {
    for (const window of this.#windows) window.take(now, count);
  }

  /** What the next answer tells of it. */
  headers(now: number, standard: Dialect): Record<string, string> {
    this.#told += 1;
    const { lostEvery, dialect } = this.#faults;
    if (lostEvery !== null && this.#told % lostEvery === 0) return {};
    const counts = this.#windows.map((window) => window.count(now));
    return rateHeaders(dialect ?? standard, counts, now, this.#faults);
  }
}

/** The Retry-After field of a refusal. */
export function retryAfter(
  { retryAfter: form }: LimitRefusal,
  waitS: number,
  serverNow: number,
): Record<string, string> {
  const whole = Math.ceil(waitS);
  switch (form) {
    case "none":
      return {};
    case "seconds":
      return { "Retry-After": String(whole) };
    case "fraction":
      return { "Retry-After": waitS.toFixed(3) };
    case "list":
      return { "Retry-After": `${Math.max(0, whole - 1)}, ${whole}` };
    case "word":
      return { "Retry-After": "soon" };
    case "date":
      return { "Retry-After": new Date(Math.ceil(serverNow / 1000 + waitS) * 1000).toUTCString() };
  }
}
