import type { WorkerEvents } from "graphile-worker";

/**
 * A worker that stops without being told to must end its process with an error, or nothing would restart it.
 * graphile-worker ends without one when it cannot store the result of a job, and when one of its slots breaks.
 * `failed` is called then, and `rested` once its jobs have ended: what it does after that may have no end, since it
 * waits for results that it has given up storing. Returns whether the worker was told to stop.
 */
export function watchEnding(
  events: WorkerEvents,
  failed: (why: string) => void,
  rested: () => void,
): () => boolean {
  let isContinuous = false; // Otherwise the worker ends when no jobs are left.
  let isTold = false;
  let hasFailed = false;
  events.on("pool:listen:connecting", () => {
    isContinuous = true;
  });
  for (const told of ["stop", "gracefulShutdown", "forcefulShutdown"] as const) {
    events.on(told, () => {
      isTold = true;
    });
  }
  events.on("pool:gracefulShutdown", ({ message }) => {
    if (!isContinuous || isTold) return;
    hasFailed = true;
    failed(message);
  });
  events.on("pool:gracefulShutdown:complete", () => {
    if (hasFailed) rested();
  });
  return () => isTold;
}
