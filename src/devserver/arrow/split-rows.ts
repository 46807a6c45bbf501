import type { EncodedBatch } from "./ipc.ts";

/** The rows of some canonical blocks, which do not change when the chain moves on. */
export interface Rows {
  readonly count: number;
  /** Rows `from .. to` (exclusive) as one batch. */
  encode(from: number, to: number): EncodedBatch;
}

/** The size of one message that a server aims for. */
const TARGET_BYTES = 2 * 1024 * 1024;

/** How many rows to try first, before their size is known. */
const FIRST_TRY = 4096;

/**
 * The rows as batches of at most 2 MiB, in order. The row count follows from the size
 * of the rows sent so far; a single larger row is sent alone. With `rowsPerBatch` each
 * batch has that many rows, however large.
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
    size = Math.max(1, Math.floor(fitting * 0.95)); // Rows differ in size: leave some room.
  }
}
