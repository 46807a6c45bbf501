import type { Task } from "graphile-worker";

import type { Deps } from "../deps.ts";
import { loggedHint } from "../ingest/definition-errors.ts";
import { runIngest } from "../ingest/ingest-pass.ts";
import { leasedPass } from "../lease/leased-pass.ts";
import { withRuntime } from "../runtime.ts";

/** Moves one HTTP source forward by one pass: asks for pages from its position on, commits what comes. */
export function ingestTask(deps: Deps): Task {
  return leasedPass(
    { ...deps, log: deps.log.part("ingest") },
    {
      hint: loggedHint,
      run: (lease, caller, shutdown) => runIngest({ ...deps, caller }, lease, shutdown),
    },
  );
}

export default withRuntime(ingestTask);
