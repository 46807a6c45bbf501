import type { BytesLayout } from "../../arrow/type.ts";
import type { BatchReader } from "../batch-reader.ts";
import type { Bitmap } from "../bitmap.ts";
import { BytesColumn } from "../bytes-column.ts";
import { measureFixed, NULL_FIELD, type ScalarColumn, type ScalarType } from "../column.ts";
import { checkFieldLength, FIELD_LIMIT, type Place } from "../place.ts";
import { copyBytes, type Region, regionOf } from "../region.ts";

/** Arrow Binary, LargeBinary and BinaryView as bytea. */
export function binary(layout: BytesLayout): ScalarType {
  return {
    name: "bytea",
    oid: 17,
    bind: (reader, rowCount, place) => new BinaryColumn(layout, reader, rowCount, place),
  };
}

/** Arrow FixedSizeBinary(width) as bytea. */
export function fixedSizeBinary(width: number): ScalarType {
  return {
    name: "bytea",
    oid: 17,
    bind: (reader, rowCount, place) => new FixedSizeBinaryColumn(width, reader, rowCount, place),
  };
}

class BinaryColumn extends BytesColumn implements ScalarColumn {
  json(row: number): string {
    return hexJson(this.value(row), this.place, row);
  }
}

class FixedSizeBinaryColumn implements ScalarColumn {
  readonly place: Place;
  validity: Bitmap | null;
  readonly #width: number;
  readonly #values: Region;

  constructor(width: number, reader: BatchReader, rowCount: number, place: Place) {
    this.place = place;
    this.#width = width;
    this.validity = reader.validity(reader.node(rowCount));
    this.#values = regionOf(reader.bytes(rowCount * width));
  }

  measure(sizes: Float64Array, first: number, count: number): number {
    for (let row = first; this.#width >= FIELD_LIMIT && row < first + count; row++) {
      if (this.validity === null || this.validity.isSet(row)) {
        checkFieldLength(this.#width, this.place, row);
      }
    }
    return measureFixed(this.#width, this.validity, sizes, first, count);
  }

  write(target: Region, cursor: Int32Array, first: number, count: number): void {
    const validity = this.validity;
    const width = this.#width;
    const values = this.#values;
    const { view } = target;
    for (let i = 0; i < count; i++) {
      const at = cursor[i]!;
      if (validity !== null && !validity.isSet(first + i)) {
        view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      view.setInt32(at, width);
      copyBytes(values, (first + i) * width, target, at + 4, width);
      cursor[i] = at + 4 + width;
    }
  }

  json(row: number): string {
    const value = this.#values.bytes.subarray(row * this.#width, (row + 1) * this.#width);
    return hexJson(value, this.place, row);
  }
}

function hexJson(bytes: Uint8Array, place: Place, row: number): string {
  place.json.take(1, 2 * bytes.length, place, row);
  return `"0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}"`;
}
