import { migrate } from "../../../src/install/migrate.ts";
import { createLog } from "../../../src/log.ts";
import { newDataDir } from "./data-dir.ts";
import { connectDatabase, type TestDatabase } from "./database.ts";
import { startPostgres } from "./start-postgres.ts";

/** A database on a server of its own, whose changes can be decoded; drop() stops the server. */
export async function createLogicalDatabase(): Promise<TestDatabase> {
  // What is not flushed is not told to consumers.
  const settings = { wal_level: "logical", synchronous_commit: "on" };
  const server = await startPostgres({ dataDir: newDataDir(), persistent: false, settings });
  const url = server.connectionString();
  await migrate(url, { log: createLog("warn", (line) => process.stderr.write(line)) });
  return connectDatabase("postgres", url, () => server.stop());
}
