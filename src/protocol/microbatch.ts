import type { BlockRange } from "./block-range.ts";

/** What the `app_metadata` of one record batch says. */
export interface MicrobatchMetadata {
  /** One range on a stream; none where a table holds no data yet. */
  readonly ranges: readonly BlockRange[];
  /** True on the watermark: every row of these ranges was sent. */
  readonly complete: boolean;
}
