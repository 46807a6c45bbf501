import type { Task } from "graphile-worker";

import { type Offer, type OfferedTable, ReloadCalls } from "../db/reload-calls.ts";
import type { Deps } from "../deps.ts";
import { AmpsyncError } from "../errors.ts";
import { tableRefSql } from "../model/dataset-ref.ts";
import { failureOf, reactionTo } from "../model/failure.ts";
import { parseId } from "../model/payloads.ts";
import { ADMIN_OFF } from "../model/resolve-without-admin.ts";
import { withRuntime } from "../runtime.ts";
import { planStored } from "../stream/prepare-target.ts";

/**
 * Takes over the version that a dataset was offered: looks up its tables, plans those that are synced, then one SQL
 * call checks all of them and switches, or changes nothing. Until then and after a failure the streams run on with
 * the version they have. Waiting is the `run_at` of a job, so it holds no worker slot.
 */
export function reloadDataset(deps: Deps): Task {
  const calls = new ReloadCalls(deps.caller);
  return async (payload, { abortSignal }) => {
    const offer = await calls.beginReload(parseId(payload, "dataset_id"));
    if (offer === null) {
      return;
    }
    const log = deps.log.part("dataset").with({ dataset: offer.dataset, version: offer.version });
    log.info("version_change_detected", { manifest_hash: offer.manifestHash });
    try {
      const tables = await offeredTables(deps, offer, abortSignal ?? AbortSignal.timeout(60_000));
      await deps.faults.reach("reload_planned");
      const outcome = await calls.adoptVersion(offer, tables);
      await deps.faults.reach("reload_answered");
      if (outcome === "adopted") {
        log.info("version_reload_success", { tables: tables.length });
      } else if (outcome === "beside") {
        log.info("upgrade_started", { tables: tables.length });
      } else if (outcome !== "stale") {
        log.warn("version_reload_failed", { reason: outcome });
      }
    } catch (error) {
      abortSignal?.throwIfAborted(); // Another worker takes the version over.
      const failure = failureOf(error);
      log.warn("version_reload_failed", { code: failure.code, error: failure.message });
      await calls.deferReload(offer, failure, reactionTo(failure.code) === "retry" ? deps.reloadRetries : 0);
    }
  };
}

/** The tables of the offered version. Those that are synced are planned, as a pass plans them. */
async function offeredTables(
  { servers, log }: Deps,
  offer: Offer,
  signal: AbortSignal,
): Promise<readonly OfferedTable[]> {
  const admin = servers.admin(offer.adminAddress);
  if (admin === null) {
    throw new AmpsyncError(
      "SY004",
      `without an Admin API, nobody knows the tables of version ${offer.version}`,
      {
        detail: ADMIN_OFF,
        hint: "Set AMP_ADMIN_API_ADDR, and restart the workers.",
      },
    );
  }
  log.part("dataset").debug("fetching_schema", { dataset: offer.dataset, version: offer.version });
  const found = await admin.resolve({ ...offer, revision: offer.version }, signal);
  if (
    offer.manifestHash !== null &&
    found.manifestHash !== null &&
    found.manifestHash !== offer.manifestHash
  ) {
    throw new AmpsyncError("SY103", `version ${offer.version} stands for another manifest by now`, {
      detail: `Looked for ${offer.manifestHash}, found ${found.manifestHash}.`,
      hint: "The next look at the list of versions finds it: select * from ampsync.status;",
    });
  }
  using flight = servers.flight(offer.flightAddress);
  const networks = await admin.networks({ ...offer, revision: offer.version }, signal);
  const tables: OfferedTable[] = [];
  for (const table of found.tables) {
    const excluded = Object.hasOwn(offer.tables, table) ? offer.tables[table] : undefined;
    if (excluded === undefined) {
      tables.push({ table, network: null, plan: null });
    } else {
      const sql = `SELECT * FROM ${tableRefSql(offer.sourceSchema, table)}`;
      const { schema } = await flight.plan(sql, { stream: false, signal });
      const plan = planStored(table, schema, excluded);
      tables.push({ table, network: networks.get(table) ?? null, plan });
    }
  }
  return tables;
}

export default withRuntime(reloadDataset);
