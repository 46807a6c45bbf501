import type { BlockRange } from "../../model/block-range.ts";
import type { Faults } from "../faults.ts";

/** The `app_metadata` of one record batch. */
export function appMetadata(ranges: readonly BlockRange[], complete: boolean, faults: Faults): Uint8Array {
  const json = {
    ranges: ranges.map((range) => ({
      numbers: { start: Number(range.start), end: Number(range.end) },
      network: range.network,
      hash: range.hash,
      prev_hash: faults.noPrevHash ? null : range.prevHash,
      ...(faults.noTimestamp || range.timestamp === null ? {} : { timestamp: range.timestamp }),
    })),
    ranges_complete: complete,
  };
  return Buffer.from(JSON.stringify(json));
}
