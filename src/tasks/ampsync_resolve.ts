import type { Task } from "graphile-worker";

import { DatasetCalls } from "../db/dataset-calls.ts";
import type { Deps } from "../deps.ts";
import { AmpsyncError } from "../errors.ts";
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
    try {
      const dataset = await calls.beginResolve(datasetId);
      if (dataset === null) {
        return;
      }
      const found =
        deps.admin === null
          ? resolveWithoutAdmin(dataset)
          : await deps.admin.resolve(dataset, abortSignal ?? AbortSignal.timeout(60_000));
      await calls.registerStreams(datasetId, found);
    } catch (error) {
      const failure = failureOf(error);
      const isFinal = reactionTo(failure.code) === "stop" || failure.code === "SY003";
      deps.log.warn(isFinal ? "dataset_failed" : "waiting_for_dataset", {
        dataset_id: datasetId,
        code: failure.code,
        error: failure.message,
      });
      const retryAfterS = error instanceof AmpsyncError ? error.retryAfterS : null;
      await calls.deferResolve(datasetId, isFinal ? "failed" : "waiting", failure, retryAfterS);
    }
  };
}

export default withRuntime(resolveDataset);
