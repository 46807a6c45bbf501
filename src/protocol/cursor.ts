import type { Watermark } from "./watermark.ts";

/** The text of the `amp-resume` header: the last block held in full, by network, with its hash. */
export function cursorOf(watermark: Watermark, network: string): string {
  // Written by hand, because JSON.stringify cannot write a bigint as an integer.
  return `{${JSON.stringify(network)}:{"number":${watermark.end},"hash":"${watermark.hash}"}}`;
}
