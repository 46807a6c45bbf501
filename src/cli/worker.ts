import { run } from "graphile-worker";

import { closeRuntime } from "../runtime.ts";
import { workerPreset } from "../worker-preset.ts";

/**
 * Runs a worker until it is told to stop; the same preset and tasks as the plain
 * `graphile-worker` command. Passes are given up between two commits, so it
 * stops within a second; nothing is lost.
 */
export async function runWorker(signal: AbortSignal): Promise<void> {
  const runner = await run({ preset: workerPreset(), noHandleSignals: true });
  signal.addEventListener("abort", () => void runner.stop("told to stop").catch(() => {}), { once: true });
  try {
    await runner.promise;
  } finally {
    await closeRuntime();
  }
}
