const NULL_FIELD = -1;

/** A row begins with the number of its fields. The key takes 20 bytes in either form: `_id`, or `_tx_id` and `_row_index`. */
const KEY_AT = 2;
const ID_BYTES = 16;
const BLOCK_NUM_END_AT = KEY_AT + 20 + (4 + 8);

/** Rows in the binary format of COPY as the encoder writes them, without header and trailer. */
export class CopyRows {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where each row starts, and where the last one ends. */
  readonly #starts: number[] = [0];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const fields = this.#view.getInt16(at);
      at += 2;
      for (let field = 0; field < fields; field++) {
        at += 4 + Math.max(this.#view.getInt32(at), 0);
      }
      this.#starts.push(at);
    }
  }

  get count(): number {
    return this.#starts.length - 1;
  }

  /** The bytes of the rows from `from` up to, but not including, `to`. */
  bytes(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[from], this.#starts[to]);
  }

  /** The fields of a row; null for NULL. */
  fields(row: number): readonly (Uint8Array | null)[] {
    let at = this.#starts[row]! + 2;
    return Array.from({ length: this.#view.getInt16(at - 2) }, () => {
      const length = this.#view.getInt32(at);
      const begin = at + 4;
      at = begin + Math.max(length, 0);
      return length === NULL_FIELD ? null : this.#bytes.subarray(begin, at);
    });
  }

  /** The value of `_block_num_end`. */
  block(row: number): bigint {
    return this.#view.getBigInt64(this.#starts[row]! + BLOCK_NUM_END_AT + 4);
  }

  /** What the row contributes to the xor of a ledger: the end of `_id`, or nothing. */
  idTail(row: number): bigint {
    const key = this.#starts[row]! + KEY_AT;
    return this.#view.getInt32(key) === ID_BYTES ? this.#view.getBigInt64(key + 4 + 8) : 0n;
  }

  /** One row alone, with some of its fields set to NULL. */
  withNulls(row: number, nulls: ReadonlySet<number>): CopyRows {
    const start = this.#starts[row]!;
    const parts = [this.#bytes.subarray(start, start + 2)];
    for (const [field, value] of this.fields(row).entries()) {
      const isNull = value === null || nulls.has(field);
      const length = Buffer.alloc(4);
      length.writeInt32BE(isNull ? NULL_FIELD : value.length);
      parts.push(length, ...(isNull ? [] : [value]));
    }
    return new CopyRows(Buffer.concat(parts));
  }
}
