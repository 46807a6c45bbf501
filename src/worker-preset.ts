import { fileURLToPath } from "node:url";

import { type Config, configFromProcess, requireDatabase } from "./config.ts";

const ROOT = new URL("../", import.meta.url);

/**
 * The preset of graphile-worker for our tasks, for its own CLI (see
 * graphile.config.mjs) and for `ampsync worker` alike.
 */
export function workerPreset(config: Config = configFromProcess()) {
  return {
    worker: {
      connectionString: requireDatabase(config),
      taskDirectory: fileURLToPath(new URL("dist/tasks", ROOT)),
      crontabFile: fileURLToPath(new URL("crontab", ROOT)),
      // A live stream keeps its slot; with more streams than slots they take turns.
      concurrentJobs: 10,
      maxPoolSize: 10,
      // Jobs that are due later are found by polling: this bounds how late a takeover or a retry starts.
      pollInterval: 1000,
      // A pass can be given up at any time, so it is told at once that the worker stops.
      gracefulShutdownAbortTimeout: 20,
      // Without these two, graphile-worker 0.18 ends its pool before the last results are stored,
      // and those jobs run again four hours later.
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  };
}
