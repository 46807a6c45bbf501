import { setTimeout as delay } from "node:timers/promises";

import type { Schema } from "apache-arrow";

import { encodeValues, type Value } from "../../arrow/encode-values.ts";
import { encodeBatch } from "../../arrow/ipc.ts";
import type { Rows } from "../../arrow/split-rows.ts";
import { ChangeListeners } from "../../change-listeners.ts";
import { EVM_SCHEMAS, type EvmTable } from "../../evm/schemas.ts";
import type { Source } from "../../source.ts";
import { BlockFollower } from "./follower.ts";
import { JsonRpc } from "./json-rpc.ts";

export interface RpcSourceOptions {
  readonly url: string;
  readonly network?: string;
  /** The time between two requests to the node. */
  readonly pollMs?: number;
}

const DEFAULT_POLL_MS = 100;

/** Blocks, logs and transactions of an EVM node, which is polled. */
export class RpcSource implements Source {
  readonly network: string;
  readonly tables: ReadonlyMap<string, Schema> = new Map(Object.entries(EVM_SCHEMAS));
  readonly chain: BlockFollower;
  readonly #listeners = new ChangeListeners();
  readonly #stop = new AbortController();
  readonly #pollMs: number;
  #lastLook: Promise<void> = Promise.resolve();

  private constructor(options: RpcSourceOptions) {
    this.network = options.network ?? "anvil";
    this.#pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    this.chain = new BlockFollower(new JsonRpc(options.url));
  }

  /** Fetches the present chain, then follows it until closed. An unreachable node raises SY104. */
  static async start(options: RpcSourceOptions): Promise<RpcSource> {
    const source = new RpcSource(options);
    await source.refresh();
    void source.#follow();
    return source;
  }

  /** Polls the node now, or after the present poll. */
  async refresh(): Promise<void> {
    const before = this.#lastLook.catch(() => {});
    this.#lastLook = before.then(() => this.chain.catchUp(() => this.#listeners.notify(), this.#stop.signal));
    await this.#lastLook;
  }

  /** Ignores a node that does not answer until the next poll: it may be restarting. */
  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await delay(this.#pollMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) {
        await this.refresh().catch(() => {});
      }
    }
  }

  rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows {
    const rows: (readonly Value[])[] = [];
    for (let number = start; number <= end; number++) {
      rows.push(...(this.chain.canonical(number)?.tables[evmTable(table)] ?? []));
    }
    const { fields } = EVM_SCHEMAS[evmTable(table)];
    return {
      count: rows.length,
      encode(from, to) {
        const slice = rows.slice(from, to);
        const encoded = columns.map((at) =>
          encodeValues(
            fields[at]!.type,
            slice.map((row) => row[at] ?? null),
          ),
        );
        return encodeBatch(to - from, encoded);
      },
    };
  }

  lastBlockWithRows(table: string): bigint | null {
    let number = this.chain.head()?.number ?? -1n;
    while (number >= 0n && this.chain.canonical(number)!.tables[evmTable(table)].length === 0) {
      number -= 1n;
    }
    return number < 0n ? null : number;
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#stop.abort();
  }
}

function evmTable(table: string): EvmTable {
  // The server asks only for names in `tables`.
  return table as EvmTable;
}
