import type { BlockHash } from "../../protocol/block-range.ts";

/** The last block that a client received in full. */
export interface Position {
  readonly number: bigint;
  readonly hash: BlockHash;
}

/** Positions by network. */
export type Cursor = ReadonlyMap<string, Position>;

const HASH = /^0x[0-9a-f]{64}$/;

/** Reads the `amp-resume` header. By the protocol, a header that cannot be parsed counts as absent. */
export function parseCursor(header: string): Cursor | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(header);
  } catch {
    return null;
  }
  if (!isRecord(parsed)) {
    return null;
  }
  const cursor = new Map<string, Position>();
  for (const [network, position] of Object.entries(parsed)) {
    if (!isRecord(position)) return null;
    const { number, hash } = position;
    if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) return null;
    if (typeof hash !== "string" || !isBlockHash(hash.toLowerCase())) return null;
    // Checked in the line above.
    cursor.set(network, { number: BigInt(number), hash: hash.toLowerCase() as BlockHash });
  }
  return cursor;
}

function isBlockHash(text: string): text is BlockHash {
  return HASH.test(text);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
