import type { PassEnd } from "../db/lease-calls.ts";
import { AmpsyncError } from "../errors.ts";
import { type Failure, failureOf } from "../model/failure.ts";

/** The slot was given away, or the worker stops. */
export const YIELDED: PassEnd = { outcome: "yielded", failure: null, dueUs: null };

/** Nothing is left to ask for in this run. When the next one begins, if ever, is for the database to say. */
export const DONE: PassEnd = { outcome: "done", failure: null, dueUs: null };

/** There is nothing to do before a time. */
export function restsUntil(dueUs: bigint, failure: Failure | null = null): PassEnd {
  return { outcome: "rested", failure, dueUs };
}

/** A shorter wait only spreads requests over their window. */
const PACED_MS = 1_000;

/**
 * The pass ends while the limit allows no request for so long. `limit`: what the API said of it; null: nothing, so others
 * have used it up, or requests are merely paced.
 */
export function limitedFor(
  ms: number,
  limit: AmpsyncError | null,
  { bucket, nowUs }: { readonly bucket: string; readonly nowUs: bigint },
): PassEnd {
  if (limit === null && ms <= PACED_MS) return YIELDED;
  return restsUntil(nowUs + BigInt(Math.ceil(ms * 1_000)), failureOf(limit ?? usedUp(bucket)));
}

/** What is shown while a limit is waited for that others have used up. */
function usedUp(bucket: string): AmpsyncError {
  return new AmpsyncError("SY304", `The rate limit of ${bucket} is used up`, {
    hint: "Nothing needs to be done: select * from ampsync.rate_limits; shows how much is used, and until when.",
  });
}

/** It is retried, at this time. */
export function endsUntil(error: AmpsyncError, dueUs: bigint): PassEnd {
  return { outcome: "ended", failure: failureOf(error), dueUs };
}
