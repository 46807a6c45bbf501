import { COLUMNS, type Connection, type TargetColumn } from "./sql-stream.ts";

/** A table of a version. */
export interface VersionTable {
  readonly table: string;
  /** By default those that streams of tests have; null: it is not planned, being new. */
  readonly columns?: readonly TargetColumn[] | null;
  readonly network?: string;
}

export interface VersionOptions {
  readonly hash?: string | null;
  /** By default `chain`. */
  readonly dataset?: string;
}

const ID = "(select d.dataset_id from ampsync_private.dataset d where d.label = $1)";

/** Notes a version as a look at the list of versions does. Resolves to whether it is new. */
export async function offer(
  db: Connection,
  version: string,
  { hash = null, dataset = "chain" }: VersionOptions = {},
): Promise<boolean> {
  const { rows } = await db.query(`select ampsync_private.offer_version(${ID}, $2, $3) as is_new`, [
    dataset,
    version,
    hash,
  ]);
  return rows[0].is_new;
}

/** What a reload calls once it has planned these tables. Resolves to what became of the version. */
export async function adopt(
  db: Connection,
  version: string,
  tables: readonly VersionTable[],
  { hash = null, dataset = "chain" }: VersionOptions = {},
): Promise<string> {
  const planned = tables.map(({ table, columns = COLUMNS, network }) => ({
    table,
    columns,
    network,
    has_block_num: columns === null ? null : true,
  }));
  const { rows } = await db.query(`select ampsync_worker.adopt_version(${ID}, $2, $3, $4) as outcome`, [
    dataset,
    version,
    hash,
    JSON.stringify(planned),
  ]);
  return rows[0].outcome;
}

/** Both, one after the other. */
export async function offerAndAdopt(
  db: Connection,
  version: string,
  tables: readonly VersionTable[],
): Promise<string> {
  await offer(db, version);
  return await adopt(db, version, tables);
}
