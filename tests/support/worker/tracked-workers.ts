import { afterAll, afterEach } from "vitest";

import type { WorkerProcess } from "./worker-process.ts";

/** Every worker of this file of tests, so that none outlives it and a failing test shows what they said. */
const workers = new Set<WorkerProcess>();

export function track<W extends WorkerProcess>(worker: W): W {
  workers.add(worker);
  return worker;
}

/** Called for each file of tests: files that share their modules share `workers`. */
export function endTrackedWorkers(): void {
  afterEach(({ task }) => {
    if (task.result?.state === "fail") {
      for (const worker of workers) console.error(worker.tail());
    }
    for (const worker of workers) if (worker.hasEnded) workers.delete(worker);
  });

  afterAll(async () => {
    await Promise.all([...workers].map((worker) => worker[Symbol.asyncDispose]()));
    workers.clear();
  });
}
