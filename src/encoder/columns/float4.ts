import type { BatchReader } from "../batch-reader.ts";
import type { ScalarType } from "../column.ts";
import { FixedColumn } from "../fixed-column.ts";
import { jsonNumber } from "../json-number.ts";
import type { Place } from "../place.ts";

/** Arrow Float32 as real, bit by bit: NaN, infinities and -0 included. */
export const float32: ScalarType = {
  name: "real",
  oid: 700,
  bind: (reader, rowCount, place) => new Float4Column(reader, rowCount, place, (r, n) => r.words(n)),
};

/** Arrow Float16 as real, which holds all its values. */
export const float16: ScalarType = {
  name: "real",
  oid: 700,
  bind: (reader, rowCount, place) =>
    new Float4Column(reader, rowCount, place, (r, n) =>
      r.integers({ kind: "int", bits: 16, signed: false }, n).map(widened),
    ),
};

class Float4Column extends FixedColumn {
  protected readonly payloadBytes = 4;
  /** The bits of the floats. */
  readonly #words: Int32Array;
  readonly #float = new DataView(new ArrayBuffer(4));

  constructor(
    reader: BatchReader,
    rowCount: number,
    place: Place,
    bits: (reader: BatchReader, count: number) => Int32Array,
  ) {
    super(reader, rowCount, place);
    this.#words = bits(reader, rowCount);
  }

  protected put(view: DataView, at: number, row: number): void {
    view.setInt32(at, this.#words[row]!);
  }

  /** The fewest digits that are read back as the same float. */
  json(row: number): string {
    this.#float.setInt32(0, this.#words[row]!);
    const value = this.#float.getFloat32(0);
    let shortest = value;
    for (let digits = 9; digits >= 1; digits--) {
      const rounded = Number(value.toPrecision(digits));
      if (Math.fround(rounded) !== value) {
        break;
      }
      shortest = rounded;
    }
    return jsonNumber(shortest);
  }
}

/** Widens a half of 16 bits: sign, 5 bits of exponent, 10 of fraction; a float has 8 and 23. */
function widened(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) {
    return sign | 0x7f800000 | (fraction << 13); // Infinity or NaN.
  }
  if (exponent !== 0) {
    return sign | ((exponent + 127 - 15) << 23) | (fraction << 13);
  }
  if (fraction === 0) {
    return sign;
  }
  const shift = Math.clz32(fraction) - 21; // A subnormal half is a normal float.
  return sign | ((127 - 14 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
