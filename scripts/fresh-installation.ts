import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";

import { startEmbeddedPostgres } from "../src/embedded/postgres.ts";
import { migrate } from "../src/install/migrate.ts";
import { createLog } from "../src/log.ts";

/** What a question to a fresh installation answers, in a PostgreSQL server of its own that ends with it. */
export async function withFreshInstallation<Answer>(
  ask: (client: pg.Client) => Promise<Answer>,
): Promise<Answer> {
  const dataDir = await mkdtemp(join(tmpdir(), "ampsync-schema-"));
  const server = await startEmbeddedPostgres({ dataDir, persistent: false });
  try {
    const url = server.connectionString();
    await migrate(url, { log: createLog("warn", (line) => process.stderr.write(line)) });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await ask(client);
    } finally {
      await client.end();
    }
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
