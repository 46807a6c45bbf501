import type { PassEnd } from "../db/lease-calls.ts";
import { failureOf } from "../model/failure.ts";

/** The slot was given away, or the worker stops. */
export const YIELDED: PassEnd = { outcome: "yielded", failure: null, dueUs: null };

/** It is retried, after longer and longer pauses. */
export function ended(error: unknown): PassEnd {
  return { outcome: "ended", failure: failureOf(error), dueUs: null };
}

/** No retry can help. */
export function failed(error: unknown): PassEnd {
  return { outcome: "failed", failure: failureOf(error), dueUs: null };
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
    dueUs: null,
  };
}
