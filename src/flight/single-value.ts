import type { ArrowBatch } from "../arrow/batch.ts";
import { BLOCK_LIMIT, type BlockHash } from "../protocol/block-range.ts";
import { parseMetadata } from "./metadata.ts";

/** The block in the first row of a batch of one 64-bit column; null if there is none, or the value is not a block number. */
export function firstBlock(batch: ArrowBatch): bigint | null {
  const bytes = firstValue(batch, 8);
  const block = bytes === null ? -1n : Buffer.from(bytes).readBigInt64LE();
  return block >= 0n && block < BLOCK_LIMIT ? block : null;
}

/** The hash in the first row of a batch of one column of 32-byte values; null if there is none. */
export function firstHash(batch: ArrowBatch): BlockHash | null {
  const bytes = firstValue(batch, 32);
  return bytes === null ? null : `0x${Buffer.from(bytes).toString("hex")}`;
}

/** The network of a batch query's answer; null if the metadata names none, names several, or cannot be read. */
export function networkOf(metadata: Uint8Array): string | null {
  try {
    const [range, ...others] = parseMetadata(metadata)?.ranges ?? [];
    return range === undefined || others.length > 0 ? null : range.network;
  } catch {
    return null; // The metadata of a batch query need not follow the rules for streams.
  }
}

/** The bytes of the first value of the only column, unless a value of the batch is NULL. */
function firstValue({ rowCount, nodes, buffers, body }: ArrowBatch, width: number): Uint8Array | null {
  const values = buffers[1];
  if (rowCount === 0 || nodes[0]?.nullCount !== 0 || values === undefined || values.length < width) {
    return null;
  }
  const bytes = body.subarray(values.offset, values.offset + width);
  return bytes.length === width ? bytes : null; // The batch may promise more than it has.
}
