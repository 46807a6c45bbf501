import { promisify } from "node:util";
import { brotliDecompress, gunzip } from "node:zlib";

import { AmpsyncError } from "../errors.ts";
import { type HttpHeaders, headerOf } from "./answer.ts";
import { tooLarge } from "./too-large.ts";

/** What requests ask for. `deflate` is two formats under one name, and nobody serves zstd alone. */
export const ACCEPTED_ENCODINGS = "gzip, br";

/** Each multiplies the work that one byte can cause. */
const MOST_ENCODINGS = 5;
const CHUNK_BYTES = 256 * 1024;

const DECODERS = {
  gzip: promisify(gunzip),
  "x-gzip": promisify(gunzip),
  br: promisify(brotliDecompress),
} as const;

/**
 * Undoes the encodings of a body, each within the limit: a body of a few bytes can stand for gigabytes. Throws what
 * zlib throws where the body is not what its headers say, or not all of it. No body is in no encoding, whatever they say.
 */
export async function decompress(
  body: Uint8Array,
  headers: HttpHeaders,
  maxBytes: number,
): Promise<Uint8Array> {
  if (body.length === 0) return body;
  const names = (headerOf(headers, "content-encoding") ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
  const decoders = names.map((name) => Object.entries(DECODERS).find(([known]) => known === name)?.[1]);
  if (names.length > MOST_ENCODINGS || decoders.includes(undefined)) {
    throw new AmpsyncError(
      "SY303",
      `the body is encoded as ${names.slice(0, MOST_ENCODINGS + 1).join(", ")}`,
      {
        detail: `Requests ask for ${ACCEPTED_ENCODINGS}; at most ${MOST_ENCODINGS} are undone, one after the other.`,
        hint: "Retried automatically. Check the server, and any proxy in front of it.",
      },
    );
  }
  let decoded = body;
  for (const decode of decoders.toReversed()) {
    try {
      decoded = await decode!(decoded, { maxOutputLength: maxBytes, chunkSize: CHUNK_BYTES });
    } catch (cause) {
      throw cause instanceof RangeError ? tooLarge(maxBytes, "after decompression", cause) : cause;
    }
  }
  return decoded;
}
