// Keeps the schema of a release for tests/upgrade, functions and views included, with data in it: a dump that any
// PostgreSQL from 15 on can load. Written once for each release, from its own sources, and never again.
//   node scripts/keep-schema.ts 0.1.0 && git add tests/upgrade/schemas
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import pg from "pg";

import { startEmbeddedPostgres } from "../src/embedded/postgres.ts";
import { migrate } from "../src/install/migrate.ts";
import { createLog } from "../src/log.ts";
import { fillDatabase } from "../tests/support/postgres/busy-database.ts";

/** The oldest one: what it dumps, newer ones can load. */
const MAJOR = "15";
const LARGEST_DUMP = 64 * 1024 * 1024;

const version = process.argv[2];
if (version === undefined || !/^\d+\.\d+\.\d+(-\w+)?$/.test(version)) {
  throw new Error("usage: node scripts/keep-schema.ts <version>");
}
const dataDir = await mkdtemp(join(tmpdir(), "ampsync-schema-"));
const server = await startEmbeddedPostgres({ dataDir, persistent: false, major: MAJOR });
try {
  const url = server.connectionString();
  await migrate(url, { log: createLog("warn", (line) => process.stderr.write(line)) });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("begin");
  await fillDatabase(client);
  await client.query("commit");
  await client.end();
  const args = ["--no-owner", "--inserts", "--rows-per-insert=100", "--encoding=UTF8", url];
  const { stdout } = await promisify(execFile)("pg_dump", args, { maxBuffer: LARGEST_DUMP });
  const folder = new URL("../tests/upgrade/schemas/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${version}.sql`, folder), tidy(stdout));
} finally {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}

/** Without what only psql understands, and the comments and blank lines between statements. */
function tidy(dump: string): string {
  const lines = dump
    .split("\n")
    .filter((line) => !line.startsWith("\\") && !line.startsWith("--") && line !== "");
  return `-- ampsync ${version} with data in it. Written by scripts/keep-schema.ts; never changed.\n${lines.join("\n")}\n`;
}
