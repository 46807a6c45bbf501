import { broken } from "./message-bytes.ts";

/** "PGCOPY\n\377\r\n\0", flags, and the length of what may follow them. */
const SIGNATURE = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1");
const HEADER_BYTES = SIGNATURE.length + 8;

/**
 * Rows of COPY in its binary format, from pieces that end anywhere. What is not whole yet is held in pieces, and put
 * together once: a row may be hundreds of megabytes.
 */
export class BinaryCopy {
  readonly #columns: number;
  #pieces: Buffer[] = [];
  #held = 0;
  /** So much has to be there before it is worth a look. */
  #wanted = HEADER_BYTES;
  #isBegun = false;
  /** Of the row that comes. */
  #fields: Buffer[] = [];
  #left = 0;
  #isOver = false;

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** The rows that are whole with this piece. */
  *add(piece: Buffer): Generator<readonly Buffer[]> {
    this.#pieces.push(piece);
    this.#held += piece.length;
    while (this.#held >= this.#wanted && !this.#isOver) {
      if (!this.#isBegun) this.#begin();
      else if (this.#left === 0) this.#beginRow();
      else if (this.#field()) yield this.#fields;
    }
  }

  #begin(): void {
    const header = this.#take(HEADER_BYTES);
    const isOurs = header.subarray(0, SIGNATURE.length).equals(SIGNATURE);
    if (!isOurs || header.readUInt32BE(HEADER_BYTES - 4) !== 0)
      broken("rows in a form that was not asked for");
    this.#isBegun = true;
    this.#wanted = 2;
  }

  #beginRow(): void {
    const columns = this.#take(2).readInt16BE();
    this.#isOver = columns === -1;
    if (!this.#isOver && columns !== this.#columns) broken(`a row of ${columns} columns`);
    this.#left = this.#columns;
    this.#fields = [];
    this.#wanted = 4;
  }

  /** True if it is the last one of its row. */
  #field(): boolean {
    const length = this.#peek(4).readInt32BE();
    if (length < 0) broken("a row without a value");
    this.#wanted = 4 + length;
    if (this.#held < this.#wanted) return false;
    this.#fields.push(this.#take(this.#wanted).subarray(4));
    this.#left--;
    this.#wanted = this.#left === 0 ? 2 : 4;
    return this.#left === 0;
  }

  #take(bytes: number): Buffer {
    const taken = this.#peek(bytes);
    this.#held -= bytes;
    this.#pieces[0] = this.#pieces[0]!.subarray(bytes);
    return taken;
  }

  /** What comes next, in one piece. */
  #peek(bytes: number): Buffer {
    if (this.#pieces[0]!.length < bytes) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0]!.subarray(0, bytes);
  }
}
