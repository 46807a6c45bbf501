import type { Task } from "graphile-worker";

import type { Deps } from "../deps.ts";
import { withRuntime } from "../runtime.ts";

/** Keeps publication, replica identities and the slot of change capture as they shall be. */
export function tendPublication({ publication }: Pick<Deps, "publication">): Task {
  return async (_payload, { abortSignal }) =>
    await publication.tend(abortSignal ?? new AbortController().signal);
}

export default withRuntime(tendPublication);
