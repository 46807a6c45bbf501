import { setTimeout as pause } from "node:timers/promises";

import type { WorkerEvents } from "graphile-worker";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";

/** In milliseconds. Tests make them short. */
export interface HealthTimes {
  /** A worker that gets no job for so long, while the queue answers others, never will. */
  readonly failingMs: number;
  readonly probeMs: number;
}

export const HEALTH_TIMES: HealthTimes = { failingMs: 30_000, probeMs: 5_000 };

/**
 * Looks after a worker that asks for jobs and gets errors. graphile-worker says so at its debug level only, and
 * some of these errors stay for ever: 0.18 asks for the ids of its tasks once, and keeps the error if that fails.
 * Whether it is us or the database is told by a statement of our own on another connection. While that fails
 * too, this waits.
 *
 * `isAnswering` must do to the queue what asking for a job does. `giveUp` is called once.
 */
export function watchHealth(
  events: WorkerEvents,
  isAnswering: () => Promise<boolean>,
  giveUp: (error: Error) => void,
  log: Log,
  { failingMs, probeMs }: HealthTimes,
): void {
  /** The newest error since a job, or the word that there is none, was got last. */
  let last: { readonly error: Error; readonly at: number } | null = null;
  let isOver = false;

  async function untilItPasses(): Promise<void> {
    let answersSince: number | null = null;
    while (last !== null && !isOver) {
      // From the answer on: it may have waited for the same lock.
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
    if (isNew && !isOver) {
      const { code, message } = failureOf(error);
      log.warn("queue_failing", { code, error: message });
      void untilItPasses();
    }
  });
  const works = () => {
    if (last !== null && !isOver) {
      log.info("queue_recovered");
    }
    last = null;
  };
  events.on("worker:getJob:empty", works);
  events.on("job:start", works);
  events.on("pool:gracefulShutdown", () => {
    isOver = true;
  });
}
