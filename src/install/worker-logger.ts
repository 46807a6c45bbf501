import { Logger } from "graphile-worker";

import type { Log } from "../log.ts";

/**
 * graphile-worker's own lines, in our log. One of its slots reports each job that it completes, which is no news: such
 * lines are for debugging.
 */
export function workerLogger(log: Log): Logger {
  const lines = log.part("graphile_worker");
  return new Logger(({ label }) => (level, message) => {
    const line = level === "warning" ? "warn" : level === "info" && label === "worker" ? "debug" : level;
    lines[line]("graphile_worker", { message });
  });
}
