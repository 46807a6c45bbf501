import { type DevServer, startDevServer } from "../../../src/devserver/server.ts";
import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import type { Identity } from "../../../src/encoder/plan.ts";
import type { VersionSource } from "../chain/version-source.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import { PassDriver, syncAtOnce } from "./pass-driver.ts";

/** A table as readers see it. */
export interface LoadedTable {
  /** Name and type of each column of the dataset, in order. */
  readonly columns: readonly (readonly [name: string, type: string])[];
  /** The rows of each block, without their keys and without nulls. */
  readonly rows: ReadonlyMap<number, readonly Readonly<Record<string, unknown>>[]>;
  /** A digest of all, `_id` included, but not `_tx_id` and `_row_index`. */
  readonly digest: string;
}

/** Loads versions undisturbed, in a database of their own from a server of their own. */
export class FreshVersions implements AsyncDisposable {
  readonly #db: TestDatabase;
  readonly #server: DevServer;
  #loads = 0;

  private constructor(db: TestDatabase, server: DevServer) {
    this.#db = db;
    this.#server = server;
  }

  static async start(db: TestDatabase): Promise<FreshVersions> {
    return new FreshVersions(db, await startDevServer({ source: new GeneratedSource(), published: false }));
  }

  /** The tables of each of these versions, as they are loaded of the chain as it is now. */
  async load(
    sources: readonly VersionSource[],
    identity: Identity,
  ): Promise<readonly ReadonlyMap<string, LoadedTable>[]> {
    const db = this.#db;
    const versions = sources.map((source) => ({
      source,
      dataset: `_/anvil@0.0.${++this.#loads}`,
      schema: `fresh_${this.#loads}`,
    }));
    const ids: string[] = [];
    for (const { source, dataset, schema } of versions) {
      this.#server.publish(dataset.split("@")[1]!, source);
      ids.push(...(await syncAtOnce(db, { dataset, schema, tables: [...source.tables.keys()], identity })));
    }
    const { flightAddress } = this.#server;
    const driver = await PassDriver.start("fresh", ids, { databaseUrl: db.url, flightAddress });
    try {
      await waitFor("fresh loads", async () => {
        const { rows } = await db.query(
          "select coalesce(bool_and(s.checkpoint_block is not distinct from $2), true) as loaded from ampsync_private.stream s where s.stream_id = any ($1)",
          [ids, sources[0]?.chain.head()?.number ?? 0n],
        );
        return rows[0]!["loaded"];
      });
      const loaded: ReadonlyMap<string, LoadedTable>[] = [];
      for (const { source, schema } of versions) {
        const tables = new Map<string, LoadedTable>();
        for (const table of source.tables.keys()) tables.set(table, await loadedTable(db, schema, table));
        loaded.push(tables);
      }
      return loaded;
    } finally {
      await driver.stop();
      for (const { dataset } of versions) {
        await db.query("select ampsync.drop_sync($1, drop_tables => true)", [dataset]);
        this.#server.unpublish(dataset.split("@")[1]!);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }
}

export async function loadedTable(db: TestDatabase, schema: string, table: string): Promise<LoadedTable> {
  const { rows: columns } = await db.query(
    `select c.value ->> 'name' as name, format_type(a.atttypid, a.atttypmod) as type
       from ampsync_private.stream s
      cross join jsonb_array_elements(s.columns) with ordinality c
       left join pg_attribute a on a.attrelid = s.target and a.attname = c.value ->> 'name'
      where s.target = format('%I.%I', $1::text, $2::text)::regclass
      order by c.ordinality`,
    [schema, table],
  );
  const { rows } = await db.query(
    `select t._block_num::int as block, jsonb_agg(jsonb_strip_nulls(r.cells - '_id')) as cells,
            string_agg(r.cells::text, ' ' order by r.cells) as digest
       from "${schema}"."${table}" t
      cross join lateral (select to_jsonb(t) - '{_tx_id,_row_index}'::text[] as cells) r
      group by 1 order by 1`,
  );
  return {
    columns: columns.map(({ name, type }) => [name, type]),
    rows: new Map(rows.map(({ block, cells }) => [block, cells])),
    digest: rows.map(({ digest }) => digest).join("\n"),
  };
}
