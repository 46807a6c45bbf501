import type { FaultPoint } from "../../../src/fault-points.ts";
import { waitFor } from "../wait-for.ts";
import {
  type FaultyWorkerSettings,
  faultyWorker,
  type WorkerOptions,
  WorkerProcess,
} from "./worker-process.ts";

/** Where a worker is to stop, and how. */
export interface Arming {
  readonly point: FaultPoint;
  /** `kill`: SIGKILL from within, at this very statement. `pause`: wait there for `resume`. */
  readonly action: "kill" | "pause";
  /** Only in a commit that has written this many chunks by then. */
  readonly minChunks?: number;
  /** Only in a pass that has done this many commits by then. */
  readonly minCommits?: number;
  /** Not before so many passes stand there together; one unless given. */
  readonly passes?: number;
}

export type FaultyWorkerOptions = WorkerOptions & FaultyWorkerSettings;

/** What a worker and its test say to each other. */
export type ToWorker = { readonly arm: Arming } | "resume";
export type FromWorker = "armed" | "paused";

/**
 * A worker of its own process: graphile-worker with our preset and our tasks, whose
 * fault points stop it where the test says.
 */
export class FaultyWorker extends WorkerProcess {
  #isArmed = false;
  #isPaused = false;
  #waits: boolean;

  constructor({ limits, beatMs, waits = false, ...options }: FaultyWorkerOptions) {
    super(options, faultyWorker({ limits, beatMs, waits }));
    this.#waits = waits;
    this.process.on("message", (message: FromWorker) => {
      if (message === "armed") this.#isArmed = true;
      if (message === "paused") this.#isPaused = true;
    });
  }

  override get hasSessions(): boolean {
    return super.hasSessions && !this.#waits;
  }

  /** Resolves when the worker knows it. */
  async arm(arming: Arming): Promise<void> {
    this.#waits = false;
    this.#isArmed = false;
    this.#tell({ arm: arming });
    await waitFor(`the worker to arm ${arming.point}`, () => this.#isArmed);
  }

  /** Whether it stands at the point it was armed with. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  resume(): void {
    this.#isPaused = false;
    this.#tell("resume");
  }

  #tell(message: ToWorker): void {
    this.process.send(message);
  }
}
