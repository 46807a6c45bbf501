import { type DevServer, startDevServer } from "../../../src/devserver/server.ts";
import type { Block, Source } from "../../../src/devserver/source.ts";
import { createDatabase, type TestDatabase } from "../postgres/postgres.ts";
import { fingerprints, streamsAt } from "../postgres/tables.ts";
import { waitFor } from "../wait-for.ts";
import { PassDriver, type SyncedDataset, syncAtOnce } from "./pass-driver.ts";

/** Digests of the tables, `_id` included, that an undisturbed pass loads into an empty database from the source. */
export async function freshLoad(source: Source, tables: readonly string[]): Promise<readonly string[]> {
  await using db = await createDatabase();
  const server = await startDevServer({ source });
  try {
    const dataset = { dataset: "anvil@0.0.0", schema: "fresh", tables };
    return await loadUndisturbed(db, server, dataset, source.chain.head()!);
  } finally {
    await server.stop();
  }
}

/** The same of what a server has published already, up to a block, into a schema that is not there yet. */
export async function loadUndisturbed(
  db: TestDatabase,
  { flightAddress }: DevServer,
  dataset: SyncedDataset,
  head: Block,
): Promise<readonly string[]> {
  const streams = await syncAtOnce(db, dataset);
  const driver = await PassDriver.start("fresh", streams, { databaseUrl: db.url, flightAddress });
  try {
    const { schema, tables } = dataset;
    await waitFor("a fresh load", async () => (await streamsAt(db, schema, head)) === tables.length);
    return await fingerprints(db, schema, tables); // Before the database goes.
  } finally {
    await driver.stop();
  }
}
