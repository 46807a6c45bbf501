/** An Arrow bitmap: bit `row` is bit `row % 8`, counted from the lowest, of byte `row / 8`. */
export class Bitmap {
  readonly #bytes: Uint8Array;

  /** The bytes must hold a bit for every row that is asked for. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  isSet(row: number): boolean {
    return (this.#bytes[row >> 3]! & (1 << (row & 7))) !== 0;
  }
}
