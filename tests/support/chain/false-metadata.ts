import type { WireMetadata, WireRange } from "../../../src/devserver/flight/app-metadata.ts";
import type { FalseMetadata } from "../../../src/devserver/misbehaviour.ts";

const NOBODYS_HASH = `0x${"ab".repeat(32)}`;

/** Metadata that is wrong in one way each. */
export const FALSE_METADATA = {
  /** The range begins one block later, so that a block is missing before it. */
  gap: ranges(({ numbers, ...range }) => ({
    ...range,
    numbers: { start: numbers.start + 1, end: Math.max(numbers.start + 1, numbers.end) },
  })),
  /** The range follows a block that never existed. */
  wrongParent: ranges((range) => ({ ...range, prev_hash: NOBODYS_HASH })),
  /** The range ends with a block that never existed. */
  wrongHash: ranges((range) => ({ ...range, hash: NOBODYS_HASH })),
  /** The hash has 31 bytes. */
  shortHash: ranges((range) => ({ ...range, hash: range.hash.slice(0, -2) })),
  otherNetwork: ranges((range) => ({ ...range, network: "elsewhere" })),
  /** Two ranges, of two networks. */
  twoNetworks: (truth) => ({
    ...truth,
    ranges: truth.ranges.flatMap((range) => [range, { ...range, network: "elsewhere" }]),
  }),
  /** The same range twice. */
  twoRanges: (truth) => ({ ...truth, ranges: [...truth.ranges, ...truth.ranges] }),
  startAfterEnd: ranges((range) => ({
    ...range,
    numbers: { start: range.numbers.end + 1, end: range.numbers.end },
  })),
  /** Block numbers that a double cannot hold exactly. */
  unsafeNumbers: ranges((range) => ({ ...range, numbers: { start: 2 ** 53, end: 2 ** 53 + 2 } })),
  /** No range, whether there are rows or not. */
  noRange: (truth) => ({ ...truth, ranges: [] }),
  /** No metadata at all. */
  silence: () => null,
} satisfies Record<string, FalseMetadata>;

function ranges(rewrite: (range: WireRange) => WireRange): FalseMetadata {
  return (truth: WireMetadata) => ({ ...truth, ranges: truth.ranges.map(rewrite) });
}
