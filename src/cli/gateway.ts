import { once } from "node:events";
import { readFileSync } from "node:fs";

import { type Config, requireDatabase } from "../config.ts";
import { untilReached } from "../db/retry.ts";
import { DEADLINES } from "../gateway/connection.ts";
import { Gateway } from "../gateway/gateway.ts";
import type { Log } from "../log.ts";

/**
 * Waits for the database, then serves clients until it is told to stop. Resolves to the exit code; where it cannot stop
 * the process ends with 1.
 */
export async function runGateway(config: Config, log: Log, signal: AbortSignal): Promise<number> {
  const databaseUrl = requireDatabase(config);
  for (const warning of config.warnings) log.warn("unusual_setting", { warning });
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const gateway = new Gateway(
    { ...config.gateway!, databaseUrl, version, deadlines: DEADLINES },
    log.part("gateway"),
  );
  gateway.countProcess();
  try {
    await untilReached(databaseUrl, config.connectionLimitSecs * 1000, log, () => gateway.start(), signal);
    if (!signal.aborted) await once(signal, "abort");
  } finally {
    // What is still open would keep the process.
    if (!(await gateway.stop())) process.exit(1);
  }
  return 0;
}
