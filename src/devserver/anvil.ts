import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

import { AmpsyncError } from "../errors.ts";
import { EMITTER_BYTECODE, EMITTER_SELECTORS } from "./contract/emitter.ts";
import { type Json, object } from "./sources/rpc/fields.ts";
import { JsonRpc } from "./sources/rpc/json-rpc.ts";

const START_TIMEOUT_MS = 15_000;
const RECEIPT_TIMEOUT_MS = 60_000;
const RECEIPT_POLL_MS = 5;

/** The deepest reorg that is possible. */
const STATES_IN_MEMORY = 1024;

export interface AnvilOptions {
  /** Seconds between blocks; if absent, each transaction mines a block. */
  readonly blockTime?: number;
}

/** The path of the Anvil binary; null if its optional package is not installed, as on platforms other than Linux x64. */
export function anvilBinary(): string | null {
  try {
    const manifest = createRequire(import.meta.url).resolve("@foundry-rs/anvil-linux-amd64/package.json");
    return join(dirname(manifest), "bin", "anvil");
  } catch {
    return null;
  }
}

/** A running Anvil node on a free port of the loopback, with its funded accounts unlocked. */
export class Anvil {
  readonly url: string;
  readonly rpc: JsonRpc;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#process = child;
    this.url = url;
    this.rpc = new JsonRpc(url);
  }

  static async start(options: AnvilOptions = {}): Promise<Anvil> {
    const binary = anvilBinary();
    if (binary === null) {
      throw new AmpsyncError("SY902", "Anvil is not installed", {
        detail: "The package @foundry-rs/anvil-linux-amd64 exists only for Linux on x64.",
      });
    }
    const blockTime = options.blockTime === undefined ? [] : ["--block-time", String(options.blockTime)];
    // Without --prune-history Anvil writes states to disk; without a number it keeps no states to reorganise from.
    const pruning = ["--prune-history", String(STATES_IN_MEMORY)];
    const args = ["--host", "127.0.0.1", "--port", "0", ...pruning, ...blockTime];
    // Its own process group: Ctrl-C is meant for this process, which stops Anvil after everything that needs it.
    const child = spawn(binary, args, { stdio: ["ignore", "pipe", "ignore"], detached: true });
    return new Anvil(child, `http://${await listeningAddress(child)}`);
  }

  /** Deploys the emitter contract; returns its address once it is mined. */
  async deployEmitter(): Promise<string> {
    const hash = await this.send({ data: EMITTER_BYTECODE });
    const receipt = await this.receipt(hash);
    return String(receipt["contractAddress"]);
  }

  /** Calls `ping(id)` of an emitter, paying `value` wei; returns the transaction's hash. */
  async ping(emitter: string, id: bigint, value = 0n): Promise<string> {
    const data = EMITTER_SELECTORS.ping + id.toString(16).padStart(64, "0");
    return this.send({ to: emitter, data, value: `0x${value.toString(16)}` });
  }

  /** Sends a transaction from the first account; returns its hash, often before it is mined. */
  async send(transaction: Readonly<Record<string, unknown>>): Promise<string> {
    const from = await this.account();
    return String(await this.rpc.call("eth_sendTransaction", { from, ...transaction }));
  }

  /** The receipt of a transaction, as soon as the transaction is mined. */
  async receipt(hash: string): Promise<Json> {
    const deadline = performance.now() + RECEIPT_TIMEOUT_MS;
    while (performance.now() < deadline) {
      const receipt = await this.rpc.call("eth_getTransactionReceipt", hash);
      if (receipt !== null) {
        return object(receipt);
      }
      await delay(RECEIPT_POLL_MS);
    }
    throw new AmpsyncError(
      "SY104",
      `transaction ${hash} was not mined within ${RECEIPT_TIMEOUT_MS / 1000} s`,
    );
  }

  async mine(blocks: number): Promise<void> {
    await this.rpc.call("anvil_mine", `0x${blocks.toString(16)}`);
  }

  /**
   * Replaces the last `depth` blocks (at most 1024) by as many others, which are empty except for
   * `transactions`, each given with its block, counted from the first replaced one.
   */
  async reorg(
    depth: number,
    transactions: readonly (readonly [Readonly<Record<string, unknown>>, number])[] = [],
  ): Promise<void> {
    await this.rpc.call("anvil_reorg", depth, transactions);
  }

  async blockNumber(): Promise<bigint> {
    return BigInt(String(await this.rpc.call("eth_blockNumber")));
  }

  /** The first funded account. */
  async account(): Promise<string> {
    const [account] = (await this.rpc.call("eth_accounts")) as readonly string[]; // The answer is always a list of addresses.
    return account!;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill("SIGKILL");
      await once(this.#process, "exit");
    }
  }
}

/** The address at which Anvil listens. Anvil is ready when it has printed the address. */
async function listeningAddress(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout! });
  let cause: Error | undefined;
  child.once("error", (error) => {
    cause = error;
    lines.close();
  });
  const deadline = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  try {
    for await (const line of lines) {
      const address = /^Listening on (\S+)$/.exec(line)?.[1];
      if (address !== undefined) {
        child.stdout!.resume(); // Keep reading, or the pipe fills up and Anvil blocks.
        return address;
      }
    }
  } finally {
    clearTimeout(deadline);
  }
  throw new AmpsyncError("SY902", "Anvil did not start", {
    detail: cause?.message ?? `Anvil reported no port within ${START_TIMEOUT_MS / 1000} s.`,
    cause,
  });
}
