import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { CommitLimits } from "../../../src/model/limits.ts";
import { addWitness, removeWitness } from "../witnesses.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PRELOADED = [
  new URL("end-with-parent.ts", import.meta.url),
  new URL("keep-compiled.ts", import.meta.url),
].flatMap(({ href }) => ["--import", href]);
/** What Node compiled for one process, for the next: a variable of each that is started. */
export const KEEP_COMPILED = {
  NODE_COMPILE_CACHE: join(ROOT, "node_modules", ".cache", "ampsync-tests"),
};
const TAIL_LINES = 40;
/** Where a test waited in vain: there may be many workers. */
const WITNESSED_LINES = 12;

/** Our command. */
export const MAIN = join(ROOT, "dist", "cli", "main.js");
/** The two ways to start a worker, each by the name of its command. */
export const COMMANDS = {
  "graphile-worker": [join(ROOT, "node_modules", "graphile-worker", "dist", "cli.js")],
  "ampsync worker": [MAIN, "worker"],
} as const;

/** What differs from production. */
export interface FaultyWorkerSettings {
  readonly limits?: Partial<CommitLimits> | undefined;
  /** How often it renews leases, and hears that its slots are wanted. */
  readonly beatMs?: number | undefined;
  /** It begins only when it is armed: it has started by then, and knows where to stop. */
  readonly waits?: boolean | undefined;
}

/** Passes that give their slot away, to others and to repairs, after a moment and not after 5 s. */
export const SHORT_TURNS = {
  beatMs: 300,
  limits: { minPassMs: 300 },
} as const satisfies FaultyWorkerSettings;

/** Enough for most tests: each slot asks for a job as its worker starts, and those of production are two hundred. */
const FEW_SLOTS = { AMPSYNC_STREAMS_PER_WORKER: "20" };
/** As many slots as in production. */
export const ALL_SLOTS = { AMPSYNC_STREAMS_PER_WORKER: undefined };
/** A worker of ten slots, which are soon taken. */
export const TEN_SLOTS = { AMPSYNC_STREAMS_PER_WORKER: "10" };

/** graphile-worker with our preset and our tasks, whose fault points a test can arm. */
export function faultyWorker(settings: FaultyWorkerSettings): readonly string[] {
  return [fileURLToPath(new URL("faulty-worker-process.ts", import.meta.url)), JSON.stringify(settings)];
}

/** How a process ended: on its own, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface WorkerAddresses {
  readonly databaseUrl: string;
  readonly flightAddress: string;
  readonly adminAddress: string;
}

export interface WorkerOptions extends WorkerAddresses {
  /** Further settings; undefined: not even that of its addresses. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where it runs; by default in this repository. */
  readonly cwd?: string;
  /** Arguments of graphile-worker's command, such as a number of slots. */
  readonly args?: readonly string[];
}

/** What a worker finds its database and its server by. */
export function environmentOf({ databaseUrl, flightAddress, adminAddress }: WorkerAddresses) {
  return {
    PATH: process.env["PATH"],
    DATABASE_URL: databaseUrl,
    AMP_FLIGHT_ADDR: flightAddress,
    AMP_ADMIN_API_ADDR: adminAddress,
  };
}

/** A worker as containers run it: the plain graphile-worker command with our graphile.config.mjs. */
export class WorkerProcess implements AsyncDisposable {
  readonly ended: Promise<Ending>;
  protected readonly process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #printed: string[] = [];

  /** `program`: another one than the command. */
  constructor(options: WorkerOptions, program?: readonly string[]) {
    const { env, cwd = ROOT, args = [] } = options;
    const command = program ?? [...COMMANDS["graphile-worker"], ...args];
    this.process = spawn(process.execPath, [...PRELOADED, ...command], {
      cwd,
      env: { ...KEEP_COMPILED, ...FEW_SLOTS, ...environmentOf(options), ...env },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.ended = once(this.process, "exit").then(([code, signal]) => ({ code, signal }));
    for (const output of [this.process.stdout!, this.process.stderr!]) {
      createInterface({ input: output }).on("line", (line) => this.#lines.push(line));
    }
    createInterface({ input: this.process.stdout! }).on("line", (line) => this.#printed.push(line));
    addWitness(this, async () => this.tail(WITNESSED_LINES).split("\n"));
  }

  get pid(): number {
    return this.process.pid!;
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Whether it is at the database, or will be without further ado. */
  get hasSessions(): boolean {
    return !this.hasEnded;
  }

  /** Whether a line of its output holds this text. */
  hasSaid(text: string): boolean {
    return this.#lines.some((line) => line.includes(text));
  }

  /** All that it said. */
  said(): readonly string[] {
    return this.#lines;
  }

  /** What of it came through the pipe of standard output. */
  printed(): readonly string[] {
    return this.#printed;
  }

  /** The last it said, for people. */
  tail(lines = TAIL_LINES): string {
    const state = this.hasEnded ? "ended" : "running";
    return [`worker ${this.pid} (${state}) said last:`, ...this.#lines.slice(-lines)].join("\n  ");
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL"); // Ends frozen processes too.
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    removeWitness(this);
    if (!this.hasEnded) await this.kill();
  }
}
