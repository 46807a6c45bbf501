import { type Runner, run } from "graphile-worker";

import { type Config, requireDatabase } from "../config.ts";
import { createPool } from "../db/pool.ts";
import { untilReached } from "../db/retry.ts";
import { recordedQueue } from "../install/installed.ts";
import type { Log } from "../log.ts";
import { textOf } from "../model/failure.ts";
import { DEFAULT_QUEUE, refuseSetting } from "../model/queue.ts";
import { closeHealth, closeRuntime, startHealth } from "../runtime.ts";
import { workerPreset } from "../worker-preset.ts";
import { hintLackingRole } from "./lacking-role.ts";

const LONGEST_LOOK_MS = 2_000;

/**
 * Waits for the database and for `ampsync migrate`, then runs a worker until it is told to stop, with the same preset
 * and tasks as the plain `graphile-worker` command. Passes are abandoned between two commits, so the worker
 * stops within a second and nothing is lost. `begin` runs once the schema is there; if it fails, the worker stops with its
 * error. Resolves to the exit code: 1 if the worker stopped without being told to.
 */
export async function runWorker(
  config: Config,
  log: Log,
  signal: AbortSignal,
  begin: () => Promise<void> = async () => {},
): Promise<number> {
  let runner: Runner;
  await startHealth(config);
  try {
    // The next attempt to start goes on with the same health port.
    const preset = workerPreset(config, { signal, ended: () => void closeRuntime() });
    runner = await untilReached(
      requireDatabase(config),
      config.connectionLimitSecs * 1000,
      log,
      () => run({ preset, noHandleSignals: true }),
      signal,
    );
  } catch (error) {
    await closeHealth();
    if (signal.aborted) return 0;
    throw await withReason(error, config, log);
  }
  const stop = () => void runner.stop("told to stop").catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    await begin().catch(async (error) => {
      stop();
      await runner.promise;
      throw error;
    });
    await runner.promise;
  } finally {
    await closeRuntime();
    await closeHealth();
    log.part("queue").info("shutdown_complete");
  }
  return signal.aborted ? 0 : 1;
}

/**
 * graphile-worker looks at its queue before it lets anybody say that it is the wrong one, or what the role of this worker
 * lacks: where that look is refused, the error that says so.
 */
async function withReason(error: unknown, config: Config, log: Log): Promise<unknown> {
  if (textOf(error, "code") !== "42501") return error;
  const url = requireDatabase(config);
  const pool = createPool({ url, max: 1, queryTimeoutMs: LONGEST_LOOK_MS, name: "ampsync worker" }, log);
  try {
    const recorded = await recordedQueue(pool).catch(() => null); // Not for this role to know, or nothing is installed.
    const refusal = recorded === null ? null : refuseSetting(config.queueSchema ?? DEFAULT_QUEUE, recorded);
    if (refusal !== null) return refusal;
    await hintLackingRole(error, pool, "ampsync_worker");
    return error;
  } finally {
    await pool.end();
  }
}
