// Takes 16 s.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { waitFor } from "../support/wait-for.ts";
import { Worker } from "../support/worker/worker.ts";
import { MAIN } from "../support/worker/worker-process.ts";

const BLOCKS = 20;
const folder = mkdtempSync(join(tmpdir(), "ampsync-"));
const path = join(folder, "dataset.ts");
let server: DevServer;

beforeAll(async () => {
  server = await startDevServer({ source: new GeneratedSource({ blocks: BLOCKS, logsPerBlock: 1 }) });
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

function startSync(db: TestDatabase): Worker {
  const { flightAddress, adminAddress } = server;
  const env = { DATASET_MANIFEST: path };
  return new Worker({ databaseUrl: db.url, flightAddress, adminAddress, env }, [MAIN, "sync"]);
}

/** A file whose tables are what the tables of the chain hold, from a block on. */
function fileOf(tables: Readonly<Record<string, number>>, name = "mart"): string {
  const members = Object.entries(tables).map(
    ([table, block]) =>
      `${table}: { sql: \`SELECT _block_num, address FROM "_/anvil@0.0.0".logs\\nWHERE _block_num >= ${block}\` }`,
  );
  return `export default defineDataset(() => ({ name: "${name}", tables: { ${members.join(", ")} } }));`;
}

async function untilRows(db: TestDatabase, table: string, count: number): Promise<void> {
  await waitFor(`${count} rows in ${table}`, async () => {
    const made = await db.query("select to_regclass($1) is not null as made", [table]);
    if (!made.rows[0]!["made"]) return false;
    return (await db.query(`select count(*)::int as n from ${table}`)).rows[0]!["n"] === count;
  });
}

test("config_reload: sync keeps the tables of a file, and follows the file; a bad one changes nothing", async () => {
  await using db = await createDatabase({ empty: true });
  writeFileSync(path, fileOf({ late: 15 }));
  const worker = startSync(db);
  await untilRows(db, "public.late", BLOCKS - 15);

  writeFileSync(path, fileOf({ late: 15, all_of_them: 0 }).slice(0, -20));
  await waitFor("the file to be refused", () => worker.hasSaid("manifest_reload_failed"));
  expect(worker.hasEnded).toBe(false);

  writeFileSync(`${path}.new`, fileOf({ late: 10, all_of_them: 0 }));
  renameSync(`${path}.new`, path);
  await untilRows(db, "public.all_of_them", BLOCKS);
  await untilRows(db, "public.late", BLOCKS - 15);
  await waitFor("what takes the changed query", () =>
    worker.hasSaid("select ampsync.resync('mart', 'late');"),
  );
  await db.query("select ampsync.resync('mart', 'late')");
  await untilRows(db, "public.late", BLOCKS - 10);

  worker.signal("SIGTERM");
  expect(await worker.ended).toEqual({ code: 0, signal: null });
});

test.each([
  ["is not there", null, "the dataset file .* is not there"],
  ["is wrong", "export default { name: f() }", "a call is not a constant .line 1, column 24."],
])("sync ends with 1 where the file %s", async (_, content, why) => {
  await using db = await createDatabase();
  rmSync(path, { force: true });
  if (content !== null) writeFileSync(path, content);
  const worker = startSync(db);
  expect(await worker.ended).toEqual({ code: 1, signal: null });
  expect(worker.tail()).toMatch(new RegExp(`ERROR SY902: .*${why}`));
});
