import { Slice } from "../model/slice.ts";
import { tooLarge } from "../model/too-large.ts";
import type { ByteSink } from "./byte-sink.ts";

/** Encoded bytes after which the encoder pauses, so that other work runs and the sink is asked for room. */
const PART_BYTES = 2 * 1024 * 1024;

/**
 * The largest encoded size of a batch: this multiple of its body, or this many bytes
 * if that is more. Views, runs and dictionaries let many rows share one value, and
 * a NULL or a boolean takes a bit.
 */
const MAX_EXPANSION = 8;
const MAX_ENCODED_BYTES = 2 ** 30;

/** Milliseconds of work on one batch, whatever makes it slow. */
const MAX_WORK_MS = 120_000;

/** The work on one batch: says when to pause for others, and refuses to go beyond its limits of bytes and time. */
export class EncodeWork {
  readonly #sink: ByteSink;
  readonly #maxBytes: number;
  readonly #slice = new Slice();
  /** Rows encoded since the last pause; rejected rows do not count. */
  rows = 0;
  #bytes = 0;
  #pausedAt = 0;
  #ms = 0;

  constructor(sink: ByteSink, bodyBytes: number) {
    this.#sink = sink;
    this.#maxBytes = Math.max(MAX_ENCODED_BYTES, MAX_EXPANSION * bodyBytes);
  }

  reserve(size: number): { readonly bytes: Uint8Array; readonly at: number } {
    this.#bytes += size;
    if (this.#bytes > this.#maxBytes) {
      throw tooLarge("A record batch becomes", this.#bytes, "bytes or more", this.#maxBytes);
    }
    return this.#sink.reserve(size);
  }

  get isDue(): boolean {
    return this.#bytes - this.#pausedAt >= PART_BYTES || this.#slice.isOver;
  }

  /** Yields the rows encoded since the last pause. */
  *pause(): Generator<number, void> {
    this.#ms += this.#slice.elapsedMs;
    if (this.#ms > MAX_WORK_MS) {
      throw tooLarge("A record batch takes", Math.round(this.#ms), "ms or more to encode", MAX_WORK_MS);
    }
    const { rows } = this;
    this.rows = 0;
    this.#pausedAt = this.#bytes;
    yield rows;
    this.#slice.begin();
  }
}
