import { Field, Schema, Uint64, Utf8 } from "apache-arrow";

import { encodeBatch } from "../../../src/devserver/arrow/ipc.ts";
import type { Rows } from "../../../src/devserver/arrow/split-rows.ts";
import { cells, sameInBlock64 } from "../../../src/devserver/sources/generated/columns.ts";
import {
  GeneratedSource,
  type GeneratedSourceOptions,
} from "../../../src/devserver/sources/generated/source.ts";

const NOTES = new Schema([new Field("_block_num", new Uint64(), false), new Field("note", new Utf8())]);

/** A generated chain with one more table, `notes`, of which one block's value fits no text column: it holds a NUL. */
export class BadValueSource extends GeneratedSource {
  override readonly tables: ReadonlyMap<string, Schema> = new Map([
    ...new GeneratedSource().tables,
    ["notes", NOTES],
  ]);
  readonly #generators;
  /** How often rows of the table were asked for. */
  reads = 0;

  constructor(bad: bigint, options: GeneratedSourceOptions) {
    super(options);
    this.#generators = [
      sameInBlock64((block) => block.number),
      cells(new Utf8(), (block) => (block.number === bad ? "a\0b" : `note ${block.number}`)),
    ];
  }

  override rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows {
    if (table !== "notes") {
      return super.rows(table, columns, start, end);
    }
    this.reads++;
    const blockAt = this.chain.blocksNow();
    return {
      count: Number(end - start + 1n),
      encode: (from, to) => {
        const blocks = Array.from({ length: to - from }, (_, i) => ({
          block: blockAt(start + BigInt(from + i)),
          from: 0,
          to: 1,
        }));
        return encodeBatch(
          to - from,
          columns.map((column) => this.#generators[column]!(blocks, to - from)),
        );
      },
    };
  }

  override lastBlockWithRows(table: string): bigint | null {
    return super.lastBlockWithRows(table === "notes" ? "blocks" : table);
  }
}
