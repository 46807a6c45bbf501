import { type Config, requireDatabase } from "../config.ts";
import { untilReached } from "../db/retry.ts";
import { migrate } from "../install/migrate.ts";
import type { Log } from "../log.ts";

/** `ampsync migrate`: waits for the database, then installs or upgrades the schema; returns one line, or JSON. */
export async function migrateCommand(config: Config, log: Log, asJson: boolean): Promise<string> {
  const url = requireDatabase(config);
  const { applied, functionsReplaced } = await untilReached(url, config.connectionLimitSecs * 1000, log, () =>
    migrate(url, { log, queueSchema: config.queueSchema }),
  );
  if (asJson) {
    return JSON.stringify({ migrations: applied, functionsReplaced });
  }
  if (applied.length === 0 && !functionsReplaced) {
    return "The schema is up to date.";
  }
  const migrations = applied.length === 0 ? "no migrations" : applied.join(", ");
  return `Ran ${migrations}; functions and views ${functionsReplaced ? "replaced" : "unchanged"}.`;
}
