import type { Task } from "graphile-worker";

import { DatasetCalls } from "../db/dataset-calls.ts";
import type { Deps } from "../deps.ts";
import { AmpsyncError } from "../errors.ts";
import { datasetRefText } from "../model/dataset-ref.ts";
import { failureOf, reactionTo } from "../model/failure.ts";
import { parseId } from "../model/payloads.ts";
import { resolveWithoutAdmin } from "../model/resolve-without-admin.ts";
import { withRuntime } from "../runtime.ts";

/**
 * Finds the version and the tables of a dataset in the Admin API. A dataset that
 * cannot be found yet is requested again later, without end; waiting is the `run_at`
 * of a job, so it holds no worker slot.
 */
export function resolveDataset(deps: Deps): Task {
  const calls = new DatasetCalls(deps.caller);
  return async (payload, { abortSignal }) => {
    const datasetId = parseId(payload, "dataset_id");
    let log = deps.log.part("dataset").with({ dataset_id: datasetId });
    try {
      const dataset = await calls.beginResolve(datasetId);
      if (dataset === null) {
        return;
      }
      log = log.with({ dataset: datasetRefText(dataset) });
      const admin = deps.servers.admin(dataset.adminAddress);
      const found =
        admin === null
          ? resolveWithoutAdmin(dataset)
          : await admin.resolve(dataset, abortSignal ?? AbortSignal.timeout(60_000), dataset.failures === 0);
      const event = await calls.registerStreams(datasetId, found);
      if (event !== null) {
        log.info(event, { version: found.version });
      }
    } catch (error) {
      const failure = failureOf(error);
      const isFinal = reactionTo(failure.code) === "stop" || failure.code === "SY003";
      const retryAfterS = error instanceof AmpsyncError ? error.retryAfterS : null;
      const state = isFinal ? "failed" : "waiting";
      const event = await calls.deferResolve(datasetId, state, failure, retryAfterS);
      if (event !== null) {
        const { code, message, hint } = failure;
        log.warn(event, { code, error: message, hint });
      }
    }
  };
}

export default withRuntime(resolveDataset);
