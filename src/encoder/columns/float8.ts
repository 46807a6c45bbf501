import type { BatchReader } from "../batch-reader.ts";
import type { ScalarType } from "../column.ts";
import { FixedColumn } from "../fixed-column.ts";
import { jsonNumber } from "../json-number.ts";
import type { Place } from "../place.ts";

/** Arrow Float64 as double precision, bit by bit: NaN, infinities and -0 included. */
export const float64: ScalarType = {
  name: "double precision",
  oid: 701,
  bind: (reader, rowCount, place) => new Float8Column(reader, rowCount, place),
};

class Float8Column extends FixedColumn {
  protected readonly payloadBytes = 8;
  readonly #words: Int32Array;
  readonly #float = new DataView(new ArrayBuffer(8));

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    super(reader, rowCount, place);
    this.#words = reader.words(2 * rowCount);
  }

  protected put(view: DataView, at: number, row: number): void {
    view.setInt32(at, this.#words[2 * row + 1]!);
    view.setInt32(at + 4, this.#words[2 * row]!);
  }

  json(row: number): string {
    this.put(this.#float, 0, row);
    return jsonNumber(this.#float.getFloat64(0));
  }
}
