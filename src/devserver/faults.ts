import type { status } from "@grpc/grpc-js";

import type { WireMetadata } from "./flight/app-metadata.ts";

/** Which servers the answers look like. */
export type Generation = "2025-10" | "2025-11" | "2026";

/**
 * What the server does differently from a well-behaved one of 2026. Tests set
 * these on a running server; each takes effect with the next message it concerns.
 */
export interface Faults {
  /** The tables whose answers they spoil; null: all. */
  tables: readonly string[] | null;
  /**
   * Answers are those of an older generation: no `prev_hash`, no `timestamp`, no
   * metadata on batch queries, and for a chain without blocks a schema and then a
   * clean end. Those of October 2025 send up to 100,000 blocks a microbatch.
   */
  generation: Generation;

  /** Both calls are refused as UNAUTHENTICATED unless they bear this token; null: nobody is asked. */
  token: string | null;
  /** The `amp-resume` header is lost on its way. */
  dropResumeHeader: boolean;
  /** Streams that were given a cursor fail before their first message. */
  refuseResume: boolean;

  /** Wait before each message, in milliseconds. */
  delayMs: number;
  /** How answers break off; null: they do not. */
  breaks: Break | null;
  /** A stream ends without an error when it reaches the head. */
  endAtHead: boolean;

  /** The chain looks as if it had no block: `ranges: []`, complete, and the end. */
  noData: boolean;
  /** Orphans are not stored: a rewind goes back to the cursor's own block only. */
  lostOrphans: boolean;
  /** Blocks of a microbatch, in place of the server's setting. */
  blocksPerMicrobatch: number | null;
  /** Rows of a record batch, in place of as many as fit into 2 MiB. */
  rowsPerBatch: number | null;
  /** Empty batches sent at the beginning of each microbatch. */
  keepAlives: number;
  /** The schema is sent with the first microbatch instead of at once. */
  lateSchema: boolean;
  /** Each microbatch is sent once more when it is finished: its last message, or all of them. */
  repeats: "watermark" | "rows" | null;
  /** Each microbatch is begun as a shorter one, which is given up after its first rows. */
  interrupts: boolean;

  /** Ranges say `prev_hash: null`, as servers of 2025 may. */
  noPrevHash: boolean;
  /** Ranges have no `timestamp`. */
  noTimestamp: boolean;
  /** Rewrites the metadata of each record batch of a stream; `lies.ts` has a collection. */
  lie: Lie | null;
}

/** After so many … it breaks off. */
export interface Break {
  readonly after: number;
  /** Messages or rows of the whole answer, or record batches with rows of one microbatch. */
  readonly unit: "messages" | "rows" | "batches";
  /** `stall`: nothing more comes, the connection stays. `end`: as if all was said. Or an error. */
  readonly how: "stall" | "end" | { readonly code: status; readonly details: string };
}

/** What is sent in place of the truth. Null sends no metadata at all. */
export type Lie = (truth: WireMetadata) => unknown;

export function noFaults(): Faults {
  return {
    tables: null,
    generation: "2026",
    token: null,
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
    lie: null,
  };
}

const NONE: Readonly<Faults> = noFaults();

/** The faults as they are now, for an answer about this table. */
export function faultsOf(faults: Faults, table: string): Readonly<Faults> {
  return faults.tables === null || faults.tables.includes(table) ? faults : NONE;
}
