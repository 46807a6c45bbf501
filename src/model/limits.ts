const MIB = 1024 * 1024;

/** A pass ends after this long even if no other stream waits for its slot, or up to a third earlier. */
export const PASS_MS = 15 * 60_000;
/** A worker that is told to stop gives the running commit this long: the commit may wait for a foreign lock. */
export const SHUTDOWN_MS = 2_000;
/** Calls of a pass that is still not over get this long, and it gives its lease back by then, or leaves it to others. */
export const LAST_CALLS_MS = 2_000;
/** How often a head is requested while a stream of the dataset is not live … */
export const HEAD_POLL_MS = 10_000;
/** … while all are … */
export const HEAD_POLL_LIVE_MS = 60_000;
/** … and at most, if there is a reason to ask at once. */
export const HEAD_ASK_PAUSE_MS = 250;
/** A head is unknown again if it was not reported for this long. */
export const HEAD_FORGOTTEN_MS = 90_000;
/** Heartbeats renew leases … */
export const HEARTBEAT_MS = 5_000;
/** … which last this long (ampsync_private.lease_duration). */
export const LEASE_MS = 30_000;
/** A beat that failed is repeated after this long; the pause doubles … */
export const REBEAT_MS = 100;
/** … up to this: whoever is back after an outage must be so before the others look (NO_LOOK_AFTER_LOSS_MS). */
export const LONGEST_REBEAT_MS = 1_000;
/** How often a worker looks whether the others are alive … */
export const LOOK_MS = 500;
/** … but not for this long after it lost its own session: all others may have lost theirs, too. */
export const NO_LOOK_AFTER_LOSS_MS = 5_000;
/** A writer that has waited for PostgreSQL this long is checked: the server may no longer know of it. */
export const WRITER_SILENCE_MS = 30_000;
/** How often one pass connects to the server before the queue takes over with its back-off. */
export const MAX_CONNECTIONS_PER_PASS = 64;

/** How large commits grow, and how long a pass lasts. Tests make these limits small, to reach them with little data. */
export interface CommitLimits {
  /** A commit takes in further finished microbatches until it has this many rows … */
  readonly rows: number;
  /** … or bytes. */
  readonly bytes: number;
  /** A microbatch of this size is written before it is finished. */
  readonly spillBytes: number;
  /** An open transaction holds vacuum back: if it gets no bytes for this many milliseconds, it is rolled back. */
  readonly stallMs: number;
  /** A stream that waits for the server this long gives its place among those that catch up to another one. */
  readonly idleMs: number;
  /** A pass keeps its slot for at least this long. */
  readonly minPassMs: number;
  /** Requests of HTTP sources that are under way when a worker stops get so many milliseconds for their answers. */
  readonly answersMs: number;
}

export const COMMIT_LIMITS: CommitLimits = {
  rows: 100_000,
  bytes: 16 * MIB,
  spillBytes: 8 * MIB,
  stallMs: 30_000,
  idleMs: 300,
  minPassMs: 5_000,
  answersMs: 5_000,
};

/** Streams of a process that catch up at once: twice as many as write. The others wait, or follow their heads. */
export const STREAMS_CATCHING_UP = 16;

/** Encoded bytes that one stream may hold. */
export const STREAM_BYTES = 32 * MIB;
/** Encoded bytes that all streams of a process may hold … */
export const PROCESS_BYTES = 64 * MIB;
/** … beyond this many bytes per stream. */
export const STREAM_FLOOR_BYTES = 4 * MIB;

/** When pages of an HTTP source are committed. */
export interface FlushLimits {
  /** A commit begins once so many records wait … */
  readonly records: number;
  /** … or so many bytes … */
  readonly bytes: number;
  /** … or the oldest page has waited so many milliseconds. */
  readonly waitMs: number;
  /** It takes no more records than these, unless one page has more. */
  readonly mostRecords: number;
}

export const FLUSH_LIMITS: FlushLimits = {
  records: 5_000,
  bytes: 16 * MIB,
  waitMs: 5_000,
  mostRecords: 10_000,
};
/** No page is asked for while a source holds so many records … */
export const SOURCE_RECORDS = 10_000;
/** … or bytes of pages, with those under way. */
export const SOURCE_BYTES = 50 * MIB;

/** After so many bytes a source's pass asks where to go on: staging may have grown where its rows cannot be removed. */
export const STAGING_BYTES = 64 * MIB;
/** Connections to one API, unless a source may have more requests under way. */
export const CONNECTIONS = 10;

/** Bytes of messages that a process holds before its streams fetch one message at a time. */
export const RECEIVED_BYTES = 16 * MIB;

/** Silence of a database connection, in milliseconds, after which Node probes its peer every second, ten times. */
export const KEEPALIVE_AFTER_MS = 10_000;
