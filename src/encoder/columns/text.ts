import type { BytesLayout } from "../../arrow/type.ts";
import { BytesColumn } from "../bytes-column.ts";
import { MEASURED_BYTES, NULL_FIELD, type ScalarColumn, type ScalarType } from "../column.ts";
import { checkFieldLength } from "../place.ts";
import type { Region } from "../region.ts";

/** Arrow Utf8, LargeUtf8 and Utf8View as text. */
export function text(layout: BytesLayout): ScalarType {
  return {
    name: "text",
    oid: 25,
    bind: (reader, rowCount, place) => new TextColumn(layout, reader, rowCount, place),
  };
}

/** Text is checked to be UTF-8 and copied as it is, unless U+0000 has to go. */
class TextColumn extends BytesColumn implements ScalarColumn {
  /** By row, the texts that are not stored as received, kept from measuring a chunk until measuring the next one. */
  readonly #changed = new Map<number, Uint8Array>();
  #written = false;

  override measure(sizes: Float64Array, first: number, count: number): number {
    const { starts, ends, validity, values, place } = this;
    if (this.#written) {
      this.#changed.clear();
      this.#written = false;
    }
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      if (validity !== null && !validity.isSet(row)) {
        sizes[i]! += 4;
        continue;
      }
      let length = ends[row]! - starts[row]!;
      if (!isPlain(values.view, starts[row]!, ends[row]!)) {
        length = this.#storable(row).length;
      }
      checkFieldLength(length, place, row);
      sizes[i]! += 4 + length;
      bytes += length;
      if (bytes >= MEASURED_BYTES) {
        return i + 1;
      }
    }
    return count;
  }

  override write(target: Region, cursor: Int32Array, first: number, count: number): void {
    if (this.#changed.size === 0) {
      super.write(target, cursor, first, count);
      return;
    }
    this.#written = true;
    for (let i = 0; i < count; i++) {
      const row = first + i;
      const at = cursor[i]!;
      if (this.validity !== null && !this.validity.isSet(row)) {
        target.view.setInt32(at, NULL_FIELD);
        cursor[i] = at + 4;
        continue;
      }
      const bytes = this.#changed.get(row) ?? this.value(row);
      target.view.setInt32(at, bytes.length);
      target.bytes.set(bytes, at + 4);
      cursor[i] = at + 4 + bytes.length;
    }
  }

  json(row: number): string {
    this.place.json.take(1, this.ends[row]! - this.starts[row]!, this.place, row);
    return JSON.stringify(this.place.nul.text(this.value(row), this.place, row));
  }

  #storable(row: number): Uint8Array {
    const received = this.value(row);
    const bytes = this.place.nul.bytes(received, this.place, row);
    if (bytes !== received) {
      this.#changed.set(row, bytes);
    }
    return bytes;
  }
}

/** Whether all bytes are ASCII and none is U+0000: most text, found four bytes at a time. */
function isPlain(view: DataView, from: number, to: number): boolean {
  let at = from;
  for (; at + 4 <= to; at += 4) {
    const word = view.getInt32(at);
    if (((word | (word - 0x01010101)) & 0x80808080) !== 0) {
      return false;
    }
  }
  for (; at < to; at++) {
    const byte = view.getUint8(at);
    if (byte === 0 || byte >= 0x80) {
      return false;
    }
  }
  return true;
}
