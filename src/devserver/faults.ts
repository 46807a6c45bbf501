/**
 * What the server does differently from a well-behaved one of 2026. Tests set
 * these on a running server; each takes effect with the next message it concerns.
 */
export interface Faults {
  /** Orphans are not stored: a rewind goes back to the cursor's own block only. */
  lostOrphans: boolean;
  /** Ranges say `prev_hash: null`, as servers of 2025 may. */
  noPrevHash: boolean;
  /** Ranges have no `timestamp`. */
  noTimestamp: boolean;
  /** Empty batches sent at the beginning of each microbatch. */
  keepAlives: number;
  /** The schema is sent with the first microbatch instead of at once. */
  lateSchema: boolean;
  /** A stream ends without an error when it reaches the head. */
  endAtHead: boolean;
  /** The `amp-resume` header is lost on its way. */
  dropResumeHeader: boolean;
  /** Blocks of a microbatch, in place of the server's setting. */
  blocksPerMicrobatch: number | null;
}

export function noFaults(): Faults {
  return {
    lostOrphans: false,
    noPrevHash: false,
    noTimestamp: false,
    keepAlives: 0,
    lateSchema: false,
    endAtHead: false,
    dropResumeHeader: false,
    blocksPerMicrobatch: null,
  };
}
