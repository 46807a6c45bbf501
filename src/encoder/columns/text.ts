import type { Column, ElementType } from "../column.ts";
import { jsonString, UNSTORABLE_NUL } from "../json-text.ts";
import { valueError } from "../place.ts";
import { VariableBytes } from "../variable-bytes.ts";

/** Arrow Utf8 as text. */
export const utf8: ElementType = {
  name: "text",
  oid: 25,
  bind: (reader, rowCount, place) => new Utf8Column(reader, rowCount, place),
};

// Fatal, because a replaced byte would be a changed value; a leading BOM belongs to the value.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Columns are copied as they are (PostgreSQL refuses invalid UTF-8); inside JSON the text is decoded here. */
class Utf8Column extends VariableBytes implements Column {
  override measure(sizes: Float64Array, first: number, count: number): void {
    super.measure(sizes, first, count);
    this.#refuseNul(first, count);
  }

  json(row: number): string {
    const bytes = this.value(row);
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch {
      throw valueError(this.place, row, "the text is not valid UTF-8", `${bytes.length} bytes`);
    }
    return jsonString(text, this.place, row);
  }

  /** The values of the rows lie side by side, so one native search covers them all. */
  #refuseNul(first: number, count: number): void {
    const { offsets, validity } = this;
    const bytes = this.values.bytes.subarray(0, offsets[first + count]!);
    let row = first;
    for (let nul = bytes.indexOf(0, offsets[first]!); nul !== -1; nul = bytes.indexOf(0, offsets[row]!)) {
      while (offsets[row + 1]! <= nul) {
        row++;
      }
      if (validity === null || validity.isSet(row)) {
        throw valueError(
          this.place,
          row,
          UNSTORABLE_NUL,
          `${this.value(row).length} bytes, U+0000 at ${nul - offsets[row]!}`,
        );
      }
      row++; // What lies under a NULL does not count.
      if (row === first + count) {
        return;
      }
    }
  }
}
