import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";

import { capturePass } from "../../../src/capture/capture-pass.ts";
import { captureConnections } from "../../../src/capture/connections.ts";
import type { FaultPoint } from "../../../src/fault-points.ts";
import { createLog } from "../../../src/log.ts";
import { COLLECTOR_FLAGS } from "../../../src/worker-preset.ts";

/** The program of a PassProcess: passes, one after the other, until it is killed. */
interface Settings {
  readonly url: string;
  readonly workerId: string;
  /** It kills itself where it reaches this point for the nth time. */
  readonly point: FaultPoint | null;
  readonly nth: number;
}

// As workers do.
for (const flag of COLLECTOR_FLAGS) setFlagsFromString(flag);

const { url, workerId, point, nth }: Settings = JSON.parse(process.argv[2]!);
const log = createLog("debug", (line) => void process.stderr.write(line));
let left = nth;
for (;;) {
  await capturePass(
    {
      url,
      log,
      faults: {
        reach(reached) {
          if (reached === point && --left === 0) process.kill(process.pid, "SIGKILL");
        },
      },
      connect: (onRefused) =>
        captureConnections(
          url,
          { connectionMs: 60_000, operationMs: 60_000 },
          log,
          () => {},
          (text) => text,
          onRefused,
        ),
    },
    { workerId, shutdown: new AbortController().signal },
  );
  await pause(20); // The slot may be busy, or nothing is due yet.
}
