import type { Schema } from "apache-arrow";

import type { BlockHash } from "../protocol/block-range.ts";
import type { Rows } from "./arrow/split-rows.ts";

export interface Block {
  readonly number: bigint;
  readonly hash: BlockHash;
  readonly parentHash: BlockHash;
  /** Unix seconds. */
  readonly timestamp: number;
}

/** The blocks that a source holds, as they are now. */
export interface Chain {
  /** Number of the first block; `head` is null where there is none yet. */
  readonly start: bigint;
  head(): Block | null;
  /** The canonical block of that number. */
  canonical(number: bigint): Block | null;
  /** A block that is canonical now, or was once. */
  stored(number: bigint, hash: BlockHash): Block | null;
}

/** Where the development server gets its blocks and rows from. */
export interface Source {
  /** Lower case. */
  readonly network: string;
  readonly tables: ReadonlyMap<string, Schema>;
  readonly chain: Chain;
  /**
   * The rows of the canonical blocks `start..end` (inclusive), ascending by block,
   * with the columns at these positions of the table's schema. The blocks are
   * fixed by the call, so a later reorg does not change what is being sent.
   */
  rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows;
  /** The highest canonical block with a row in the table. */
  lastBlockWithRows(table: string): bigint | null;
  /** Calls back after each change of the chain, until the returned function is called. */
  onChange(listener: () => void): () => void;
  close(): void;
}
