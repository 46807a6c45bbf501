import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** In the file of control: the next transaction id, of the checkpoint at which the server was stopped. */
const NEXT_XID_AT = 64;
/** Its sum is the last of what it holds; how much that is differs from release to release. */
const LEAST_BYTES = 128;
const MOST_BYTES = 512;

/**
 * As `pg_resetwal -e`: transaction ids of a server, which is stopped, go on above 2^32. That program does not come with the
 * server that tests have.
 */
export async function raiseXidEpoch(dataDir: string): Promise<void> {
  const path = join(dataDir, "global", "pg_control");
  const control = await readFile(path);
  const sumAt = placeOfSum(control);
  control.writeBigUInt64LE(control.readBigUInt64LE(NEXT_XID_AT) + 0x1_0000_0000n, NEXT_XID_AT);
  control.writeUInt32LE(crc32c(control.subarray(0, sumAt)), sumAt);
  await writeFile(path, control); // The file that is there, so that its owner stays.
}

function placeOfSum(control: Buffer): number {
  for (let at = LEAST_BYTES; at < MOST_BYTES; at += 4) {
    if (crc32c(control.subarray(0, at)) === control.readUInt32LE(at)) return at;
  }
  throw new Error("the file of control has no sum");
}

function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}
