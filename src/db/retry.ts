import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { backoffMs } from "../model/backoff.ts";
import { failureOf, isTransient, textOf } from "../model/failure.ts";
import { databaseTlsError } from "../model/tls-error.ts";
import { createPool } from "./pool.ts";
import { runStatement } from "./run-statement.ts";

/** How attempts follow each other: the delay doubles, and varies by a fifth. */
export interface Backoff {
  /** The log events are `<name>_retry` and `<name>_circuit_breaker_triggered`. */
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

/** The time limit of retrying, in milliseconds: after it the trouble is not considered temporary any more. */
export interface TimeLimits {
  readonly connectionMs: number;
  readonly operationMs: number;
}

/** One statement, and how long its answer may take; 0: no limit. */
export type Statement = pg.QueryConfig & { readonly query_timeout: number };

/** Called before each wait for another attempt; never throws. */
export type OnRetry = (error: unknown) => Promise<void>;

/** How a caller waits for a statement: until the signal aborts, and told why each attempt failed. */
export interface Waiting {
  readonly signal: AbortSignal;
  readonly onRetry?: OnRetry | undefined;
}

/** Called at each attempt that is to be repeated. */
export type OnRepeat = (what: Backoff["name"]) => void;

/** Runs a statement; retries it after temporary errors while a caller waits, and not at all without one. */
export type RunStatement = (statement: Statement, waiting: Waiting | null) => Promise<pg.QueryResult>;

interface RetryOptions {
  readonly limitMs: number;
  readonly endless?: boolean;
  readonly onRetry?: OnRetry | undefined;
}

/**
 * Retries work that ended with a temporary error. That error is thrown when the time limit is
 * reached, or when the signal says that nobody waits any more. With `endless` retrying goes on
 * at the longest delay, for work without which nothing else can be done.
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
      const { code, message, detail, hint } = failureOf(error);
      const tls = code === "SY109" ? { detail, hint } : {};
      const leftMs = deadline - performance.now();
      if (!hasTriggered && (leftMs <= 0 || attempt >= backoff.maxTries)) {
        hasTriggered = true;
        log.error(`${backoff.name}_circuit_breaker_triggered`, { attempt, code, error: message, ...tls });
        if (!endless) {
          throw error;
        }
      }
      const delayMs = backoffMs(attempt, backoff.firstDelayMs, backoff.longestDelayMs);
      const delay = { delay_ms: Math.round(delayMs) };
      log.warn(`${backoff.name}_retry`, { attempt, code, error: message, ...tls, ...delay });
      await onRetry?.(error);
      // The last attempt is made when the time is up.
      await pause(hasTriggered ? delayMs : Math.min(delayMs, leftMs), undefined, { signal }).catch(() => {});
      if (signal.aborted) {
        throw error;
      }
    }
  }
}

/**
 * The one place that repeats state calls, each time on another connection. An error may hide that a call
 * succeeded, so each function that is called this way may run twice. Without a connection nothing can be
 * reported about a stream, not even that it is retrying: connecting is retried until it succeeds.
 */
export function retryingStatements(
  pool: pg.Pool,
  timeLimits: TimeLimits,
  log: Log,
  onRepeat: OnRepeat = () => {},
  onRefused: (error: unknown) => void = () => {},
): RunStatement {
  return async (statement, waiting) => {
    if (waiting === null) {
      return await runStatement(pool, await pool.connect(), statement);
    }
    const { signal, onRetry } = waiting;
    const connect = () =>
      retry(
        () => pool.connect(),
        CONNECTING,
        {
          limitMs: timeLimits.connectionMs,
          endless: true,
          onRetry: async (error) => {
            onRepeat(CONNECTING.name);
            onRefused(error);
          },
        },
        log,
        signal,
      );
    const run = async () => runStatement(pool, await connect(), statement);
    const repeats = async (error: unknown) => {
      onRepeat(OPERATING.name);
      await onRetry?.(error);
    };
    return await retry(run, OPERATING, { limitMs: timeLimits.operationMs, onRetry: repeats }, log, signal);
  };
}

/**
 * For the start of a program: does the work as soon as the database accepts connections, retries it while PostgreSQL
 * or the network reports temporary errors, and rejects when the time limit is reached.
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
    const client = await pool.connect().catch((error) => {
      throw databaseTlsError(error) ?? error; // A certificate that is refused now will be in a minute.
    });
    client.release(true); // The server may have no other connection left for the work.
    isReached = true;
    try {
      return { result: await work() };
    } catch (error) {
      // The work is more than calls to the database: an error without a code may come from anything.
      if (isTransient(error) && textOf(error, "code") !== null) throw error;
      return { error };
    }
  }
  const done = await retry(tryIt, CONNECTING, { limitMs }, log, signal)
    .catch((error) => {
      throw isReached || !isTransient(error) ? error : unreachable(error); // Otherwise it was reached, and says what is wrong.
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
