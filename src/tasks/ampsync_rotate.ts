import type { Task } from "graphile-worker";

import type { Deps } from "../deps.ts";
import { withRuntime } from "../runtime.ts";

/** Removes what the log of changes does not need any more. */
export function rotateLog({ rotation }: Pick<Deps, "rotation">): Task {
  return async (_payload, { abortSignal }) =>
    await rotation.rotate(abortSignal ?? new AbortController().signal);
}

export default withRuntime(rotateLog);
