import { setTimeout as pause } from "node:timers/promises";

import type { Break, Misbehaviour } from "../misbehaviour.ts";
import { refusal } from "./refusal.ts";

/** Thrown to end an answer early but without an error. */
export class CleanEnd extends Error {}

/** Delays one answer or breaks it off, depending on how much of it was sent. */
export class Breaks {
  readonly #misbehaviour: () => Readonly<Misbehaviour>;
  readonly #signal: AbortSignal;
  readonly #sent: Record<Break["unit"], number> = { messages: 0, rows: 0, batches: 0 };

  /** `signal` aborts when the call is over. */
  constructor(misbehaviour: () => Readonly<Misbehaviour>, signal: AbortSignal) {
    this.#misbehaviour = misbehaviour;
    this.#signal = signal;
  }

  /** To be awaited before each message; rejects if the answer breaks off here. */
  async before(): Promise<void> {
    const { delayMs } = this.#misbehaviour();
    if (delayMs > 0) {
      await pause(delayMs, undefined, { signal: this.#signal });
    }
    const { breaks } = this.#misbehaviour();
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
