import type { Schema } from "apache-arrow";

import { encodeValues, type Value } from "../../../src/devserver/arrow/encode-values.ts";
import { encodeBatch } from "../../../src/devserver/arrow/ipc.ts";
import type { Rows } from "../../../src/devserver/arrow/split-rows.ts";
import {
  GeneratedSource,
  type GeneratedSourceOptions,
} from "../../../src/devserver/sources/generated/source.ts";

/** A generated chain with one table of any shape, whose rows a test makes block by block. */
export class TableSource extends GeneratedSource {
  override readonly tables: ReadonlyMap<string, Schema>;
  readonly #schema: Schema;
  readonly #rowsOf: (block: bigint) => readonly (readonly Value[])[];

  constructor(
    table: string,
    schema: Schema,
    rowsOf: (block: bigint) => readonly (readonly Value[])[],
    options: GeneratedSourceOptions = {},
  ) {
    super(options);
    this.tables = new Map([[table, schema]]);
    this.#schema = schema;
    this.#rowsOf = rowsOf;
  }

  override rows(_table: string, columns: readonly number[], start: bigint, end: bigint): Rows {
    const rows = Array.from({ length: Number(end - start + 1n) }, (_, at) =>
      this.#rowsOf(start + BigInt(at)),
    ).flat();
    return {
      count: rows.length,
      encode: (from, to) =>
        encodeBatch(
          to - from,
          columns.map((column) =>
            encodeValues(
              this.#schema.fields[column]!.type,
              rows.slice(from, to).map((row) => row[column]!),
            ),
          ),
        ),
    };
  }

  override lastBlockWithRows(): bigint | null {
    return this.chain.head()?.number ?? null;
  }
}
