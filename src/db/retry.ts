import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { backoffMs } from "../model/backoff.ts";
import { failureOf, isTransient, textOf } from "../model/failure.ts";
import { createPool } from "./pool.ts";
import { runStatement } from "./run-statement.ts";

/** How tries follow each other: the delay doubles, and varies by a fifth. */
export interface Backoff {
  /** Its events are `<name>_retry` and `<name>_circuit_breaker_triggered`. */
  readonly name: "db_connection" | "db_operation";
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  readonly maxTries: number;
}

export const CONNECTING: Backoff = {
  name: "db_connection",
  firstDelayMs: 100,
  longestDelayMs: 30_000,
  maxTries: 100,
};

export const OPERATING: Backoff = {
  name: "db_operation",
  firstDelayMs: 50,
  longestDelayMs: 5_000,
  maxTries: 50,
};

/** For how long tries go on before the breaker says that this is no passing trouble, in milliseconds. */
export interface Breakers {
  readonly connectionMs: number;
  readonly operationMs: number;
}

/** One statement, and how long its answer may take; 0: as long as it likes. */
export type Statement = pg.QueryConfig & { readonly query_timeout: number };

/** Told before each wait for another try; never throws. */
export type OnRetry = (error: unknown) => Promise<void>;

/** Who waits for a statement: until the signal, told why. */
export interface Waiting {
  readonly signal: AbortSignal;
  readonly onRetry?: OnRetry | undefined;
}

/** Runs a statement, again after errors that may pass while somebody waits; once where nobody does. */
export type RunStatement = (statement: Statement, waiting: Waiting | null) => Promise<pg.QueryResult>;

interface RetryOptions {
  readonly limitMs: number;
  readonly endless?: boolean;
  readonly onRetry?: OnRetry | undefined;
}

/**
 * Tries again what an error that may pass has ended. When the breaker triggers, or
 * the signal says that nobody waits any more, that error is thrown; with `endless`
 * tries go on at the longest delay, for what nothing else could be done without.
 */
export async function retry<T>(
  work: () => Promise<T>,
  backoff: Backoff,
  { limitMs, endless = false, onRetry }: RetryOptions,
  log: Log,
  signal: AbortSignal,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  let hasTriggered = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !isTransient(error)) {
        throw error;
      }
      const { code, message } = failureOf(error);
      const leftMs = deadline - performance.now();
      if (!hasTriggered && (leftMs <= 0 || attempt >= backoff.maxTries)) {
        hasTriggered = true;
        log.error(`${backoff.name}_circuit_breaker_triggered`, { attempt, code, error: message });
        if (!endless) {
          throw error;
        }
      }
      const delayMs = backoffMs(attempt, backoff.firstDelayMs, backoff.longestDelayMs);
      log.warn(`${backoff.name}_retry`, { attempt, code, error: message, delay_ms: Math.round(delayMs) });
      await onRetry?.(error);
      // The last try is when the time is up.
      await pause(hasTriggered ? delayMs : Math.min(delayMs, leftMs), undefined, { signal }).catch(() => {});
      if (signal.aborted) {
        throw error;
      }
    }
  }
}

/**
 * The one place where state calls are repeated, each time on another connection. An error may hide that a call
 * was done, so each function that is called this way may run twice. Without a connection nothing can
 * be said of a stream at all, not even that it is retrying: connecting goes on until it succeeds.
 */
export function retryingStatements(pool: pg.Pool, breakers: Breakers, log: Log): RunStatement {
  return async (statement, waiting) => {
    if (waiting === null) {
      return await runStatement(pool, await pool.connect(), statement);
    }
    const { signal, onRetry } = waiting;
    const connect = () =>
      retry(() => pool.connect(), CONNECTING, { limitMs: breakers.connectionMs, endless: true }, log, signal);
    const run = async () => runStatement(pool, await connect(), statement);
    return await retry(run, OPERATING, { limitMs: breakers.operationMs, onRetry }, log, signal);
  };
}

/**
 * For the start of a program: does the work once the database takes connections, again while PostgreSQL or the
 * network says what may pass, and rejects when the breaker triggers.
 */
export async function untilReached<T>(
  url: string,
  limitMs: number,
  log: Log,
  work: () => Promise<T>,
  signal: AbortSignal = new AbortController().signal,
): Promise<T> {
  const pool = createPool({ url, max: 1, queryTimeoutMs: 0, name: "ampsync worker" }, log);
  let isReached = false;
  async function tryIt(): Promise<{ readonly result: T } | { readonly error: unknown }> {
    isReached = false;
    const client = await pool.connect();
    client.release(true); // A server may have no other one for the work.
    isReached = true;
    try {
      return { result: await work() };
    } catch (error) {
      // Work is more than calls to the database: an error without a code may be of anything.
      if (isTransient(error) && textOf(error, "code") !== null) throw error;
      return { error };
    }
  }
  const done = await retry(tryIt, CONNECTING, { limitMs }, log, signal)
    .catch((error) => {
      throw isReached || !isTransient(error) ? error : unreachable(error); // Or it was reached, and says what is wrong.
    })
    .finally(() => pool.end());
  if ("error" in done) throw done.error;
  return done.result;
}

function unreachable(cause: unknown): AmpsyncError {
  return new AmpsyncError("SY104", "the database cannot be reached", {
    detail: failureOf(cause).message,
    hint: "Check DATABASE_URL, and that the server is running. DB_MAX_RETRY_DURATION_SECS limits how long connecting is retried.",
    cause,
  });
}
