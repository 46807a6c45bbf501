import { randomBytes } from "node:crypto";
import { realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startEmbeddedPostgres } from "../../../src/embedded/postgres.ts";
import { migrate } from "../../../src/install/migrate.ts";
import { createLog } from "../../../src/log.ts";
import { connectDatabase, type TestDatabase } from "./database.ts";

/** A database on a server of its own, whose changes can be decoded; drop() stops the server. */
export async function createLogicalDatabase(): Promise<TestDatabase> {
  const dataDir = join(await realpath(tmpdir()), `ampsync-test-${randomBytes(6).toString("hex")}`);
  // What is not flushed is not told to consumers.
  const settings = { wal_level: "logical", synchronous_commit: "on" };
  const server = await startEmbeddedPostgres({ dataDir, persistent: false, settings });
  const url = server.connectionString();
  await migrate(url, { log: createLog("warn", (line) => process.stderr.write(line)) });
  return connectDatabase("postgres", url, () => server.stop());
}
