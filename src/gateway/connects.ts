import { AmpsyncError } from "../errors.ts";
import { Budget } from "./budget.ts";

/** Connections of one client: as many at once as a bad network makes, and then a few a minute. */
const AT_ONCE = 30;
const PER_MINUTE = 10;
const SWEEP_MS = 60_000;

/** How often each client connects, so that one that does nothing else costs the database little. */
export class Connects {
  readonly #budgets = new Map<string, Budget>();
  #sweptAt = 0;

  /** Counts one. Throws SY416 for a client that connects too often. `now`: milliseconds. */
  count(subject: string, client: string, now: number): void {
    this.#sweep(now);
    const key = JSON.stringify([subject, client]); // Nobody uses up the connections of others.
    const budget = this.#budgets.get(key) ?? new Budget(AT_ONCE, PER_MINUTE / 60, now);
    if (budget.left(now) < 1) {
      throw new AmpsyncError("SY416", `a client may connect ${PER_MINUTE} times a minute`, {
        hint: "Look for what makes it connect again and again: client.debug()",
        retryAfterS: (1 - budget.left(now)) / (PER_MINUTE / 60),
      });
    }
    budget.spend(1, now);
    this.#budgets.set(key, budget);
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    for (const [key, budget] of this.#budgets) if (budget.isFull(now)) this.#budgets.delete(key);
  }
}
