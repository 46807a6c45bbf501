import type { ArrowInt } from "../../arrow/type.ts";
import type { BatchReader } from "../batch-reader.ts";
import type { ScalarType } from "../column.ts";
import { FixedColumn } from "../fixed-column.ts";
import type { Place } from "../place.ts";

/** Arrow Int8, UInt8 and Int16 as smallint. */
export function int2(type: ArrowInt): ScalarType {
  return {
    name: "smallint",
    oid: 21,
    bind: (reader, rowCount, place) => new Int2Column(type, reader, rowCount, place),
  };
}

class Int2Column extends FixedColumn {
  protected readonly payloadBytes = 2;
  readonly #values: Int32Array;

  constructor(type: ArrowInt, reader: BatchReader, rowCount: number, place: Place) {
    super(reader, rowCount, place);
    this.#values = reader.integers(type, rowCount);
  }

  protected put(view: DataView, at: number, row: number): void {
    view.setInt16(at, this.#values[row]!);
  }

  json(row: number): string {
    return String(this.#values[row]!);
  }
}
