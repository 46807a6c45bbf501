import type { DatasetStart } from "../config/dataset.ts";
import { type Config, requireDatabase } from "../config.ts";
import { Caller } from "../db/caller.ts";
import { DatasetCalls } from "../db/dataset-calls.ts";
import { createPool } from "../db/pool.ts";
import { retryingStatements } from "../db/retry.ts";
import type { Log } from "../log.ts";
import type { DatasetManifest } from "../manifest/dataset-manifest.ts";
import { closeHealth, startHealth } from "../runtime.ts";
import { install } from "./install.ts";
import { followManifest, readManifest } from "./manifest.ts";
import { runWorker } from "./worker.ts";

/**
 * `ampsync sync`: migrates if its role may, starts the dataset that is configured, and goes on as a worker. Several
 * may start at once. The Amp server need not be there: only the jobs ask it.
 */
export async function runSync(config: Config, everything: Log, signal: AbortSignal): Promise<number> {
  const log = everything.part("sync");
  const { dataset, manifestStart, reloadRetries: retries } = config;
  const file = manifestStart === null ? null : await readManifest(manifestStart.path, log);
  const ended = new AbortController();
  const over = AbortSignal.any([signal, ended.signal]);

  async function apply({ name, queries }: DatasetManifest): Promise<void> {
    const retentionBlocks = manifestStart?.retentionBlocks ?? null;
    await start(config, { reference: name, tables: null, retentionBlocks }, log, over, queries);
  }

  await startHealth(config);
  try {
    await install(config, log, signal, () => process.exit(0));
  } catch (error) {
    await closeHealth(); // Its connection to the database would keep the process alive.
    throw error;
  }
  try {
    return await runWorker(config, log, signal, async () => {
      if (dataset !== null) await start(config, dataset, log, signal);
      if (file !== null) {
        await apply(file.manifest);
        void followManifest(file, { apply, retries, log, signal: over });
      }
    });
  } finally {
    ended.abort();
  }
}

async function start(
  config: Config,
  dataset: DatasetStart,
  log: Log,
  signal: AbortSignal,
  queries: DatasetManifest["queries"] | null = null,
): Promise<void> {
  const url = requireDatabase(config);
  const limits = {
    connectionMs: config.connectionLimitSecs * 1000,
    operationMs: config.operationLimitSecs * 1000,
  };
  const pool = createPool({ url, max: 1, queryTimeoutMs: 0, name: "ampsync sync" }, log);
  try {
    const calls = new DatasetCalls(new Caller(retryingStatements(pool, limits, log)).until(signal));
    const { isNew, targetSchema, hint, leftOut } = await calls.startSync({ ...dataset, queries });
    const fields = { dataset: dataset.reference, target_schema: targetSchema };
    log.info("starting_dataset_sync", { ...fields, is_new: isNew });
    if (hint !== null) log.warn("stored_option_kept", { ...fields, hint });
    if (leftOut.length > 0) log.warn("tables_kept", { ...fields, tables: leftOut.join(", ") });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await pool.end();
  }
}
