import { Budget } from "./budget.ts";

/** A frame counts for at most so long: what was limited hears of a new limit by then. */
const LONGEST_S = 60;

/** The bytes a second that the sessions of a tenant share on this gateway. */
export class Rates {
  readonly #rateOf: (tenant: string) => number | null;
  readonly #budgets = new Map<string, { readonly rate: number; readonly budget: Budget }>();

  constructor(rateOf: (tenant: string) => number | null) {
    this.#rateOf = rateOf;
  }

  /** Whether sessions of the tenant may be sent another frame now. */
  isFree(tenant: string | null, now = performance.now()): boolean {
    const budget = this.#budget(tenant, now);
    return budget === null || budget.left(now) > 0;
  }

  spend(tenant: string | null, bytes: number, now = performance.now()): void {
    const budget = this.#budget(tenant, now);
    if (budget === null) return;
    const rate = this.#rateOf(tenant!) ?? 0;
    budget.spend(Math.min(bytes, budget.left(now) + rate * LONGEST_S), now);
  }

  /** Null: without a limit. A second's worth may go out at once. */
  #budget(tenant: string | null, now: number): Budget | null {
    const rate = tenant === null ? null : this.#rateOf(tenant);
    if (tenant === null || rate === null) {
      if (tenant !== null) this.#budgets.delete(tenant);
      return null;
    }
    const known = this.#budgets.get(tenant);
    if (known?.rate === rate) return known.budget;
    const budget = new Budget(rate, rate, now);
    this.#budgets.set(tenant, { rate, budget });
    return budget;
  }
}
