/** What one commit took in, and how long PostgreSQL took for it. */
export interface CommitSize {
  readonly microbatches: number;
  readonly rows: number;
  readonly bytes: number;
  /** Opening the transaction and handing over its rows, without waiting for more of them. */
  readonly copyMs: number;
  /** From the end of its rows to the answer to COMMIT. */
  readonly commitMs: number;
}
