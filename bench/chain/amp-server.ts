import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { BenchTable } from "./repeating-source.ts";

const PROGRAM = fileURLToPath(new URL("amp-server-process.ts", import.meta.url));

export interface ServerOptions {
  readonly tables: readonly BenchTable[];
  /** Blocks at the start. */
  readonly blocks: number;
  readonly blocksPerMicrobatch: number;
  /** Whether to note when each microbatch is sent. */
  readonly notesSends?: boolean;
}

/** When the server began to send a microbatch, in nanoseconds of the clock that all processes share. */
export interface Sent {
  readonly table: string;
  /** The last block of it. */
  readonly block: number;
  readonly at: bigint;
}

export type Order =
  | { readonly order: "mine"; readonly blocks: number }
  | { readonly order: "reorg"; readonly depth: number }
  | { readonly order: "sent" };

export type Answer =
  | { readonly order: "start"; readonly flightAddress: string; readonly adminAddress: string }
  | { readonly order: "mine"; readonly at: bigint }
  | { readonly order: "reorg"; readonly at: bigint }
  | { readonly order: "sent"; readonly sent: readonly Sent[] };

/** An Amp server in another process, with the dataset `bench`. Orders are answered one after the other. */
export class AmpServer implements AsyncDisposable {
  /** Where workers find it. */
  readonly addresses: { readonly flightAddress: string; readonly adminAddress: string };
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, addresses: AmpServer["addresses"]) {
    this.#process = process;
    this.addresses = addresses;
  }

  static async start(options: ServerOptions): Promise<AmpServer> {
    const child = fork(PROGRAM, [JSON.stringify(options)], {
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const { flightAddress, adminAddress } = await answerOf(child, "start");
    return new AmpServer(child, { flightAddress, adminAddress });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Returns when the blocks were there for the streams. */
  async mine(blocks = 1): Promise<bigint> {
    return (await this.#ask("mine", { order: "mine", blocks })).at;
  }

  /** Replaces the last blocks by as many others. */
  async reorg(depth: number): Promise<bigint> {
    return (await this.#ask("reorg", { order: "reorg", depth })).at;
  }

  /** What was sent since the last call. */
  async sent(): Promise<readonly Sent[]> {
    return (await this.#ask("sent", { order: "sent" })).sent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.disconnect();
    await ended;
  }

  async #ask<Name extends Order["order"]>(
    name: Name,
    order: Extract<Order, { order: Name }>,
  ): Promise<Extract<Answer, { order: Name }>> {
    const answer = answerOf(this.#process, name);
    this.#process.send(order);
    return await answer;
  }
}

async function answerOf<Name extends Answer["order"]>(
  child: ChildProcess,
  name: Name,
): Promise<Extract<Answer, { order: Name }>> {
  const given = new AbortController();
  const [message, ended] = [
    once(child, "message", { signal: given.signal }),
    once(child, "exit", { signal: given.signal }).then(() => {
      throw new Error("the benchmark's Amp server ended");
    }),
  ];
  const [answer] = await Promise.race([message, ended]);
  ended.catch(() => {});
  given.abort();
  if (answer.order !== name) throw new Error(`${answer.order} is no answer to ${name}`);
  return answer;
}
