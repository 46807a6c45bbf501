import type { Task } from "graphile-worker";

import { PollCalls } from "../db/poll-calls.ts";
import type { Deps } from "../deps.ts";
import { AmpsyncError } from "../errors.ts";
import { datasetRefText } from "../model/dataset-ref.ts";
import { failureOf } from "../model/failure.ts";
import { parseId } from "../model/payloads.ts";
import { ADMIN_OFF } from "../model/resolve-without-admin.ts";
import { withRuntime } from "../runtime.ts";

/**
 * Looks once for a new version of a dataset, by its list of versions alone. The next time is the `run_at` of
 * another job, so waiting holds no worker slot. No failure ends the polling.
 */
export function poll({
  caller,
  servers,
  log,
  pollIntervalS,
}: Pick<Deps, "caller" | "servers" | "log" | "pollIntervalS">): Task {
  const calls = new PollCalls(caller, pollIntervalS);
  const lines = log.part("dataset");
  return async (payload, { abortSignal }) => {
    const datasetId = parseId(payload, "dataset_id");
    const begun = await calls.beginPoll(datasetId);
    if (begun === null) {
      return;
    }
    const fields = { dataset_id: datasetId, dataset: datasetRefText(begun) };
    try {
      const admin = servers.admin(begun.adminAddress);
      if (admin === null) {
        throw new AmpsyncError("SY004", "without an Admin API no new version can be found", {
          detail: ADMIN_OFF,
          hint: "Set AMP_ADMIN_API_ADDR, or sync a fixed version.",
        });
      }
      const found = await admin.version(
        begun,
        abortSignal ?? AbortSignal.timeout(60_000),
        begun.failures === 0,
      );
      const event = await calls.noteVersion(datasetId, found, begun.begunAt);
      if (event === "new_version_detected") {
        lines.info(event, { ...fields, version: found.version, manifest_hash: found.manifestHash });
      } else if (event !== null) {
        lines.debug(event, fields);
      }
    } catch (error) {
      abortSignal?.throwIfAborted(); // Another worker polls.
      const failure = failureOf(error);
      lines.warn("version_poll_failed", { ...fields, code: failure.code, error: failure.message });
      await calls.deferPoll(datasetId, failure, error instanceof AmpsyncError ? error.retryAfterS : null);
    }
  };
}

export default withRuntime(poll);
