import { once } from "node:events";
import { hostname } from "node:os";

import { run, type Task } from "graphile-worker";

import { configFromProcess } from "../../../src/config.ts";
import { LeaseCalls } from "../../../src/db/lease-calls.ts";
import type { Deps } from "../../../src/deps.ts";
import type { FaultPoint, Faults } from "../../../src/fault-points.ts";
import { COMMIT_LIMITS, HEARTBEAT_MS, LEASE_MS, WRITER_SILENCE_MS } from "../../../src/model/limits.ts";
import { createDeps } from "../../../src/runtime.ts";
import { explainDataset } from "../../../src/tasks/ampsync_explain.ts";
import { buildIndexes } from "../../../src/tasks/ampsync_index.ts";
import { ingestTask } from "../../../src/tasks/ampsync_ingest.ts";
import { poll } from "../../../src/tasks/ampsync_poll.ts";
import { reloadDataset } from "../../../src/tasks/ampsync_reload.ts";
import { resolveDataset } from "../../../src/tasks/ampsync_resolve.ts";
import { streamTask } from "../../../src/tasks/ampsync_stream.ts";
import { supervise } from "../../../src/tasks/ampsync_supervise.ts";
import { swapResync } from "../../../src/tasks/ampsync_swap.ts";
import { upgradeDataset } from "../../../src/tasks/ampsync_upgrade.ts";
import { workerPreset } from "../../../src/worker-preset.ts";
import type { Arming, FromWorker, ToWorker } from "./faulty-worker.ts";
import type { FaultyWorkerSettings } from "./worker-process.ts";

/** The program of FaultyWorker. */
let arming: Arming | null = null;
/** Passes that stand where it is to stop. */
const standing = new Set<PassFaults>();

/** What one pass has done, and where it stops. */
class PassFaults implements Faults {
  /** How many the transaction under way has written. */
  #chunks = 0;
  #commits = 0;

  async reach(point: FaultPoint): Promise<void> {
    if (point === "copy_begun") this.#chunks = 0;
    if (point === "chunk_written") this.#chunks++;
    if (point === "commit_answered") this.#commits++;
    if (arming?.point !== point) return;
    const { minChunks = 0, minCommits = 0, passes = 1, action } = arming;
    if (this.#chunks < minChunks || this.#commits < minCommits) return;
    standing.add(this);
    if (standing.size >= passes) {
      if (action === "kill") process.kill(process.pid, "SIGKILL");
      arming = null;
      say("paused");
    }
    await once(process, "message");
  }
}

function say(message: FromWorker): void {
  process.send?.(message);
}

process.on("message", (message: ToWorker) => {
  if (message !== "resume") {
    arming = message.arm;
    standing.clear();
    say("armed");
  }
});

const config = configFromProcess("worker");
const { limits, beatMs = HEARTBEAT_MS, waits = false }: FaultyWorkerSettings = JSON.parse(process.argv[2]!);
const deps = await createDeps(config, config.writeLog, {
  limits: { ...COMMIT_LIMITS, ...limits },
  heartbeat: { beatMs, leaseMs: LEASE_MS, silenceMs: WRITER_SILENCE_MS },
});

function withDeps(create: (deps: Deps) => Task): Task {
  return async (payload, helpers) => {
    if (helpers.job.locked_by !== null) {
      deps.heartbeat.start(helpers.job.locked_by);
      await deps.heartbeat.begun(helpers.abortSignal);
    }
    return create({ ...deps, faults: new PassFaults() })(payload, helpers);
  };
}

/** As a worker of production does it, so that it has its share of the streams. */
function began(workerId: string, slots: number): void {
  deps.heartbeat.start(workerId);
  const registered = { workerId, host: hostname(), pid: process.pid, version: "0.0.0", slots };
  void new LeaseCalls(deps.caller).registerWorker(registered).catch(() => {});
}

if (waits && arming === null) {
  process.channel?.ref(); // Nothing else keeps it from ending.
  await once(process, "message");
  process.channel?.unref();
}
const { plugins, worker: preset } = workerPreset(config, { began, ended: () => {} });
const { taskDirectory: _, ...worker } = preset;
const runner = await run({
  preset: { plugins, worker },
  taskList: {
    ampsync_explain: withDeps(explainDataset),
    ampsync_ingest: withDeps(ingestTask),
    ampsync_index: withDeps(buildIndexes),
    ampsync_poll: withDeps(poll),
    ampsync_reload: withDeps(reloadDataset),
    ampsync_resolve: withDeps(resolveDataset),
    ampsync_stream: withDeps(streamTask),
    ampsync_supervise: withDeps(supervise),
    ampsync_swap: withDeps(swapResync),
    ampsync_upgrade: withDeps(upgradeDataset),
  },
});
try {
  await runner.promise;
} finally {
  await deps.close();
}
