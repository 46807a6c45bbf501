import { type LimitFaults, noLimitFaults } from "./limits/limit-faults.ts";
import { type CursorFaults, noCursorFaults } from "./paging/cursor-faults.ts";
import { noPageFaults, type PageFaults } from "./paging/page-faults.ts";
import type { Secret } from "./secrets.ts";
import type { Trouble } from "./trouble/trouble.ts";

/** How the server differs from a well-behaved one. Tests set these members, and theirs, on a running server. */
export interface Faults {
  /** What befalls the next answers, one after the other; null: nothing. Answers that the rate limit refuses take none. */
  next: (Trouble | null)[];
  /** What befalls every answer. */
  each: Trouble;
  /** What befalls each n-th answer. */
  every: { readonly n: number; readonly trouble: Trouble } | null;
  /** Every answer comes so many milliseconds after its request left: half of them pass before the server counts it. */
  latencyMs: number;
  /** Requests beyond so many wait until this is raised. */
  mostRequests: number;
  /** The secrets that requests must carry, all of them. */
  secrets: readonly Secret[];
  readonly limits: LimitFaults;
  readonly pages: PageFaults;
  readonly cursors: CursorFaults;
}

/** Faults as a server is given them at its start. */
export type FaultsGiven = Partial<Omit<Faults, "limits" | "pages" | "cursors">> & {
  readonly limits?: Partial<LimitFaults>;
  readonly pages?: Partial<PageFaults>;
  readonly cursors?: Partial<CursorFaults>;
};

export function faultsOf({ limits, pages, cursors, ...others }: FaultsGiven): Faults {
  return {
    next: [],
    each: {},
    every: null,
    latencyMs: 0,
    mostRequests: Number.POSITIVE_INFINITY,
    secrets: [],
    ...others,
    limits: { ...noLimitFaults(), ...limits },
    pages: { ...noPageFaults(), ...pages },
    cursors: { ...noCursorFaults(), ...cursors },
  };
}
