import { type Config, requireDatabase } from "../config.ts";
import { untilReached } from "../db/retry.ts";
import { migrate } from "../install/migrate.ts";
import type { RolesLeft } from "../install/roles.ts";
import type { Log } from "../log.ts";

/** `ampsync migrate`: waits for the database, then installs or upgrades the schema; returns one line, or JSON. */
export async function migrateCommand(config: Config, log: Log, asJson: boolean): Promise<string> {
  const url = requireDatabase(config);
  const { applied, functionsReplaced, grants, roles, grantsToOthers } = await untilReached(
    url,
    config.connectionLimitSecs * 1000,
    log,
    () => migrate(url, { log: log.part("install"), queueSchema: config.queueSchema }),
  );
  if (asJson) {
    return JSON.stringify({ migrations: applied, functionsReplaced, grants, roles, grantsToOthers });
  }
  return [
    describe(applied, functionsReplaced),
    ...(grants === 0 ? [] : [`Made ${grants} grants that the roles of ampsync lacked.`]),
    ...(roles === null ? [] : describeRoles(roles)),
    ...describeGrants(grantsToOthers),
  ].join("\n");
}

function describe(applied: readonly string[], functionsReplaced: boolean): string {
  if (applied.length === 0 && !functionsReplaced) {
    return "The schema is up to date.";
  }
  const migrations = applied.length === 0 ? "no migrations" : applied.join(", ");
  return `Ran ${migrations}; functions and views ${functionsReplaced ? "replaced" : "unchanged"}.`;
}

function describeRoles({ missing, statements }: RolesLeft): readonly string[] {
  if (statements.length === 0) {
    return [];
  }
  const lacks =
    missing.length === 0 ? "What their use needs" : `Missing are ${missing.join(", ")}. What their use needs`;
  return [
    `Roles of ampsync are optional. ${lacks}, and this role may not do:`,
    ...statements.map((statement) => `  ${statement}`),
    "Then run ampsync migrate again, which makes all other grants.",
  ];
}

function describeGrants(statements: readonly string[]): readonly string[] {
  if (statements.length === 0) {
    return [];
  }
  return [
    "Roles that are not of ampsync may call functions that run with the rights of their owner. To take that back:",
    ...statements.map((statement) => `  ${statement}`),
  ];
}
