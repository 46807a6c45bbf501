/** An Arrow bitmap: bit `row` is bit `row % 8`, counted from the lowest, of byte `row / 8`. */
export class Bitmap {
  readonly #bytes: Uint8Array;

  /** The bytes must hold a bit for every row that is asked for. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A bitmap of `length` rows, none of them set. */
  static none(length: number): Bitmap {
    return new Bitmap(new Uint8Array(Math.ceil(length / 8)));
  }

  /** A bitmap of `length` rows, set where `isSet` says so. */
  static of(length: number, isSet: (row: number) => boolean): Bitmap {
    const bytes = new Uint8Array(Math.ceil(length / 8));
    for (let row = 0; row < length; row++) {
      if (isSet(row)) {
        bytes[row >> 3]! |= 1 << (row & 7);
      }
    }
    return new Bitmap(bytes);
  }

  isSet(row: number): boolean {
    return (this.#bytes[row >> 3]! & (1 << (row & 7))) !== 0;
  }

  /** Only for bitmaps made by `of`: the bytes of others belong to the received batch. */
  clear(row: number): void {
    this.#bytes[row >> 3]! &= ~(1 << (row & 7));
  }
}
