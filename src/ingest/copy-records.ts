import type { Page } from "./page.ts";

const CHUNK_BYTES = 1024 * 1024;

/** Two fields; the length of the first, its value, the length of the second. */
const HEAD_BYTES = 2 + 4 + 4 + 4;

/**
 * The records of these pages as rows (n integer, record text) of binary COPY, in chunks that suit the socket: `n` numbers
 * them over all pages, from 0. The memory of a chunk is used again: it must be written before the next one is asked for.
 * A page gives its memory back with the chunk after its last record.
 */
export function* copyRecords(pages: readonly Page[]): Generator<Uint8Array> {
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let used = 0;
  let n = 0;
  for (const { body, records, held } of pages) {
    const { count, starts, ends } = records;
    for (let record = 0; record < count; record++) {
      if (used + HEAD_BYTES > CHUNK_BYTES) {
        yield chunk.subarray(0, used);
        used = 0;
      }
      let from = starts[record]!;
      const end = ends[record]!;
      used = chunk.writeInt16BE(2, used);
      used = chunk.writeInt32BE(4, used);
      used = chunk.writeInt32BE(n++, used);
      used = chunk.writeInt32BE(end - from, used);
      while (from < end) {
        if (used === CHUNK_BYTES) {
          yield chunk;
          used = 0;
        }
        const taken = Math.min(end - from, CHUNK_BYTES - used);
        chunk.set(body.subarray(from, from + taken), used);
        used += taken;
        from += taken;
      }
    }
    held.release();
  }
  if (used > 0) yield chunk.subarray(0, used);
}
