import { setTimeout as pause } from "node:timers/promises";

import type { WorkerEvents } from "graphile-worker";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";

/** Times in milliseconds. Tests make them short. */
export interface HealthTimes {
  /** A worker that gets no job for this long, while the queue answers other connections, never will. */
  readonly failingMs: number;
  readonly probeMs: number;
}

/** An outage has several: first the connection is cut, then the server is starting. */
const MOST_REASONS = 5;

export const HEALTH_TIMES: HealthTimes = { failingMs: 30_000, probeMs: 5_000 };

/**
 * Ends a worker that asks for jobs and only gets errors. graphile-worker logs such errors only at its debug level,
 * and some of them are permanent: 0.18 asks for the ids of its tasks once, and keeps the error if that fails.
 * A statement on another connection tells whether the worker or the database is at fault. While that statement
 * fails too, the worker keeps waiting.
 *
 * `isAnswering` must need the same of the queue as asking for a job does. `giveUp` is called once.
 */
export function watchHealth(
  events: WorkerEvents,
  isAnswering: () => Promise<boolean>,
  giveUp: (error: Error) => void,
  log: Log,
  { failingMs, probeMs }: HealthTimes,
): void {
  /** The newest error since a request for a job last succeeded, with or without a job. */
  let last: { readonly error: Error; readonly at: number } | null = null;
  /** Of one outage. */
  const told = new Set<string>();
  let isOver = false;

  async function untilItPasses(): Promise<void> {
    let answersSince: number | null = null;
    while (last !== null && !isOver) {
      // Counted from the answer on: it may have waited for the same lock.
      answersSince = (await isAnswering()) ? (answersSince ?? performance.now()) : null;
      if (last !== null && answersSince !== null && last.at - answersSince >= failingMs) {
        isOver = true;
        giveUp(last.error);
        return;
      }
      await pause(probeMs, undefined, { ref: false });
    }
  }

  events.on("worker:getJob:error", ({ error }) => {
    const isNew = last === null;
    last = { error: error instanceof Error ? error : new Error(String(error)), at: performance.now() };
    if (isOver) return;
    const { code, message } = failureOf(error);
    if (told.size < MOST_REASONS && !told.has(message)) {
      told.add(message);
      log.warn("queue_failing", { code, error: message });
    }
    if (isNew) void untilItPasses();
  });
  const works = () => {
    if (last !== null && !isOver) {
      log.info("queue_recovered");
    }
    last = null;
    told.clear();
  };
  events.on("worker:getJob:empty", works);
  events.on("job:start", works);
  events.on("pool:gracefulShutdown", () => {
    isOver = true;
  });
}
