import type { WorkerEvents } from "graphile-worker";

/**
 * A worker that stops without being told to must end its process with an error, or nothing would restart it.
 * graphile-worker ends without one when it cannot store the result of a job, and when one of its slots breaks.
 * `failed` is called then. Returns whether the worker was told to stop.
 */
export function watchEnding(events: WorkerEvents, failed: (why: string) => void): () => boolean {
  let isContinuous = false; // Otherwise the worker ends when no jobs are left.
  let isTold = false;
  events.on("pool:listen:connecting", () => {
    isContinuous = true;
  });
  for (const told of ["stop", "gracefulShutdown", "forcefulShutdown"] as const) {
    events.on(told, () => {
      isTold = true;
    });
  }
  events.on("pool:gracefulShutdown", ({ message }) => {
    if (isContinuous && !isTold) failed(message);
  });
  return () => isTold;
}
