import type { ByteSink } from "../../../src/encoder/byte-sink.ts";

/** Collects what an encoder writes; regions begin at odd places, filled with what must be overwritten. */
export class MemorySink implements ByteSink {
  readonly regions: Uint8Array[] = [];

  reserve(size: number): { readonly bytes: Uint8Array; readonly at: number } {
    const at = 3;
    const bytes = new Uint8Array(at + size).fill(0xee);
    this.regions.push(bytes.subarray(at));
    return { bytes, at };
  }

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.regions));
  }
}

/** The fields of COPY rows as hexadecimal text, NULL as null. */
export function parseRows(bytes: Uint8Array): (string | null)[][] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rows: (string | null)[][] = [];
  let at = 0;
  while (at < buffer.length) {
    const row: (string | null)[] = [];
    const fields = buffer.readInt16BE(at);
    at += 2;
    for (let i = 0; i < fields; i++) {
      const length = buffer.readInt32BE(at);
      at += 4;
      row.push(length === -1 ? null : buffer.toString("hex", at, at + length));
      at += Math.max(length, 0);
    }
    rows.push(row);
  }
  return rows;
}
