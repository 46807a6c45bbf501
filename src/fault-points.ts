/** Where the work of a pass can be interrupted: the statement boundaries of a pass and of its commits. */
export const FAULT_POINTS = [
  /** The lease is ours; nothing was read or written. */
  "lease_acquired",
  /** The server told the columns; the target may not exist yet. */
  "before_prepare_target",
  "target_prepared",
  /** Rows wait; their transaction has no connection yet. */
  "before_connect",
  /** begin_apply has run, replaced blocks are deleted, COPY waits for rows. */
  "copy_begun",
  /** Some rows are written, more may come. */
  "chunk_written",
  /** All rows are written; COPY is not told so. */
  "before_trailer",
  /** commit_apply and COMMIT are under way; their answer has not come. */
  "commit_sent",
  /** Committed; this process takes no notice of it yet. */
  "commit_answered",
  /** The pass is over; the lease is still held. */
  "before_end_pass",
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Told at each point a pass comes by. Tests stop a worker there; in production nothing happens. */
export interface Faults {
  reach(point: FaultPoint): void | Promise<void>;
}

export const NO_FAULTS: Faults = { reach() {} };
