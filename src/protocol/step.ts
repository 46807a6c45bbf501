import type { AmpsyncError } from "../errors.ts";
import type { MicrobatchMetadata } from "./microbatch.ts";
import type { Removal, StreamMemory } from "./stream-memory.ts";
import type { Watermark } from "./watermark.ts";

/** One record batch as the rules see it. */
export interface Message {
  /** Null where the batch carried none. */
  readonly metadata: MicrobatchMetadata | null;
  readonly rowCount: number;
}

/**
 * What one message asks of the caller, who keeps `next` where there is one.
 *
 * `flush` and `ask_own_hash` answer nothing yet: do it, then decide again.
 */
export type Step =
  /** A keep-alive, or a finished microbatch that the server repeats. */
  | { readonly kind: "ignore"; readonly next: StreamMemory }
  /** The table holds no data yet. */
  | { readonly kind: "no_data" }
  /** Take the rows. */
  | {
      readonly kind: "append";
      readonly next: StreamMemory;
      /** First message of its microbatch. */
      readonly opens: boolean;
      /** The microbatch that was open is given up, its rows with it. */
      readonly dropsOpen: boolean;
      /** Given with the message that opens the first microbatch of a pending reorg: delete before its rows are written. */
      readonly removal: Removal | null;
      /** Finished by this message. */
      readonly watermark: Watermark | null;
      /** False until a replacement reaches the lowest block known to be replaced; then old rows stay visible. */
      readonly mayCommit: boolean;
    }
  /** Commit all that is finished, call `committed`, then decide this message again. */
  | { readonly kind: "flush" }
  /** Look up the hash of this block in this stream's own rows, then call `resolveOwnHash`. */
  | { readonly kind: "ask_own_hash"; readonly block: bigint }
  /** Close the stream; connect again with this cursor (null: without). */
  | {
      readonly kind: "reconnect";
      readonly next: StreamMemory;
      readonly cursor: Watermark | null;
      readonly reason: ReconnectReason;
      readonly detail: string;
    }
  /** Hand the stream back to the queue, which retries it: SY101, the server keeps sending what does not fit. */
  | { readonly kind: "end"; readonly error: AmpsyncError }
  /** Stop and report: SY102, by the policy for deep reorgs. */
  | { readonly kind: "fail"; readonly error: AmpsyncError };

export type ReconnectReason =
  | "step_back"
  | "cursor_ignored"
  | "gap"
  | "protocol_error"
  | "reorg_during_reorg";
