import { startDevServer } from "../../../src/devserver/server.ts";
import type { Source } from "../../../src/devserver/source.ts";
import type { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import { rowsOfArrow } from "../arrow/arrow-rows.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { expectRows, fingerprint, readTarget } from "../postgres/tables.ts";
import { PassDriver } from "../worker/pass-driver.ts";
import { EVM_TABLES, Scenario } from "../worker/scenario.ts";
import { DevServerClient } from "./devserver-client.ts";

/** Fails unless the targets hold what a second, well-behaved server of the same source sends now. */
export async function expectSourceRows(
  db: TestDatabase,
  schema: string,
  source: Source,
  tables: readonly string[] = EVM_TABLES,
): Promise<void> {
  const server = await startDevServer({ source });
  const client = new DevServerClient(server);
  try {
    server.misbehaviour.endAtHead = true;
    for (const table of tables) {
      const batches = await client.all(`SELECT * FROM "_/anvil@0.0.0"."${table}" SETTINGS stream = true`);
      const expected = rowsOfArrow(batches.map((batch) => batch.table));
      expectRows(await readTarget(db, schema, table), expected, table);
    }
  } finally {
    client.close();
    await server.stop();
  }
}

/** Digests of the tables, `_id` included, that an undisturbed pass loads into an empty database from the source. */
export async function freshLoad(
  source: GeneratedSource,
  tables: readonly string[] = EVM_TABLES,
): Promise<readonly string[]> {
  await using scenario = await Scenario.start({ source });
  await scenario.sync("anvil@0.0.0", "fresh", tables);
  await scenario.db.query(
    `select ampsync_worker.register_streams(d.dataset_id, d.revision, null, d.tables) from ampsync_private.dataset d`,
  );
  const { rows: streams } = await scenario.db.query("select stream_id from ampsync_private.stream");
  const driver = await PassDriver.start(
    "fresh",
    streams.map((row) => row["stream_id"]),
    { databaseUrl: scenario.db.url, flightAddress: scenario.server.flightAddress },
  );
  try {
    await scenario.reaches("fresh", tables.length);
    return await fingerprints(scenario.db, "fresh", tables); // Before the database goes.
  } finally {
    await driver.stop();
  }
}

export async function fingerprints(
  db: TestDatabase,
  schema: string,
  tables: readonly string[] = EVM_TABLES,
): Promise<readonly string[]> {
  const digests: string[] = [];
  for (const table of tables) digests.push(await fingerprint(db, schema, table));
  return digests;
}
