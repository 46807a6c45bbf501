import type { Task } from "graphile-worker";

import { capturePass } from "../capture/capture-pass.ts";
import type { Deps } from "../deps.ts";
import { withRuntime } from "../runtime.ts";

/** Reads changes of published tables from WAL into the log, for one pass: a worker reads, whatever their number. */
export function capture(deps: Deps): Task {
  return async (_payload, { job, abortSignal }) => {
    const shutdown = abortSignal ?? new AbortController().signal;
    await capturePass(deps.capture, { workerId: job.locked_by ?? `job ${job.id}`, shutdown });
  };
}

export default withRuntime(capture);
