import type { PassOutcome } from "../db/lease-calls.ts";
import { type Failure, failureOf } from "../model/failure.ts";

/** How a pass ended, as end_pass is told. */
export interface PassEnd {
  readonly outcome: PassOutcome;
  readonly failure: Failure | null;
}

/** The slot was given away, or the worker stops. */
export const YIELDED: PassEnd = { outcome: "yielded", failure: null };

/** It is retried, after longer and longer pauses. */
export function ended(error: unknown): PassEnd {
  return { outcome: "ended", failure: failureOf(error) };
}

/** No retry can help. */
export function failed(error: unknown): PassEnd {
  return { outcome: "failed", failure: failureOf(error) };
}

export function noData(tableName: string): PassEnd {
  return {
    outcome: "no_data",
    failure: {
      code: "SY103",
      message: `${tableName} holds no data yet`,
      detail: "The server answered with an empty range.",
      hint: "Retried automatically. Publish the dataset on the Amp server if it is not there yet.",
    },
  };
}
