import { fileURLToPath } from "node:url";

import type { FaultPoint } from "../../../src/fault-points.ts";
import { WorkerProcess } from "../worker/worker-process.ts";

interface PassProcessOptions {
  readonly databaseUrl: string;
  readonly workerId: string;
  /** Where it kills itself; null: it is killed from outside. */
  readonly point?: FaultPoint | null;
  readonly nth?: number;
}

/** A process that does passes of capture, one after the other. */
export class PassProcess extends WorkerProcess {
  constructor({ databaseUrl, workerId, point = null, nth = 1 }: PassProcessOptions) {
    const settings = JSON.stringify({ url: databaseUrl, workerId, point, nth });
    super({ databaseUrl, flightAddress: "", adminAddress: "" }, [
      fileURLToPath(new URL("pass-process.ts", import.meta.url)),
      settings,
    ]);
  }
}
