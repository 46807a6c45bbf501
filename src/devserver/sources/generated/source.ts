import type { Schema } from "apache-arrow";

import { encodeBatch } from "../../arrow/ipc.ts";
import type { Rows } from "../../arrow/split-rows.ts";
import { ChangeListeners } from "../../change-listeners.ts";
import { EVM_SCHEMAS, type EvmTable } from "../../evm/schemas.ts";
import type { Source } from "../../source.ts";
import { blockColumns } from "./blocks-table.ts";
import { GeneratedChain } from "./chain.ts";
import type { BlockRows, ColumnGenerator } from "./columns.ts";
import { logColumns } from "./logs-table.ts";
import { RandomWords } from "./random-words.ts";
import { transactionColumns } from "./transactions-table.ts";

export interface GeneratedSourceOptions {
  readonly seed?: number;
  /** Number of the first block. */
  readonly start?: bigint;
  /** Blocks that exist from the beginning. */
  readonly blocks?: number;
  readonly logsPerBlock?: number;
  readonly transactionsPerBlock?: number;
  readonly network?: string;
  /** True: a fork is shown when it is higher than the branch it replaces. False: at once, as on development chains. */
  readonly keepsHigherChain?: boolean;
}

/** A chain whose rows depend only on (seed, branch, block), with a script to move it. */
export class GeneratedSource implements Source {
  readonly network: string;
  readonly tables: ReadonlyMap<string, Schema> = new Map(Object.entries(EVM_SCHEMAS));
  readonly chain: GeneratedChain;
  readonly #listeners = new ChangeListeners();
  readonly #rowsPerBlock: Readonly<Record<EvmTable, number>>;
  readonly #generators: Readonly<Record<EvmTable, readonly ColumnGenerator[]>>;

  constructor(options: GeneratedSourceOptions = {}) {
    const { seed = 1, start = 0n, blocks = 0, logsPerBlock = 6, network = "devnet" } = options;
    const { transactionsPerBlock = Math.max(1, Math.ceil(logsPerBlock / 3)) } = options;
    this.network = network;
    this.chain = new GeneratedChain({ seed, start, blocks, keepsHigher: options.keepsHigherChain ?? false });
    this.#rowsPerBlock = { blocks: 1, logs: logsPerBlock, transactions: transactionsPerBlock };

    const random = new RandomWords(seed);
    const logsPerTransaction = Math.max(1, Math.ceil(logsPerBlock / transactionsPerBlock));
    this.#generators = {
      blocks: inSchemaOrder("blocks", blockColumns(random)),
      logs: inSchemaOrder(
        "logs",
        logColumns(random, (log) => Math.floor(log / logsPerTransaction)),
      ),
      transactions: inSchemaOrder("transactions", transactionColumns(random)),
    };
  }

  /** Appends blocks to the canonical chain. */
  mine(blocks = 1): void {
    this.chain.mine(blocks);
    this.#listeners.notify();
  }

  /** Replaces the last `depth` blocks by `newLength` others, in one step; the replaced ones become orphans. */
  reorg(depth: number, newLength = depth): void {
    this.chain.reorg(depth, newLength);
    this.#listeners.notify();
  }

  rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows {
    const perBlock = this.#rowsPerBlock[evmTable(table)];
    const generators = this.#generators[evmTable(table)];
    const blockAt = this.chain.blocksNow();

    // The rows of one microbatch: far below 2^53.
    const count = Number(end - start + 1n) * perBlock;
    return {
      count,
      encode(from, to) {
        const blocks: BlockRows[] = [];
        for (let at = from; at < to; ) {
          const index = Math.floor(at / perBlock);
          const first = at - index * perBlock;
          const last = Math.min(perBlock, first + to - at);
          blocks.push({ block: blockAt(start + BigInt(index)), from: first, to: last });
          at += last - first;
        }
        return encodeBatch(
          to - from,
          columns.map((column) => generators[column]!(blocks, to - from)),
        );
      },
    };
  }

  lastBlockWithRows(table: string): bigint | null {
    return this.#rowsPerBlock[evmTable(table)] === 0 ? null : (this.chain.head()?.number ?? null);
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {}
}

function evmTable(table: string): EvmTable {
  // The server asks only for names in `tables`.
  return table as EvmTable;
}

function inSchemaOrder(
  table: EvmTable,
  generators: Readonly<Record<string, ColumnGenerator>>,
): readonly ColumnGenerator[] {
  return EVM_SCHEMAS[table].fields.map((field) => generators[field.name]!);
}
