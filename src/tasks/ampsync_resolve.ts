import type { Task } from "graphile-worker";

import { DatasetCalls, type DatasetToResolve } from "../db/dataset-calls.ts";
import type { Deps } from "../deps.ts";
import { AmpsyncError } from "../errors.ts";
import { datasetRefText } from "../model/dataset-ref.ts";
import { failureOf, reactionTo } from "../model/failure.ts";
import { parseId } from "../model/payloads.ts";
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

/** The version and tables when there is no Admin API: the caller of enqueue_sync must have given them. */
function resolveWithoutAdmin(dataset: DatasetToResolve) {
  if (dataset.tables === null || dataset.revision === null) {
    const reference = datasetRefText({ ...dataset, revision: dataset.revision ?? "1.0.0" });
    const tables = dataset.tables ?? ["blocks", "logs"];
    throw new AmpsyncError(
      "SY004",
      `without an Admin API, ${datasetRefText(dataset)} needs a version and a list of tables`,
      {
        detail: "AMP_ADMIN_API_ADDR is off.",
        hint: `select ampsync.enqueue_sync('${reference}', tables => '{${tables.join(",")}}');`,
      },
    );
  }
  return { version: dataset.revision, manifestHash: null, tables: dataset.tables, hasNamespaces: true };
}

export default withRuntime(resolveDataset);
