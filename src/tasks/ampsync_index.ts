import type { Task } from "graphile-worker";

import type { Deps } from "../deps.ts";
import { parseId } from "../model/payloads.ts";
import { withRuntime } from "../runtime.ts";

/**
 * Starts the building of the indexes of a stream. The job ends at once, so that it holds no slot: a build may take
 * hours.
 */
export function buildIndexes(deps: Deps): Task {
  return async (payload) => deps.indexes.start(parseId(payload, "stream_id"));
}

export default withRuntime(buildIndexes);
