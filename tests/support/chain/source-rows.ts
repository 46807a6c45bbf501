import { startDevServer } from "../../../src/devserver/server.ts";
import type { Source } from "../../../src/devserver/source.ts";
import { rowsOfArrow } from "../arrow/arrow-rows.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { expectRows, readTarget } from "../postgres/tables.ts";
import { DevServerClient } from "./devserver-client.ts";

/** Fails unless the targets hold what a second, well-behaved server of the same source sends now. */
export async function expectSourceRows(
  db: TestDatabase,
  schema: string,
  source: Source,
  tables: readonly string[],
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
