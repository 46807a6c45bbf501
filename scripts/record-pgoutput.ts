// Records what pgoutput sends of the same changes on one version of PostgreSQL, for tests/unit/capture.
//   for v in 15 16 17 18; do node scripts/record-pgoutput.ts $v; done && git add tests/support/capture/recorded
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";

import { startEmbeddedPostgres } from "../src/embedded/postgres.ts";
import { createSlot, readSlotBytes } from "../tests/support/capture/read-slot.ts";
import { CHANGES, TABLES } from "../tests/support/capture/recorded-changes.ts";

const major = process.argv[2];
if (major === undefined || !/^\d+$/.test(major)) {
  throw new Error("usage: node scripts/record-pgoutput.ts <major version>");
}
const dataDir = await mkdtemp(join(tmpdir(), "ampsync-record-"));
const server = await startEmbeddedPostgres({ dataDir, persistent: false, major });
try {
  const client = new pg.Client({ connectionString: server.connectionString() });
  await client.connect();
  for (const statement of TABLES) await client.query(statement);
  await createSlot(client);
  await client.query("alter publication ampsync add table todos, keyed, parted, computed");
  for (const statement of CHANGES) await client.query(statement);
  const messages = await readSlotBytes(client);
  const { rows } = await client.query(
    "select relname, oid::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')",
  );
  await client.end();
  const recorded = {
    tables: Object.fromEntries(rows.map(({ relname, oid }) => [relname, oid])),
    messages: messages.map((bytes) => bytes.toString("base64")),
  };
  const folder = new URL("../tests/support/capture/recorded/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${major}.json`, folder), `${JSON.stringify(recorded, null, 1)}\n`);
} finally {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
