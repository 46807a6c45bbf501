import { randomBytes } from "node:crypto";
import { realpathSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system in memory. */
const IN_MEMORY = "/dev/shm";
/** More than the databases of all tests that run at once. */
const ROOM_BYTES = 4 * 1024 ** 3;

/**
 * The path of a new data folder for a server of tests, in memory if there is room: a database is 300 files, which
 * take a disk many times as long to make.
 */
export function newDataDir(): string {
  return join(
    hasRoom() ? IN_MEMORY : realpathSync(tmpdir()),
    `ampsync-test-${randomBytes(6).toString("hex")}`,
  );
}

function hasRoom(): boolean {
  if (process.availableMemory() < 2 * ROOM_BYTES) return false;
  try {
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return bavail * bsize >= ROOM_BYTES;
  } catch {
    return false; // Linux alone has it.
  }
}
