import { setTimeout as pause } from "node:timers/promises";

import type { Break, Faults } from "../faults.ts";
import { refusal } from "./refusal.ts";

/** Thrown where an answer ends before its time, but without an error. */
export class CleanEnd extends Error {}

/** Delays and breaks one answer as the faults ask, by what it has sent so far. */
export class Sabotage {
  readonly #faults: () => Readonly<Faults>;
  readonly #signal: AbortSignal;
  readonly #sent: Record<Break["unit"], number> = { messages: 0, rows: 0, batches: 0 };

  /** `signal` tells that the call is over. */
  constructor(faults: () => Readonly<Faults>, signal: AbortSignal) {
    this.#faults = faults;
    this.#signal = signal;
  }

  /** To be awaited before each message; rejects where the answer breaks off. */
  async before(): Promise<void> {
    const { delayMs } = this.#faults();
    if (delayMs > 0) {
      await pause(delayMs, undefined, { signal: this.#signal });
    }
    const { breaks } = this.#faults();
    if (breaks === null || this.#sent[breaks.unit] < breaks.after) {
      return;
    }
    if (breaks.how === "end") {
      throw new CleanEnd();
    }
    if (breaks.how === "stall") {
      await callIsOver(this.#signal);
    } else {
      throw refusal(breaks.how.code, breaks.how.details);
    }
  }

  /** To be called after each message; `complete` ends a microbatch. */
  after(rows: number, complete: boolean): void {
    this.#sent.messages += 1;
    this.#sent.rows += rows;
    this.#sent.batches = complete ? 0 : this.#sent.batches + (rows > 0 ? 1 : 0);
  }
}

function callIsOver(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
}
