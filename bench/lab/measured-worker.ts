import { createInterface } from "node:readline";

import { waitFor } from "../../tests/support/wait-for.ts";
import { COMMANDS, type WorkerOptions, WorkerProcess } from "../../tests/support/worker/worker-process.ts";
import { cpuS, forgetPeak, peakRssMib } from "./process-figures.ts";

/** What a worker used since `begin`. */
export interface WorkerUse {
  readonly cpuS: number;
  readonly peakRssMib: number;
  /** Full collections of the garbage collector. */
  readonly markCompacts: number;
  readonly scavenges: number;
}

/** The plain graphile-worker command, as containers run it, in a process of its own that can be measured. */
export class MeasuredWorker extends WorkerProcess {
  #markCompacts = 0;
  #scavenges = 0;
  #before: WorkerUse | null = null;

  private constructor(options: WorkerOptions) {
    super(options, ["--trace-gc", ...COMMANDS["graphile-worker"], ...(options.args ?? [])]);
    createInterface({ input: this.process.stdout! }).on("line", (line) => {
      if (line.includes("Mark-Compact")) this.#markCompacts += 1;
      if (line.includes("Scavenge")) this.#scavenges += 1;
    });
  }

  /** Returns when it looks for jobs. */
  static async start(options: WorkerOptions): Promise<MeasuredWorker> {
    const worker = new MeasuredWorker(options);
    await waitFor("the worker to look for jobs", () => {
      if (worker.hasEnded) throw new Error(worker.tail());
      return worker.hasSaid("looking for jobs");
    });
    return worker;
  }

  begin(): void {
    forgetPeak(this.pid);
    this.#before = this.#now();
  }

  used(): WorkerUse {
    const now = this.#now();
    const before = this.#before ?? { cpuS: 0, markCompacts: 0, scavenges: 0 };
    return {
      cpuS: now.cpuS - before.cpuS,
      peakRssMib: now.peakRssMib,
      markCompacts: now.markCompacts - before.markCompacts,
      scavenges: now.scavenges - before.scavenges,
    };
  }

  /** As an operator stops it. */
  override async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) {
      this.signal("SIGTERM");
      await this.ended;
    }
  }

  #now(): WorkerUse {
    return {
      cpuS: cpuS(this.pid),
      peakRssMib: peakRssMib(this.pid),
      markCompacts: this.#markCompacts,
      scavenges: this.#scavenges,
    };
  }
}

/** So many workers, which end with the stack. */
export async function startWorkers(
  stack: AsyncDisposableStack,
  count: number,
  options: WorkerOptions,
): Promise<readonly MeasuredWorker[]> {
  const workers: MeasuredWorker[] = [];
  for (let i = 0; i < count; i++) workers.push(stack.use(await MeasuredWorker.start(options)));
  return workers;
}
