/** Points at which tests interrupt a pass: the boundaries between the statements of a pass and of its commits. */
export const FAULT_POINTS = [
  /** The lease is acquired; nothing has been read or written. */
  "lease_acquired",
  /** The server has sent the columns; the target may not exist yet. */
  "before_prepare_target",
  "target_prepared",
  /** A request of an HTTP source may be sent; it has not been. */
  "permit_taken",
  /** Its answer is here, and the database knows nothing of it. */
  "answer_received",
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
  /** The pass of capture knows where to begin; the slot is not its own yet. */
  "capture_begun",
  /** Slot and generation are its own; nothing has been read. */
  "capture_taken",
  /** Lines of a large transaction are about to be stored ahead of it … */
  "capture_before_store",
  /** … and are stored. */
  "capture_stored",
  /** Transactions are about to go into the log … */
  "capture_before_commit",
  /** … are in it, and the server knows nothing of it … */
  "capture_committed",
  /** … and has been told. */
  "capture_acknowledged",
  /** How far idle WAL was read is stored; the server knows nothing of it. */
  "capture_before_idle",
  "capture_idle_stored",
  /** The pass of capture is over; the database does not know. */
  "capture_before_end",
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Called at each fault point that a pass reaches. Tests stop a worker there; in production it does nothing. */
export interface Faults {
  reach(point: FaultPoint): void | Promise<void>;
}

export const NO_FAULTS: Faults = { reach() {} };
