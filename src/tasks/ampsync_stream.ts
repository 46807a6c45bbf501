import type { Task } from "graphile-worker";

import type { Deps } from "../deps.ts";
import { leasedPass } from "../lease/leased-pass.ts";
import { withRuntime } from "../runtime.ts";
import { runPass } from "../stream/stream-pass.ts";

/** Moves one stream forward by one pass: reads from its checkpoint, applies what arrives. */
export function streamTask(deps: Deps): Task {
  return leasedPass(
    { ...deps, log: deps.log.part("stream") },
    {
      fields: ({ flightAddress }) => ({ address: deps.servers.addressOf(flightAddress) }),
      run: async (lease, caller, shutdown) => {
        using flight = deps.servers.flight(lease.flightAddress);
        return await runPass({ ...deps, caller, flight }, lease, shutdown);
      },
    },
  );
}

export default withRuntime(streamTask);
