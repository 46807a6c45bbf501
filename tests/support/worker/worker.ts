import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { afterAll, afterEach } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CLI = join(ROOT, "node_modules", "graphile-worker", "dist", "cli.js");
const END_WITH_PARENT = new URL("end-with-parent.ts", import.meta.url).href;
const TAIL_LINES = 40;

/** How a process ended: by itself, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface WorkerOptions {
  readonly databaseUrl: string;
  readonly flightAddress: string;
  readonly adminAddress: string;
  /** Further settings. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs; by default in this repository. */
  readonly cwd?: string;
  /** Arguments of graphile-worker's command, such as a number of slots. */
  readonly args?: readonly string[];
}

/** Every worker of this file, so that none outlives it and a failing test shows what they said. */
const workers = new Set<Worker>();

afterEach(({ task }) => {
  if (task.result?.state === "fail") {
    for (const worker of workers) console.error(worker.tail());
  }
  for (const worker of workers) if (worker.hasEnded) workers.delete(worker);
});

afterAll(async () => {
  await Promise.all([...workers].map((worker) => worker[Symbol.asyncDispose]()));
});

/** A worker as containers run it: the plain graphile-worker command with our graphile.config.mjs. */
export class Worker implements AsyncDisposable {
  readonly ended: Promise<Ending>;
  protected readonly process: ChildProcess;
  readonly #lines: string[] = [];

  /** `program`: another one than the command. */
  constructor(
    { databaseUrl, flightAddress, adminAddress, env, cwd = ROOT, args = [] }: WorkerOptions,
    program?: readonly string[],
  ) {
    this.process = spawn(process.execPath, ["--import", END_WITH_PARENT, ...(program ?? [CLI, ...args])], {
      cwd,
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: databaseUrl,
        AMP_FLIGHT_ADDR: flightAddress,
        AMP_ADMIN_API_ADDR: adminAddress,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.ended = once(this.process, "exit").then(([code, signal]) => ({ code, signal }));
    for (const output of [this.process.stdout!, this.process.stderr!]) {
      createInterface({ input: output }).on("line", (line) => this.#lines.push(line));
    }
    workers.add(this);
  }

  get pid(): number {
    return this.process.pid!;
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Whether a line of its output holds this text. */
  hasSaid(text: string): boolean {
    return this.#lines.some((line) => line.includes(text));
  }

  /** The last it said, for people. */
  tail(): string {
    const state = this.hasEnded ? "ended" : "running";
    return [`worker ${this.pid} (${state}) said last:`, ...this.#lines.slice(-TAIL_LINES)].join("\n  ");
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL"); // Ends frozen processes too.
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) await this.kill();
  }
}
