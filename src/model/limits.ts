const MIB = 1024 * 1024;

/** A pass ends after this long even if nobody waits for its slot. */
export const PASS_MS = 15 * 60_000;
/** A worker that is told to stop gives the commit under way this long: it may wait for somebody's lock. */
export const SHUTDOWN_MS = 2_000;
/** How often the head is asked for while a stream of the dataset is not live … */
export const HEAD_POLL_MS = 10_000;
/** … while all are … */
export const HEAD_POLL_LIVE_MS = 60_000;
/** … and at most, where somebody has a reason to ask at once. */
export const HEAD_ASK_PAUSE_MS = 250;
/** A head is unknown again when nobody has heard of it for this long. */
export const HEAD_FORGOTTEN_MS = 90_000;
/** Heartbeats renew leases … */
export const HEARTBEAT_MS = 5_000;
/** … which last this long (ampsync_private.lease_duration). */
export const LEASE_MS = 30_000;
/** A writer that has waited for PostgreSQL this long is looked after: the server may not know of it any more. */
export const WRITER_SILENCE_MS = 30_000;
/** Connections of one pass to the server, before the queue takes over with its back-off. */
export const MAX_CONNECTIONS_PER_PASS = 64;

/** How large commits grow, and how long a pass lasts. Tests make them small, to have many without much data. */
export interface CommitLimits {
  /** A commit takes further finished microbatches in until it has this many rows … */
  readonly rows: number;
  /** … or bytes. */
  readonly bytes: number;
  /** An unfinished microbatch of this size begins its transaction before it is finished. */
  readonly spillBytes: number;
  /** A transaction that is open and gets no bytes for so many milliseconds holds vacuum back: it is rolled back. */
  readonly stallMs: number;
  /** A pass gives its slot away no sooner than this. */
  readonly minPassMs: number;
}

export const COMMIT_LIMITS: CommitLimits = {
  rows: 100_000,
  bytes: 16 * MIB,
  spillBytes: 8 * MIB,
  stallMs: 30_000,
  minPassMs: 5_000,
};

/** Encoded bytes that one stream may hold. */
export const STREAM_BYTES = 32 * MIB;
/** Encoded bytes that all streams of a process may hold … */
export const PROCESS_BYTES = 64 * MIB;
/** … beyond this many of each. */
export const STREAM_FLOOR_BYTES = 4 * MIB;

/** Silence of a database connection, in milliseconds, after which Node asks every second, ten times, whether its peer is there. */
export const KEEPALIVE_AFTER_MS = 10_000;
