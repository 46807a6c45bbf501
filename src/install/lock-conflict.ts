import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";

import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { backoffMs } from "../model/backoff.ts";

const ATTEMPTS = 12;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

/** A lock was not granted in time, or two transactions waited for each other: another attempt may succeed. */
export function isLockConflict(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === "55P03" || error.code === "40P01");
}

/** Repeats a transaction that changes the schema until it gets its locks, with growing, jittered pauses. */
export async function retryOnLockConflict<T>(
  work: () => Promise<T>,
  log: Log,
  event = "migrate_retry",
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isLockConflict(error)) {
        throw error;
      }
      if (attempt === ATTEMPTS) {
        throw new AmpsyncError("SY901", "the schema could not be changed because its objects stayed locked", {
          detail: `Tried ${ATTEMPTS} times, with pauses of up to ${LONGEST_PAUSE_MS / 1000} s.`,
          hint: "select pid, state, query from pg_stat_activity where state <> 'idle' order by xact_start;",
          cause: error,
        });
      }
      log.info(event, { attempt, reason: "objects are locked" });
      await pause(backoffMs(attempt, FIRST_PAUSE_MS, LONGEST_PAUSE_MS));
    }
  }
}
