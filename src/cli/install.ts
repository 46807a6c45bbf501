import { type Config, requireDatabase } from "../config.ts";
import { untilReached } from "../db/retry.ts";
import { migrate } from "../install/migrate.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";

/** PostgreSQL's code for a right that a role lacks. */
const NOT_PERMITTED = "42501";

/**
 * Migrates as soon as the database is reached, for a command that goes on as a worker. A role that may not is told so in
 * the log: the worker then waits for somebody who may. `stopped` is called when the signal aborts meanwhile, and must end
 * the process: the one transaction is rolled back when its connection ends, so nothing has to be waited for.
 */
export async function install(
  config: Config,
  log: Log,
  signal: AbortSignal,
  stopped: () => void,
): Promise<void> {
  signal.addEventListener("abort", stopped, { once: true });
  if (signal.aborted) stopped();
  const url = requireDatabase(config);
  try {
    await untilReached(url, config.connectionLimitSecs * 1000, log, () =>
      migrate(url, { log: log.part("install"), queueSchema: config.queueSchema }),
    );
  } catch (error) {
    if (!isNotPermitted(error)) throw error;
    log.warn("migrate_not_permitted", { error: failureOf(error).message, hint: "ampsync migrate" });
  } finally {
    signal.removeEventListener("abort", stopped);
  }
}

/** The error of a migration has what PostgreSQL said as its cause. */
function isNotPermitted(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return Reflect.get(error, "code") === NOT_PERMITTED || isNotPermitted(error.cause);
}
