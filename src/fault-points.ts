/** Points at which tests interrupt a pass: the boundaries between the statements of a pass and of its commits. */
export const FAULT_POINTS = [
  /** The lease is acquired; nothing has been read or written. */
  "lease_acquired",
  /** The server has sent the columns; the target may not exist yet. */
  "before_prepare_target",
  "target_prepared",
  /** Rows wait to be written; their transaction has no connection yet. */
  "before_connect",
  /** begin_apply has run, replaced blocks are deleted, and COPY waits for rows. */
  "copy_begun",
  /** Some rows are written, more may come. */
  "chunk_written",
  /** All rows are written; COPY has not been told that they are all. */
  "before_trailer",
  /** commit_apply and COMMIT were sent; their answer has not come. */
  "commit_sent",
  /** The commit is done; this process has not acted on it yet. */
  "commit_answered",
  /** The pass is over; the lease is still held. */
  "before_end_pass",
  /** The tables of a new version are planned; the database has not been told. */
  "reload_planned",
  /** A new version is taken over, or refused. */
  "reload_answered",
  /** A step of an upgrade is done, or its turn has not come; the next one has not begun. */
  "upgrade_step_answered",
  /** The rows of a resync are in place, or their turn has not come. */
  "swap_answered",
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Called at each fault point that a pass reaches. Tests stop a worker there; in production it does nothing. */
export interface Faults {
  reach(point: FaultPoint): void | Promise<void>;
}

export const NO_FAULTS: Faults = { reach() {} };
