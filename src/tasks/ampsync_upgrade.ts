import type { Task } from "graphile-worker";

import { UpgradeCalls } from "../db/upgrade-calls.ts";
import type { Deps } from "../deps.ts";
import { failureOf, reactionTo } from "../model/failure.ts";
import { parseId } from "../model/payloads.ts";
import { withRuntime } from "../runtime.ts";

/**
 * Moves the upgrade of a dataset on, step by step, each in a transaction of its own. If a step
 * fails, the reason is stored, and shown by ampsync.upgrades, together with the time of the next
 * attempt.
 */
export function upgradeDataset(deps: Pick<Deps, "caller" | "log" | "faults">): Task {
  const calls = new UpgradeCalls(deps.caller);
  return async (payload) => {
    const datasetId = parseId(payload, "dataset_id");
    const log = deps.log.part("dataset").with({ dataset_id: datasetId, ...(await calls.nameOf(datasetId)) });
    try {
      const built = await calls.buildIndexes(datasetId);
      if (built !== 0) {
        log.info("upgrade_indexes", { built });
        return;
      }
      let step = await calls.advanceUpgrade(datasetId);
      await deps.faults.reach("upgrade_step_answered");
      log.info("upgrade_step", { step });
      if (step === "freeze") {
        step = await calls.advanceUpgrade(datasetId); // Most often all tables can be exchanged at once.
        await deps.faults.reach("upgrade_step_answered");
        log.info("upgrade_step", { step });
      }
    } catch (error) {
      const failure = failureOf(error);
      log.warn("upgrade_failed", { code: failure.code, error: failure.message });
      await calls.deferUpgrade(datasetId, failure, reactionTo(failure.code) === "stop");
    }
  };
}

export default withRuntime(upgradeDataset);
