import type { BlockRange } from "../../protocol/block-range.ts";
import type { Misbehaviour } from "../misbehaviour.ts";

/** `app_metadata` before it becomes JSON. */
export interface WireMetadata {
  readonly ranges: readonly WireRange[];
  readonly ranges_complete: boolean;
}

export interface WireRange {
  readonly numbers: { readonly start: number; readonly end: number };
  readonly network: string;
  readonly hash: string;
  readonly prev_hash: string | null;
  readonly timestamp?: number;
}

/** The `app_metadata` of one record batch. */
export function appMetadata(
  ranges: readonly BlockRange[],
  complete: boolean,
  misbehaviour: Readonly<Misbehaviour>,
): Uint8Array {
  const isOld = misbehaviour.generation !== "2026";
  const truth: WireMetadata = {
    ranges: ranges.map((range) => ({
      numbers: { start: Number(range.start), end: Number(range.end) },
      network: range.network,
      hash: range.hash,
      prev_hash: isOld || misbehaviour.noPrevHash ? null : range.prevHash,
      ...(isOld || misbehaviour.noTimestamp || range.timestamp === null
        ? {}
        : { timestamp: range.timestamp }),
    })),
    ranges_complete: complete,
  };
  const said = misbehaviour.falseMetadata === null ? truth : misbehaviour.falseMetadata(truth);
  return said === null ? Buffer.alloc(0) : Buffer.from(JSON.stringify(said));
}
