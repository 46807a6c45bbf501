import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

import { AmpsyncError } from "../errors.ts";
import type { Target } from "./balancer.ts";

const HOST = "127.0.0.1";
const READY_WITHIN_MS = 30_000;
const END_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 50;
/** How long a killed gateway is missed before another one is started in its place. */
const MISSED_MS = 4_000;

type State = "starting" | "serving" | "killed";

export interface GatewaySeen {
  /** As `ampsync.gateways` has it. */
  readonly address: string;
  readonly pid: number | null;
  readonly state: State;
  /** How often it was killed. */
  readonly kills: number;
}

export interface GatewayProgram {
  /** Of Node, with what runs a gateway. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file descriptor that takes its log. */
  readonly log: number | "ignore";
}

/** Gateways, each a process of its own; one that was killed is started again after a while. */
export class Gateways implements AsyncDisposable {
  readonly #program: GatewayProgram;
  readonly #all: Gateway[];
  readonly #ended = new AbortController();

  private constructor(program: GatewayProgram, all: Gateway[]) {
    this.#program = program;
    this.#all = all;
  }

  /** Resolves when all of them serve. */
  static async start(count: number, program: GatewayProgram): Promise<Gateways> {
    const ports = await freePorts(count);
    const gateways = new Gateways(
      program,
      ports.map((port) => new Gateway(port)),
    );
    try {
      await Promise.all(
        gateways.#all.map((gateway) => gateway.start(gateways.#program, gateways.#ended.signal)),
      );
      return gateways;
    } catch (error) {
      await gateways[Symbol.asyncDispose]();
      throw error;
    }
  }

  get targets(): readonly Target[] {
    return this.#all.map(({ port }) => ({ host: HOST, port }));
  }

  get seen(): readonly GatewaySeen[] {
    return this.#all.map((gateway) => gateway.seen);
  }

  /** Kills one with SIGKILL: that at the address if it serves, else another. Null where none serves. */
  kill(address: string | null): GatewaySeen | null {
    const serving = this.#all.filter(({ seen }) => seen.state === "serving");
    const gateway = serving.find(({ seen }) => seen.address === address) ?? serving[0];
    if (gateway === undefined) return null;
    gateway.kill();
    void this.#restart(gateway);
    return gateway.seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#all.map((gateway) => gateway.stop()));
  }

  async #restart(gateway: Gateway): Promise<void> {
    const { signal } = this.#ended;
    // A gateway that does not come again stays killed, which is shown.
    await pause(MISSED_MS, undefined, { signal })
      .then(() => gateway.start(this.#program, signal))
      .catch(() => {});
  }
}

class Gateway {
  readonly port: number;
  #state: State = "starting";
  #kills = 0;
  #process: ChildProcess | null = null;

  constructor(port: number) {
    this.port = port;
  }

  get seen(): GatewaySeen {
    const pid = this.#state === "killed" ? null : (this.#process?.pid ?? null);
    return { address: `${HOST}:${this.port}`, pid, state: this.#state, kills: this.#kills };
  }

  async start({ command: [file, ...args], env, log }: GatewayProgram, signal: AbortSignal): Promise<void> {
    this.#state = "starting";
    this.#process = spawn(file, args, {
      env: { ...env, AMPSYNC_GATEWAY_HOST: HOST, AMPSYNC_GATEWAY_PORT: String(this.port) },
      stdio: ["ignore", log, log],
      // Ctrl-C in a terminal is meant for the demo, which ends it.
      detached: true,
    });
    await this.#ready(this.#process, signal);
    this.#state = "serving";
  }

  kill(): void {
    this.#state = "killed";
    this.#kills += 1;
    this.#process?.kill("SIGKILL");
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), END_WITHIN_MS);
    await once(child, "exit");
    clearTimeout(late);
  }

  async #ready(child: ChildProcess, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    const isReady = () =>
      fetch(`http://${HOST}:${this.port}/readyz`, { signal }).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await isReady())) {
      signal.throwIfAborted();
      const ended = child.exitCode ?? child.signalCode;
      if (ended !== null || performance.now() > deadline) {
        throw new AmpsyncError("SY902", `the gateway at ${HOST}:${this.port} does not serve`, {
          detail: ended === null ? `Not ready after ${READY_WITHIN_MS / 1000} s.` : `It ended with ${ended}.`,
          hint: "Its log says why.",
        });
      }
      await pause(LOOK_EVERY_MS);
    }
  }
}

/** All of them are open at once while they are looked for, so that none is given twice. */
async function freePorts(count: number): Promise<readonly number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, HOST));
  await Promise.all(probes.map((probe) => once(probe, "listening")));
  const ports = probes.map((probe) => {
    const address = probe.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(probes.map((probe) => once(probe.close(), "close")));
  return ports;
}
