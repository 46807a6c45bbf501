import { Field, Schema, Uint32, Uint64 } from "apache-arrow";

import { type EncodedColumn, encodeBatch } from "../../src/devserver/arrow/ipc.ts";
import type { Rows } from "../../src/devserver/arrow/split-rows.ts";
import { ChangeListeners } from "../../src/devserver/change-listeners.ts";
import { EVM_SCHEMAS } from "../../src/devserver/evm/schemas.ts";
import type { Source } from "../../src/devserver/source.ts";
import { blockColumns } from "../../src/devserver/sources/generated/blocks-table.ts";
import { GeneratedChain } from "../../src/devserver/sources/generated/chain.ts";
import {
  type BlockRows,
  type ColumnGenerator,
  nullableWords,
  sameInBlock64,
  uint32,
} from "../../src/devserver/sources/generated/columns.ts";
import { logColumns } from "../../src/devserver/sources/generated/logs-table.ts";
import { RandomWords } from "../../src/devserver/sources/generated/random-words.ts";
import { transactionColumns } from "../../src/devserver/sources/generated/transactions-table.ts";

const SEED = 1;
const LOGS_PER_TRANSACTION = 3;
/** Batches of so many different lengths are kept. */
const KEPT_LENGTHS = 64;
/** Values that belong to a block; all others may repeat. */
const OF_THE_BLOCK = new Set(["_block_num", "block_num", "timestamp", "hash", "parent_hash", "block_hash"]);

export type Shape = "blocks" | "logs" | "transactions" | "narrow";

const SCHEMAS: Readonly<Record<Shape, Schema>> = {
  ...EVM_SCHEMAS,
  narrow: new Schema([
    new Field("_block_num", new Uint64(), false),
    new Field("index", new Uint32(), false),
    new Field("value", new Uint64(), false),
  ]),
};

export interface BenchTable {
  readonly name: string;
  readonly shape: Shape;
  readonly rowsPerBlock: number;
}

/**
 * A chain for benchmarks, whose rows cost next to nothing: random values are made once for each
 * length of a batch and sent again and again; only what belongs to the block is made anew.
 * Whoever reads it measures the reader.
 */
export class RepeatingSource implements Source {
  readonly network = "devnet";
  readonly tables: ReadonlyMap<string, Schema>;
  readonly chain: GeneratedChain;
  readonly #tables: ReadonlyMap<
    string,
    { readonly rowsPerBlock: number; readonly columns: readonly ColumnGenerator[] }
  >;
  readonly #listeners = new ChangeListeners();
  readonly #onRows: (table: string, last: bigint) => void;

  /** `onRows` is called when the rows of a microbatch are requested, a moment before they are sent. */
  constructor(
    tables: readonly BenchTable[],
    blocks: number,
    onRows: (table: string, last: bigint) => void = () => {},
  ) {
    const random = new RandomWords(SEED);
    const byShape = new Map(
      [...new Set(tables.map(({ shape }) => shape))].map((shape) => [shape, columnsOf(shape, random)]),
    );
    this.tables = new Map(tables.map(({ name, shape }) => [name, SCHEMAS[shape]]));
    this.#tables = new Map(
      tables.map(({ name, shape, rowsPerBlock }) => [name, { rowsPerBlock, columns: byShape.get(shape)! }]),
    );
    this.chain = new GeneratedChain({ seed: SEED, start: 0n, blocks, keepsHigher: false });
    this.#onRows = onRows;
  }

  mine(blocks: number): void {
    this.chain.mine(blocks);
    this.#listeners.notify();
  }

  /** Replaces the last blocks by as many others. */
  reorg(depth: number): void {
    this.chain.reorg(depth, depth);
    this.#listeners.notify();
  }

  rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows {
    const { rowsPerBlock, columns: generators } = this.#tables.get(table)!;
    const blockAt = this.chain.blocksNow();
    this.#onRows(table, end);
    return {
      count: Number(end - start + 1n) * rowsPerBlock,
      encode(from, to) {
        const blocks: BlockRows[] = [];
        for (let at = from; at < to; ) {
          const index = Math.floor(at / rowsPerBlock);
          const first = at - index * rowsPerBlock;
          const last = Math.min(rowsPerBlock, first + to - at);
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

  lastBlockWithRows(): bigint | null {
    return this.chain.head()?.number ?? null;
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {}
}

function columnsOf(shape: Shape, random: RandomWords): readonly ColumnGenerator[] {
  const generators = {
    blocks: () => blockColumns(random),
    logs: () => logColumns(random, (log) => Math.floor(log / LOGS_PER_TRANSACTION)),
    transactions: () => transactionColumns(random),
    narrow: () => narrowColumns(random),
  }[shape]();
  return SCHEMAS[shape].fields.map(({ name }) =>
    OF_THE_BLOCK.has(name) ? generators[name]! : repeated(generators[name]!),
  );
}

function narrowColumns(random: RandomWords): Readonly<Record<string, ColumnGenerator>> {
  return {
    _block_num: sameInBlock64((block) => block.number),
    index: uint32((row) => row),
    value: nullableWords(random, 2, 1, 0),
  };
}

/** The same column for each batch of one length. */
function repeated(generate: ColumnGenerator): ColumnGenerator {
  const kept = new Map<number, EncodedColumn>();
  return (blocks, count) => {
    const column = kept.get(count);
    if (column !== undefined) return column;
    const { nodes, buffers } = generate(blocks, count);
    const copy = { nodes, buffers: buffers.map((buffer) => buffer.slice()) }; // A generator uses its buffers again.
    if (kept.size < KEPT_LENGTHS) kept.set(count, copy);
    return copy;
  };
}
