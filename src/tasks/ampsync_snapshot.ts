import type { Task } from "graphile-worker";

import type { Deps } from "../deps.ts";
import { withRuntime } from "../runtime.ts";

/** Makes the snapshots that clients wait for. */
export function makeSnapshots({ snapshots }: Pick<Deps, "snapshots">): Task {
  return async (_payload, { abortSignal }) =>
    await snapshots.makeAll(abortSignal ?? new AbortController().signal);
}

export default withRuntime(makeSnapshots);
