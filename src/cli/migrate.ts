import { migrate } from "../db/migrate.ts";
import type { Log } from "../log.ts";

/** `ampsync migrate`: install or upgrade the schema; returns one line for people. */
export async function migrateCommand(url: string, log: Log): Promise<string> {
  const { applied, functionsReplaced } = await migrate(url, { log });
  if (applied.length === 0 && !functionsReplaced) {
    return "The schema is up to date.";
  }
  const migrations = applied.length === 0 ? "no migrations" : applied.join(", ");
  return `Ran ${migrations}; functions and views ${functionsReplaced ? "replaced" : "unchanged"}.`;
}
