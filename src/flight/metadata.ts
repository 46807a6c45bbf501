import { AmpsyncError } from "../errors.ts";
import { parseBounded } from "../model/bounded-json.ts";
import { BLOCK_LIMIT, type BlockHash, type BlockRange, ZERO_HASH } from "../protocol/block-range.ts";
import type { MicrobatchMetadata } from "../protocol/microbatch.ts";

const MAX_BYTES = 1024 * 1024;
const JSON_LIMITS = { depth: 64, values: 10_000 };
const HASH = /^0x[0-9a-f]{64}$/;
/** The name of a network is sent back to the server in a header, which can hold only printable ASCII. */
const NETWORK = /^[!-~]{1,100}$/;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads the `app_metadata` of one record batch; null if it is empty. Unknown keys are
 * ignored; anything else that breaks the protocol is SY101.
 */
export function parseMetadata(bytes: Uint8Array): MicrobatchMetadata | null {
  if (bytes.length === 0) {
    return null;
  }
  if (bytes.length > MAX_BYTES) {
    throw malformed(`The metadata has ${bytes.length} bytes, and the limit is ${MAX_BYTES}.`);
  }
  const document = recordOf(parseJson(bytes), "The document");
  const { ranges, ranges_complete: complete } = document;
  if (!Array.isArray(ranges)) {
    throw malformed("ranges is not an array.");
  }
  if (typeof complete !== "boolean") {
    throw malformed("ranges_complete is neither true nor false.");
  }
  return { ranges: ranges.map(parseRange), complete };
}

function parseRange(value: unknown): BlockRange {
  const range = recordOf(value, "A range");
  const numbers = recordOf(range["numbers"], "numbers");
  const start = blockNumberOf(numbers["start"], "numbers.start");
  const end = blockNumberOf(numbers["end"], "numbers.end");
  if (start > end) {
    throw malformed(`The range starts at block ${start} and ends at block ${end}.`);
  }
  const prevHash = parentHashOf(range["prev_hash"]);
  if (start === 0n && prevHash !== null && prevHash !== ZERO_HASH) {
    throw malformed("Block 0 has a parent hash.");
  }
  if (start > 0n && prevHash === ZERO_HASH) {
    throw malformed(`The parent hash of block ${start} is zero.`);
  }
  return {
    network: networkOf(range["network"]),
    start,
    end,
    hash: hashOf(range["hash"], "hash"),
    prevHash,
    timestamp: timestampOf(range["timestamp"]),
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return parseBounded(UTF8.decode(bytes), JSON_LIMITS);
  } catch (cause) {
    const why = cause instanceof RangeError ? `is too large: ${cause.message}` : "is not JSON in UTF-8";
    throw malformed(`The text ${why}.`, cause);
  }
}

function recordOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(`${what} is not an object.`);
  }
  return { ...value };
}

/** JSON.parse rounds integers above 2^53, so an unsafe integer may differ from what was sent; `_id` has room for less anyway. */
function blockNumberOf(value: unknown, what: string): bigint {
  if (
    typeof value !== "number" ||
    !Number.isSafeInteger(value) ||
    value < 0 ||
    BigInt(value) >= BLOCK_LIMIT
  ) {
    throw malformed(`${what} is not a block number below 2^48 - 1: ${JSON.stringify(value)}.`);
  }
  return BigInt(value);
}

function networkOf(value: unknown): string {
  if (typeof value !== "string" || !NETWORK.test(value)) {
    throw malformed(`network is not a name: ${JSON.stringify(value)}.`);
  }
  return value.toLowerCase();
}

function parentHashOf(value: unknown): BlockHash | null {
  return value === undefined || value === null ? null : hashOf(value, "prev_hash");
}

function hashOf(value: unknown, what: string): BlockHash {
  const text = typeof value === "string" ? value.toLowerCase() : "";
  if (!isHash(text)) {
    throw malformed(`${what} is not a 32-byte hash: ${JSON.stringify(value)}.`);
  }
  return text;
}

function isHash(text: string): text is BlockHash {
  return HASH.test(text);
}

/** Timestamps are only shown, never compared: a time that cannot be read is unknown. */
function timestampOf(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
}

function malformed(detail: string, cause?: unknown): AmpsyncError {
  return new AmpsyncError("SY101", "The metadata of a record batch cannot be read", { detail, cause });
}
