import type { Schema } from "apache-arrow";

import type { Rows } from "../../../src/devserver/arrow/split-rows.ts";
import {
  GeneratedSource,
  type GeneratedSourceOptions,
} from "../../../src/devserver/sources/generated/source.ts";

/** A generated chain with a table of blocks, and any number of tables that hold the same logs. */
export class ManyTablesSource extends GeneratedSource {
  override readonly tables: ReadonlyMap<string, Schema>;

  constructor(tables: number, options: GeneratedSourceOptions = {}) {
    super(options);
    const { blocks, logs } = Object.fromEntries(new GeneratedSource().tables) as Record<string, Schema>;
    const others = Array.from({ length: tables - 1 }, (_, n) => [`logs_${n + 1}`, logs!] as const);
    this.tables = new Map([["blocks", blocks!], ...others]);
  }

  override rows(table: string, columns: readonly number[], start: bigint, end: bigint): Rows {
    return super.rows(table === "blocks" ? table : "logs", columns, start, end);
  }

  override lastBlockWithRows(table: string): bigint | null {
    return super.lastBlockWithRows(table === "blocks" ? table : "logs");
  }
}
