import type { EncodedBatch } from "./ipc.ts";

/** The rows of some canonical blocks; they stay the same when the chain moves on. */
export interface Rows {
  readonly count: number;
  /** Rows `from .. to` (exclusive) as one batch. */
  encode(from: number, to: number): EncodedBatch;
}

/** What a server aims at for one message. */
const TARGET_BYTES = 2 * 1024 * 1024;

/** How many rows are tried before anything is known about their size. */
const FIRST_TRY = 4096;

/**
 * The rows as batches of at most 2 MiB, in order. Split by row count, following
 * the size of what was sent so far; a single larger row is sent alone. With
 * `rowsPerBatch` that many rows each, however large.
 */
export function* splitRows(rows: Rows, rowsPerBatch: number | null = null): Generator<EncodedBatch> {
  if (rowsPerBatch !== null) {
    for (let from = 0; from < rows.count; from += rowsPerBatch) {
      yield rows.encode(from, Math.min(from + rowsPerBatch, rows.count));
    }
    return;
  }
  let from = 0;
  let size = FIRST_TRY;
  while (from < rows.count) {
    const to = Math.min(from + size, rows.count);
    const batch = rows.encode(from, to);
    const fitting = Math.floor(((to - from) * TARGET_BYTES) / Math.max(batch.body.length, 1));
    if (batch.body.length > TARGET_BYTES && to - from > 1) {
      size = Math.max(1, Math.min(fitting, to - from - 1));
      continue;
    }
    yield batch;
    from = to;
    size = Math.max(1, Math.floor(fitting * 0.95)); // Rows differ: leave some room.
  }
}
