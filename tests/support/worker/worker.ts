import { track } from "./tracked-workers.ts";
import { type WorkerOptions, WorkerProcess } from "./worker-process.ts";

/** A worker of a test. */
export class Worker extends WorkerProcess {
  constructor(options: WorkerOptions, program?: readonly string[]) {
    super(options, program);
    track(this);
  }
}
