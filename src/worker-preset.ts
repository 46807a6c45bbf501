import { fileURLToPath } from "node:url";

import { type Config, configFromProcess, failProcess, requireDatabase, writeStderr } from "./config.ts";
import { createLog } from "./log.ts";
import { DEFAULT_QUEUE } from "./model/queue.ts";
import { HEALTH_TIMES } from "./queue/health.ts";
import { ampsyncPlugin, type PluginOptions } from "./queue/plugin.ts";
import { beginWorker, closeRuntime } from "./runtime.ts";

const ROOT = new URL("../", import.meta.url);
/** graphile-worker's own statements take milliseconds. */
const ANSWER_MS = 60_000;
/** A worker that fails stops its passes first. */
const STOP_MS = 10_000;

/**
 * The preset of graphile-worker for our tasks, for its own CLI (see
 * graphile.config.mjs) and for `ampsync worker` alike.
 */
export function workerPreset(config: Config = configFromProcess(), options: Partial<PluginOptions> = {}) {
  const log = createLog(config.logLevel, writeStderr);
  const databaseUrl = requireDatabase(config);
  const plugin = ampsyncPlugin({
    databaseUrl,
    log,
    answerMs: ANSWER_MS,
    isAlone: true,
    health: HEALTH_TIMES,
    signal: new AbortController().signal,
    began: (workerId, slots) => beginWorker(config, workerId, slots),
    ended: () => void closeRuntime(),
    failed: () => failProcess(STOP_MS),
    ...options,
  });
  return {
    plugins: [plugin],
    worker: {
      connectionString: databaseUrl,
      schema: config.queueSchema ?? DEFAULT_QUEUE,
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
