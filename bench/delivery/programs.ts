import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import WebSocket from "ws";

import { MAIN } from "../../tests/support/worker/worker-process.ts";

const UP_WITHIN_MS = 60_000;
const PROGRAMS = {
  floor: new URL("floor-process.ts", import.meta.url),
  pglite: new URL("pglite-process.ts", import.meta.url),
  sockets: new URL("sockets-process.ts", import.meta.url),
};

/** `ampsync gateway`, in a process of its own. */
export class GatewayProcess implements AsyncDisposable {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #inspector: string;

  private constructor(process: ChildProcess, url: string, inspector: string) {
    this.#process = process;
    this.url = url;
    this.#inspector = inspector;
  }

  static async start(databaseUrl: string, maxClients = 6000): Promise<GatewayProcess> {
    const child = spawn(process.execPath, ["--inspect=127.0.0.1:0", MAIN, "gateway"], {
      env: {
        PATH: process.env["PATH"],
        DATABASE_URL: databaseUrl,
        AMPSYNC_AUTH: "none",
        AMPSYNC_GATEWAY_PORT: "0",
        AMPSYNC_GATEWAY_MAX_CLIENTS: String(maxClients),
        AMPSYNC_LOG_FORMAT: "json",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let inspector = "";
    const port = await new Promise<number>((resolve, reject) => {
      const said: string[] = [];
      const fail = () => reject(new Error(`the gateway did not start:\n${said.join("\n")}`));
      setTimeout(fail, UP_WITHIN_MS).unref();
      child.once("exit", fail);
      for (const output of [child.stdout!, child.stderr!]) {
        createInterface({ input: output }).on("line", (line) => {
          said.push(line);
          inspector ||= /Debugger listening on (ws:\S+)/.exec(line)?.[1] ?? "";
          const found = /gateway_listening.*?port\W+(\d+)/.exec(line);
          if (found !== null) resolve(Number(found[1]));
        });
      }
    });
    return new GatewayProcess(child, `http://127.0.0.1:${port}`, inspector);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Seconds of all its readings of the log so far, and how many there were. */
  async readings(): Promise<{ seconds: number; count: number }> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const of = (name: string) =>
      Number(new RegExp(`^ampsync_gateway_reading_seconds_${name}\\S* (\\S+)$`, "m").exec(text)?.[1]);
    return { seconds: of("sum"), count: of("count") };
  }

  /** Collects its garbage, so that its memory is what it needs. */
  async collect(): Promise<void> {
    const socket = new WebSocket(this.#inspector, { perMessageDeflate: false });
    await once(socket, "open");
    for (const id of [1, 2]) {
      socket.send(JSON.stringify({ id, method: "HeapProfiler.collectGarbage" }));
      await once(socket, "message");
    }
    socket.terminate();
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill(signal);
    const late = setTimeout(() => this.#process.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  }
}

/** A program of this folder that answers orders, one after the other. */
export class Program implements AsyncDisposable {
  readonly #process: ChildProcess;

  constructor(name: keyof typeof PROGRAMS) {
    this.#process = fork(fileURLToPath(PROGRAMS[name]), [], {
      env: { PATH: process.env["PATH"] },
      execArgv: [...process.execArgv, "--expose-gc"],
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  async ask<Answer>(order: object): Promise<Answer> {
    const asking = new AbortController();
    const { signal } = asking;
    const answered = once(this.#process, "message", { signal });
    const ended = once(this.#process, "exit", { signal }).then(() => {
      throw new Error("the program ended before it answered");
    });
    this.#process.send(order);
    const [answer] = (await Promise.race([answered, ended])) as [{ error?: string }];
    asking.abort();
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer as Answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
  }
}
