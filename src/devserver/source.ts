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

/** The blocks that a source holds at this moment. */
export interface Chain {
  /** The number of the first block; `head` is null if there is no block yet. */
  readonly start: bigint;
  head(): Block | null;
  /** The canonical block with that number. */
  canonical(number: bigint): Block | null;
  /** A block that is, or once was, canonical. */
  stored(number: bigint, hash: BlockHash): Block | null;
}

/** The source of the development server's blocks and rows. */
export interface Source {
  /** Lower case. */
  readonly network: string;
  readonly tables: ReadonlyMap<string, Schema>;
  readonly chain: Chain;
  /**
   * The rows of the canonical blocks `start..end` (inclusive), ascending by block, with
   * the columns at these positions of the table's schema. The call fixes the blocks, so
   * a later reorg does not change the rows that are being sent.
   */
  rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows;
  /** The highest canonical block with a row in the table. */
  lastBlockWithRows(table: string): bigint | null;
  /** Calls back after each change of the chain, until the returned function is called. */
  onChange(listener: () => void): () => void;
  close(): void;
}
