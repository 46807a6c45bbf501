import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

import {
  type Config,
  configFromProcess,
  failProcess,
  limitShutdown,
  logOf,
  requireDatabase,
} from "./config.ts";
import { workerLogger } from "./install/worker-logger.ts";
import { DEFAULT_QUEUE } from "./model/queue.ts";
import { HEALTH_TIMES } from "./queue/health.ts";
import { ampsyncPlugin, type PluginOptions } from "./queue/plugin.ts";
import { slotsFor } from "./queue/slots.ts";
import { beginWorker, closeHealth, closeRuntime, startHealth, stopHealth } from "./runtime.ts";

const ROOT = new URL("../", import.meta.url);
/** graphile-worker's own statements take milliseconds. */
const ANSWER_MS = 60_000;

/**
 * The heap is small and what the network brings lies outside of it. By V8's own measure a worker that loads would collect
 * the whole heap after every few MiB received: it may grow to four times what lives, and the youngest part of it stays
 * small, so that it is collected often, which is quick and frees what was received.
 */
export const COLLECTOR_FLAGS = ["--heap-growing-percent=300", "--semi-space-growth-factor=1"];

/**
 * graphile-worker's preset for our tasks, used by graphile-worker's own CLI (see
 * graphile.config.mjs) and by `ampsync worker`.
 */
export function workerPreset(
  config: Config = configFromProcess("worker"),
  options: Partial<PluginOptions> = {},
) {
  const { isAlone = true } = options;
  if (isAlone) {
    for (const flag of COLLECTOR_FLAGS) setFlagsFromString(flag);
  }
  const everything = logOf(config);
  const log = everything.part("queue");
  const databaseUrl = requireDatabase(config);
  const slots = slotsFor(config.streamsPerWorker);
  let leave = () => {};
  const plugin = ampsyncPlugin({
    databaseUrl,
    log,
    answerMs: ANSWER_MS,
    isAlone,
    health: HEALTH_TIMES,
    streams: config.streamsPerWorker,
    signal: new AbortController().signal,
    starting: async () => {
      if (isAlone) await startHealth(config);
    },
    began: (workerId, streams) => {
      leave = beginWorker(config, workerId, streams);
    },
    stopping: () => {
      log.info("shutting_down_streams");
      leave();
      if (!isAlone) return;
      stopHealth();
      limitShutdown(config.shutdownLimitSecs * 1000, () =>
        log.error("graceful_shutdown_timeout", { limit_s: config.shutdownLimitSecs }),
      );
    },
    ended: () =>
      void closeRuntime()
        .then(closeHealth)
        .then(() => log.info("shutdown_complete")),
    exitWithin: failProcess,
    ...options,
  });
  return {
    plugins: [plugin],
    worker: {
      connectionString: databaseUrl,
      schema: config.queueSchema ?? DEFAULT_QUEUE,
      logger: workerLogger(everything),
      taskDirectory: fileURLToPath(new URL("dist/tasks", ROOT)),
      crontabFile: fileURLToPath(new URL("crontab", ROOT)),
      // A live stream keeps its slot; if there are more streams than slots, they take turns.
      concurrentJobs: slots,
      maxPoolSize: slots, // Of which few are used: see watchConnections.
      // One slot polls for all, each second: hundreds would be a load by themselves.
      pollInterval: 60_000,
      // A pass can be abandoned at any time, so it learns at once that the worker stops.
      gracefulShutdownAbortTimeout: 20,
      // Without these two settings graphile-worker 0.18 ends its pool before the last results are stored,
      // and those jobs run again four hours later.
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  };
}
