import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import type { ScalarType } from "../column.ts";
import { FixedColumn } from "../fixed-column.ts";
import type { Place } from "../place.ts";

/** Arrow Boolean as boolean. */
export const boolean: ScalarType = {
  name: "boolean",
  oid: 16,
  bind: (reader, rowCount, place) => new BooleanColumn(reader, rowCount, place),
};

class BooleanColumn extends FixedColumn {
  protected readonly payloadBytes = 1;
  readonly #values: Bitmap;

  constructor(reader: BatchReader, rowCount: number, place: Place) {
    super(reader, rowCount, place);
    this.#values = reader.bitmap(rowCount);
  }

  protected put(view: DataView, at: number, row: number): void {
    view.setInt8(at, this.#values.isSet(row) ? 1 : 0);
  }

  json(row: number): string {
    return this.#values.isSet(row) ? "true" : "false";
  }
}
