import { run } from "graphile-worker";

import { type Config, requireDatabase } from "../config.ts";
import { untilConnected } from "../db/retry.ts";
import type { Log } from "../log.ts";
import { closeRuntime } from "../runtime.ts";
import { workerPreset } from "../worker-preset.ts";

/**
 * Waits for the database, and runs a worker until it is told to stop; the same preset and tasks as the plain
 * `graphile-worker` command. Passes are given up between two commits, so it
 * stops within a second; nothing is lost.
 */
export async function runWorker(config: Config, log: Log, signal: AbortSignal): Promise<void> {
  await untilConnected(requireDatabase(config), config.connectionBreakerSecs * 1000, log, signal);
  const runner = await run({ preset: workerPreset(config), noHandleSignals: true });
  signal.addEventListener("abort", () => void runner.stop("told to stop").catch(() => {}), { once: true });
  try {
    await runner.promise;
  } finally {
    await closeRuntime();
  }
}
