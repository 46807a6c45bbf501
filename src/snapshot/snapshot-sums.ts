import { rowsIn } from "./chunk-cutter.ts";

/** Of keys that are kept for people. */
const KEY_CHARACTERS = 200;
const TAB = "\t";

/** Sums of a snapshot, chunk by chunk: what ampsync.hydrations shows of it. */
export class SnapshotSums {
  readonly #hash: (text: Uint8Array) => bigint;
  /** Places of the key's columns in a row. */
  readonly #keys: readonly number[];
  readonly #hashes: string[] = [];
  #rows = 0;
  #bytes = 0;
  #firstKey: readonly string[] | null = null;
  #lastKey: readonly string[] | null = null;

  constructor(hash: (text: Uint8Array) => bigint, keys: readonly number[]) {
    this.#hash = hash;
    this.#keys = keys;
  }

  /** What is stored beside a chunk. */
  add(chunk: Buffer): { readonly n: number; readonly rows: number; readonly xxh64: string } {
    const n = this.#hashes.length;
    const xxh64 = this.#hexOf(chunk);
    const rows = rowsIn(chunk);
    this.#hashes.push(xxh64);
    this.#rows += rows;
    this.#bytes += chunk.length;
    this.#firstKey ??= this.#keyOf(chunk.subarray(0, chunk.indexOf("\n")));
    this.#lastKey = this.#keyOf(chunk.subarray(chunk.lastIndexOf("\n", -2) + 1, -1));
    return { n, rows, xxh64 };
  }

  /** As `finish_snapshot` reads them. */
  get total() {
    const checksum = this.#hexOf(Buffer.from(this.#hashes.join("")));
    return {
      chunks: this.#hashes.length,
      rows: String(this.#rows),
      bytes: String(this.#bytes),
      checksum,
      statistics: {
        rows: String(this.#rows),
        bytes: String(this.#bytes),
        first_key: this.#firstKey,
        last_key: this.#lastKey,
      },
    };
  }

  #hexOf(text: Uint8Array): string {
    return this.#hash(text).toString(16).padStart(16, "0");
  }

  #keyOf(row: Buffer): readonly string[] {
    const fields = row.toString().split(TAB);
    return this.#keys.map((place) => (fields[place] ?? "").slice(0, KEY_CHARACTERS));
  }
}
