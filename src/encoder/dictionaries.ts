import type { ArrowBatch, ArrowDictionary } from "../arrow/batch.ts";
import { AmpsyncError } from "../errors.ts";
import { tooLarge } from "../model/too-large.ts";

/** The limit of all dictionaries of one stream together. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The bytes that each batch of values counts at least: its message stays in memory, and is read again for each batch of rows. */
const MIN_BYTES = 16 * 1024;

/** The present dictionaries of one stream. They live as long as its connection. */
export class Dictionaries {
  readonly #batches = new Map<bigint, ArrowBatch[]>();
  #bytes = 0;

  take({ id, isDelta, batch }: ArrowDictionary): void {
    const before = this.#batches.get(id) ?? [];
    if (!isDelta) {
      this.#bytes = before.reduce((left, each) => left - bytesOf(each), this.#bytes);
      before.length = 0;
    }
    const bytes = bytesOf(batch);
    if (this.#bytes + bytes > MAX_BYTES) {
      throw isDelta
        ? grown(this.#bytes + bytes)
        : tooLarge("Dictionaries take", this.#bytes + bytes, "bytes", MAX_BYTES);
    }
    this.#bytes += bytes;
    before.push(batch);
    this.#batches.set(id, before);
  }

  /** A dictionary that has not come yet is empty: its column may hold only NULLs. */
  batches(id: bigint): readonly ArrowBatch[] {
    return this.#batches.get(id) ?? [];
  }
}

function bytesOf({ body }: ArrowBatch): number {
  return Math.max(body.buffer.byteLength, MIN_BYTES);
}

/** The error of dictionaries that grew with the age of a connection: the next connection begins with none. */
function grown(bytes: number): AmpsyncError {
  return new AmpsyncError(
    "SY104",
    `the dictionaries of this connection grew to ${bytes} bytes, and the limit is ${MAX_BYTES}`,
    { hint: "Retried automatically on a new connection." },
  );
}
