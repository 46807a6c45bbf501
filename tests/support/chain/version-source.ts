import { DataType, Field, Schema, Uint64 } from "apache-arrow";

import type { Value } from "../../../src/devserver/arrow/encode-values.ts";
import { encodeBatch } from "../../../src/devserver/arrow/ipc.ts";
import type { Rows } from "../../../src/devserver/arrow/split-rows.ts";
import type { Chain, Source } from "../../../src/devserver/source.ts";
import type { GeneratedBlock } from "../../../src/devserver/sources/generated/chain.ts";
import { cells } from "../../../src/devserver/sources/generated/columns.ts";
import { hash32 } from "../../../src/devserver/sources/generated/random-words.ts";
import type { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";

export interface ColumnSpec {
  readonly type: DataType;
  /** True by default; then every fifth value is null. */
  readonly nullable?: boolean;
}

/** The columns of each table, in order; a type alone means a nullable column. `_block_num` comes first by itself. */
export type VersionTables = Readonly<Record<string, Readonly<Record<string, DataType | ColumnSpec>>>>;

export interface VersionOptions {
  /** By default 2. */
  readonly rowsPerBlock?: number;
  /** By default that of the chain. */
  readonly network?: string;
}

/**
 * One version of a dataset: tables of any shape over a generated chain, which other versions share and which a test
 * moves. `server.publish("1.1.0", new VersionSource(chain, tables))` publishes it, or changes what a version stands for.
 *
 * Values follow from block, row and name of the column: those of one name are the same in all versions. A
 * `block_hash` of 32 bytes is the hash of its block.
 */
export class VersionSource implements Source {
  readonly network: string;
  readonly tables: ReadonlyMap<string, Schema>;
  readonly chain: Chain;
  readonly #generated: GeneratedSource;
  readonly #rowsPerBlock: number;

  constructor(chain: GeneratedSource, tables: VersionTables, options: VersionOptions = {}) {
    this.network = options.network ?? chain.network;
    this.chain = chain.chain;
    this.#generated = chain;
    this.#rowsPerBlock = options.rowsPerBlock ?? 2;
    this.tables = new Map(Object.entries(tables).map(([name, columns]) => [name, schemaOf(columns)]));
  }

  rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows {
    const { fields } = this.tables.get(table)!;
    const perBlock = this.#rowsPerBlock;
    const blockAt = this.#generated.chain.blocksNow();
    return {
      count: Number(end - start + 1n) * perBlock,
      encode(from, to) {
        const rows = Array.from({ length: to - from }, (_, i) => {
          const index = Math.floor((from + i) / perBlock);
          const row = (from + i) % perBlock;
          return { block: blockAt(start + BigInt(index)), from: row, to: row + 1 };
        });
        return encodeBatch(
          rows.length,
          columns.map((at) =>
            cells(fields[at]!.type, (block, row) => cellOf(fields[at]!, block, row))(rows, rows.length),
          ),
        );
      },
    };
  }

  lastBlockWithRows(): bigint | null {
    return this.chain.head()?.number ?? null;
  }

  onChange(listener: () => void): () => void {
    return this.#generated.onChange(listener);
  }

  close(): void {}
}

function schemaOf(columns: VersionTables[string]): Schema {
  const fields = Object.entries(columns).map(([name, spec]) => {
    const { type, nullable = true } = spec instanceof DataType ? { type: spec } : spec;
    return new Field(name, type, nullable);
  });
  return new Schema([new Field("_block_num", new Uint64(), false), ...fields]);
}

function cellOf({ name, type, nullable }: Field, block: GeneratedBlock, row: number): Value {
  if (name === "_block_num") {
    return block.number;
  }
  const word = hash32(hash32(block.key, row), hashOfName(name));
  if (nullable && word % 5 === 0) {
    return null;
  }
  if (DataType.isFixedSizeBinary(type)) {
    return name === "block_hash" ? bytesOf(block.hashWords) : new Uint8Array(type.byteWidth).fill(word);
  }
  if (DataType.isBinary(type)) return bytesOf(Uint32Array.of(word));
  if (DataType.isUtf8(type)) return `${name} ${word}`;
  if (DataType.isBool(type)) return word % 2 === 0;
  return BigInt(word);
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength).slice();
}

function hashOfName(name: string): number {
  return [...name].reduce((hash, letter) => hash32(hash, letter.codePointAt(0)!), 0);
}
