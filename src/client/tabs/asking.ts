import { AmpsyncError } from "../../errors.ts";
import type { Call, CallName, Calls } from "./messages.ts";

interface Pending {
  readonly call: Call;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** What a tab has asked for, and not been answered yet. A new leader is asked for it again, by the same ids. */
export class Asking {
  readonly #send: (id: string, call: Call) => void;
  readonly #deadlineMs: number;
  readonly #isHeard: () => boolean;
  readonly #pending = new Map<string, Pending>();
  #closed: Error | null = null;

  /** `isHeard`: the leader answers, if not yet what it was asked. */
  constructor(send: (id: string, call: Call) => void, deadlineMs: number, isHeard: () => boolean) {
    this.#send = send;
    this.#deadlineMs = deadlineMs;
    this.#isHeard = isHeard;
  }

  ask<N extends CallName>(name: N, takes: Calls[N]["takes"]): Promise<Calls[N]["gives"]> {
    const id = crypto.randomUUID();
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) return reject(this.#closed);
      const call = { name, takes } as Call;
      const pending: Pending = {
        call,
        resolve: resolve as (value: unknown) => void,
        reject,
        timer: undefined,
      };
      this.#pending.set(id, pending);
      this.#give(id, pending);
    });
  }

  answered(id: string, value: unknown): void {
    this.#take(id)?.resolve(value);
  }

  refused(id: string, error: Error): void {
    this.#take(id)?.reject(error);
  }

  /** Another leader is there. */
  again(): void {
    for (const [id, pending] of [...this.#pending]) this.#give(id, pending);
  }

  /** A leader is on its way: what waits for it begins to wait now. */
  wait(): void {
    for (const [id, pending] of this.#pending) this.#arm(id, pending);
  }

  close(error: Error): void {
    this.#closed = error;
    for (const id of [...this.#pending.keys()]) this.refused(id, error);
  }

  #give(id: string, pending: Pending): void {
    this.#arm(id, pending);
    try {
      this.#send(id, pending.call);
    } catch (error) {
      // What cannot be copied from thread to thread, such as a function.
      this.refused(id, error as Error);
    }
  }

  #arm(id: string, pending: Pending): void {
    clearTimeout(pending.timer);
    const ms = this.#deadlineMs;
    pending.timer = setTimeout(() => {
      // Sums of whole tables, asked of the server, take their time: each other call is done where the store is.
      if (pending.call.name === "verify" && this.#isHeard()) return this.#arm(id, pending);
      const message = `${pending.call.name}: no answer within ${ms} ms of the tab that has the store`;
      const detail = "It may be done all the same: what was asked for is not taken back.";
      const hint = "Open that tab, or close it: another goes on.";
      this.refused(id, new AmpsyncError("SY420", message, { detail, hint }));
    }, ms);
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    clearTimeout(pending?.timer);
    this.#pending.delete(id);
    return pending;
  }
}
