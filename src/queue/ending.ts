import type { WorkerEvents } from "graphile-worker";

/**
 * A worker that nobody told to stop ends its process with an error, or nothing would start it again. graphile-worker
 * ends well when it cannot store the result of a job, and when one of its slots breaks. Calls `failed` then.
 */
export function watchEnding(events: WorkerEvents, failed: (why: string) => void): void {
  let isContinuous = false; // Else it is to end when no jobs are left.
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
}
