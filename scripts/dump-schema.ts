// Writes sql/schema.sql: what a fresh installation looks like in the catalogue.
// Reviewed in diffs, never edited. Run by the project's own Node:
//   node scripts/dump-schema.ts
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";
import { startEmbeddedPostgres } from "../src/embedded/postgres.ts";
import { migrate } from "../src/install/migrate.ts";
import { createLog } from "../src/log.ts";
import { describeSchema } from "../tests/support/postgres/describe-schema.ts";

const folder = await mkdtemp(join(tmpdir(), "ampsync-schema-"));
const server = await startEmbeddedPostgres({ dataDir: folder, persistent: false });
try {
  const url = server.connectionString();
  await migrate(url, { log: createLog("warn", (line) => process.stderr.write(line)) });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await writeFile(new URL("../sql/schema.sql", import.meta.url), await describeSchema(client));
  await client.end();
} finally {
  await server.stop();
}
