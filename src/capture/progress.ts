import type { CaptureReport } from "../db/capture-calls.ts";

interface Told {
  readonly news: bigint | null;
  readonly lookMs: number;
}

/** Looks follow each other after four times as long: those above this are more than a second apart for that alone. */
const SLOW_LOOK_MS = 250;

/** Tells what is new and nothing else: each report is WAL, which would be reported next. */
export class Progress {
  #received: bigint | null = null;
  #lookMs: number | null = null;

  /** Null: nothing is to be told. */
  of({ news, lookMs }: Told): CaptureReport | null {
    const isLong = lookMs > (this.#lookMs === null ? SLOW_LOOK_MS : SLOW_LOOK_MS / 2); // Not now this, now that.
    const look = isLong ? Math.round(lookMs) : null;
    if ((news === null || news === this.#received) && !this.#isOther(look)) return null;
    this.#received = news;
    this.#lookMs = look;
    return { received: news, lookMs: look };
  }

  #isOther(look: number | null): boolean {
    const told = this.#lookMs;
    return told === null || look === null ? told !== look : look > 2 * told || 2 * look < told;
  }
}
