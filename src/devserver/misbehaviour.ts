import type { status } from "@grpc/grpc-js";

import type { WireMetadata } from "./flight/app-metadata.ts";

/** The servers whose answers are imitated. */
export type Generation = "2025-10" | "2025-11" | "2026";

/**
 * How the server differs from a well-behaved one of 2026. Tests set these members on a
 * running server; each takes effect with the next message it concerns.
 */
export interface Misbehaviour {
  /** The tables whose answers are affected; null: all of them. */
  tables: readonly string[] | null;
  /**
   * Answers are those of an older generation: no `prev_hash`, no `timestamp`, no
   * metadata on batch queries, and for a chain without blocks a schema followed by a
   * clean end. The Admin API and the references of tables in SQL are those of the generation. Servers of October 2025
   * send up to 100,000 blocks per microbatch.
   */
  generation: Generation;

  /**
   * Both calls are refused as UNAUTHENTICATED unless they carry this token, and requests to the Admin API with 401;
   * null: no token is needed.
   */
  token: string | null;
  /** The Admin API answers everything with this status; null: as it should. */
  adminFailure: { readonly status: number; readonly retryAfterS?: number } | null;
  /** The `amp-resume` header is ignored, as if it had been lost on the way. */
  dropResumeHeader: boolean;
  /** Streams that were given a cursor fail before their first message. */
  refuseResume: boolean;

  /** Delay before each message, in milliseconds. */
  delayMs: number;
  /** Where and how answers break off; null: they do not. */
  breaks: Break | null;
  /** A stream ends without an error when it reaches the head. */
  endAtHead: boolean;

  /** The chain looks as if it had no blocks: `ranges: []`, complete, then the end. */
  noData: boolean;
  /** Orphans are not stored: a rewind goes back only to the block of the cursor. */
  lostOrphans: boolean;
  /** Blocks per microbatch, instead of the server's setting. */
  blocksPerMicrobatch: number | null;
  /** Rows per record batch, instead of as many as fit into 2 MiB. */
  rowsPerBatch: number | null;
  /** Empty batches sent at the beginning of each microbatch. */
  keepAlives: number;
  /** The schema is sent with the first microbatch instead of at once. */
  lateSchema: boolean;
  /** Each finished microbatch is sent a second time: only its last message, or all of them. */
  repeats: "watermark" | "rows" | null;
  /** Each microbatch begins as a shorter one, which is abandoned after its first rows. */
  interrupts: boolean;

  /** Ranges say `prev_hash: null`, as servers of 2025 may. */
  noPrevHash: boolean;
  /** Ranges have no `timestamp`. */
  noTimestamp: boolean;
  /** Replaces the metadata of each record batch of a stream; `tests/support/chain/false-metadata.ts` has a collection. */
  falseMetadata: FalseMetadata | null;
}

/** An answer breaks off after this many units. */
export interface Break {
  readonly after: number;
  /** Messages or rows of the whole answer, or non-empty record batches of one microbatch. */
  readonly unit: "messages" | "rows" | "batches";
  /** `stall`: nothing more is sent, the connection stays open. `end`: as if everything had been sent. Or an error. */
  readonly how: "stall" | "end" | { readonly code: status; readonly details: string };
}

/** Makes the metadata that is sent instead of the true one; null sends no metadata at all. */
export type FalseMetadata = (truth: WireMetadata) => unknown;

export function noMisbehaviour(): Misbehaviour {
  return {
    tables: null,
    generation: "2026",
    token: null,
    adminFailure: null,
    dropResumeHeader: false,
    refuseResume: false,
    delayMs: 0,
    breaks: null,
    endAtHead: false,
    noData: false,
    lostOrphans: false,
    blocksPerMicrobatch: null,
    rowsPerBatch: null,
    keepAlives: 0,
    lateSchema: false,
    repeats: null,
    interrupts: false,
    noPrevHash: false,
    noTimestamp: false,
    falseMetadata: null,
  };
}

const NONE: Readonly<Misbehaviour> = noMisbehaviour();

/** The misbehaviour that an answer about this table shows now. */
export function misbehaviourOf(misbehaviour: Misbehaviour, table: string): Readonly<Misbehaviour> {
  return misbehaviour.tables === null || misbehaviour.tables.includes(table) ? misbehaviour : NONE;
}
