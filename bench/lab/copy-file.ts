import { randomFillSync } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

import { to as copyTo } from "pg-copy-streams";

import type { Database } from "./lab.ts";

/** The signature, the flags and an empty extension. */
export const COPY_HEADER = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
/** A field count of -1. */
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

/** Rows that a tool with a temporary table writes in one transaction. */
export const TEMP_TABLE_ROWS = 10_000;

const READ_BYTES = 16 * 2 ** 20;
const POOL_BYTES = 2 ** 20;
const ID_BYTES = 16;
/** A row begins with its field count and the length of its first field. */
const ID_AT = 6;

/** The very bytes: what COPY reads back is what COPY was fed, in the same order and format. */
export async function writeCopyFile(database: Database, table: string, file: string): Promise<void> {
  await pipeline(
    database.client.query(copyTo(`copy ${table} to stdout (format binary)`)),
    createWriteStream(file),
  );
}

/**
 * The same rows with random keys in place of `_id`, in batches: the length of each, then its rows
 * without header and trailer.
 */
export async function writeBatches(from: string, to: string, rowsPerBatch: number): Promise<void> {
  await using source = await open(from);
  await using target = await open(to, "w");
  const pool = randomFillSync(Buffer.alloc(POOL_BYTES));
  let pooled = 0;
  let rest: Buffer = Buffer.alloc(0);
  let batch: Buffer[] = [];
  let rows = 0;

  const flush = async () => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(batch.reduce((sum, part) => sum + part.length, 0));
    await target.writev([length, ...batch]);
    batch = [];
    rows = 0;
  };
  for (let position = COPY_HEADER.length; ; ) {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const { bytesRead } = await source.read(buffer, 0, READ_BYTES, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    let done = 0;
    for (let end = rowEnd(bytes, 0); end !== null; end = rowEnd(bytes, end)) {
      if (pooled + ID_BYTES > POOL_BYTES) {
        randomFillSync(pool);
        pooled = 0;
      }
      pool.copy(bytes, done + ID_AT, pooled, pooled + ID_BYTES);
      pooled += ID_BYTES;
      batch.push(bytes.subarray(done, end));
      rows += 1;
      done = end;
      if (rows === rowsPerBatch) await flush();
    }
    rest = bytes.subarray(done);
  }
  if (rows > 0) await flush();
}

/** Where the row ends that starts at `at`; null if it is not all there, or is the trailer. */
function rowEnd(bytes: Buffer, at: number): number | null {
  if (at + 2 > bytes.length) return null;
  const fields = bytes.readInt16BE(at);
  if (fields < 0) return null;
  let end = at + 2;
  for (let field = 0; field < fields; field++) {
    if (end + 4 > bytes.length) return null;
    end += 4 + Math.max(bytes.readInt32BE(end), 0);
  }
  return end <= bytes.length ? end : null;
}
