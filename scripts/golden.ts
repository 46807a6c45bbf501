/** `npm run golden -- FOLDER`: loads a folder of Arrow files and compares them with their JSON. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";

import { startEmbeddedPostgres } from "../src/embedded/postgres.ts";
import { checkGolden } from "../tests/support/arrow/golden.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("npm run golden -- FOLDER   (*.stream and *.arrow_file, with *.json.gz where there is one)");
  process.exitCode = 2;
} else {
  await using stack = new AsyncDisposableStack();
  const data = await mkdtemp(join(tmpdir(), "ampsync-golden-"));
  stack.defer(() => rm(data, { recursive: true, force: true }));
  const postgres = await startEmbeddedPostgres({ dataDir: join(data, "postgres"), persistent: false });
  stack.defer(() => postgres.stop());
  const client = new pg.Client({ connectionString: postgres.connectionString("postgres") });
  await client.connect();
  stack.defer(() => client.end());
  await client.query("set timezone to 'UTC'");
  for await (const { file, outcome, wrong } of checkGolden(client, folder)) {
    console.log(`${file.padEnd(44)} ${outcome}`);
    process.exitCode = wrong ? 1 : process.exitCode;
  }
}
