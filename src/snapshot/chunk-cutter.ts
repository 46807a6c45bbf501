const NEWLINE = 10;

/**
 * Cuts the text of COPY into chunks of whole rows: as many as fit, and at least one. A row ends with a newline, and
 * has none within.
 */
export class ChunkCutter {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #held = 0;
  /** Bytes known to be without the end of a row, beyond the limit. */
  #searched = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The chunks that are whole with this piece. */
  *add(piece: Buffer): Generator<Buffer> {
    this.#pieces.push(piece);
    this.#held += piece.length;
    while (this.#held > this.#limit) {
      const text = this.#joined();
      const end = this.#endOfRows(text);
      if (end === 0) return;
      yield text.subarray(0, end);
      this.#pieces = [text.subarray(end)];
      this.#held = text.length - end;
      this.#searched = 0;
    }
  }

  /** What is left: the last chunk, or none. */
  *rest(): Generator<Buffer> {
    if (this.#held > 0) yield this.#joined();
    this.#pieces = [];
    this.#held = 0;
  }

  #joined(): Buffer {
    const [only] = this.#pieces;
    if (this.#pieces.length === 1 && only !== undefined) return only;
    const text = Buffer.concat(this.#pieces, this.#held);
    this.#pieces = [text];
    return text;
  }

  /** Where the last row ends within the limit, or else the first one; 0: it is not whole yet. */
  #endOfRows(text: Buffer): number {
    if (this.#searched === 0) {
      const last = text.lastIndexOf(NEWLINE, this.#limit - 1);
      if (last >= 0) return last + 1;
    }
    const first = text.indexOf(NEWLINE, Math.max(this.#searched, this.#limit));
    this.#searched = text.length;
    return first + 1;
  }
}

/** How many rows a text of COPY has. */
export function rowsIn(text: Buffer): number {
  let rows = 0;
  for (let at = text.indexOf(NEWLINE); at >= 0; at = text.indexOf(NEWLINE, at + 1)) rows++;
  return rows;
}
