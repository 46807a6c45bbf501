import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";
import type { TargetColumn } from "./stream-calls.ts";

/** A version that a dataset was offered. */
export interface Offer {
  readonly datasetId: bigint;
  /** The label of the dataset, for logs. */
  readonly dataset: string;
  readonly namespace: string;
  readonly name: string;
  /** A semantic version, or a manifest hash. */
  readonly version: string;
  /** Null if nobody reported one. */
  readonly manifestHash: string | null;
  /** The dataset with this version, in the SQL of the server. */
  readonly sourceSchema: string;
  /** The tables that must fit it, with their excluded columns. */
  readonly tables: Readonly<Record<string, readonly string[]>>;
  /** Where its server is; null: where that of the process is. */
  readonly flightAddress: string | null;
  readonly adminAddress: string | null;
}

/** A table of the offered version. */
export interface OfferedTable {
  readonly table: string;
  /** Null if the server does not tell it. */
  readonly network: string | null;
  /** Null for a table that is not synced yet: its first pass makes its target. */
  readonly plan: { readonly hasBlockNum: boolean; readonly columns: readonly TargetColumn[] } | null;
}

/** The calls that take over a new version of a dataset. One method per SQL function. */
export class ReloadCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Null if there is nothing to do. */
  async beginReload(datasetId: bigint): Promise<Offer | null> {
    const { rows } = await this.#caller.call("select * from ampsync_worker.begin_reload($1)", [datasetId]);
    const row = rows[0];
    return row === undefined
      ? null
      : {
          datasetId,
          dataset: row.dataset,
          namespace: row.namespace,
          name: row.name,
          version: row.version,
          manifestHash: row.manifest_hash,
          sourceSchema: row.source_schema,
          tables: row.tables,
          flightAddress: row.flight_addr,
          adminAddress: row.admin_addr,
        };
  }

  async adoptVersion(
    { datasetId, version, manifestHash }: Offer,
    tables: readonly OfferedTable[],
  ): Promise<"adopted" | "beside" | "refused" | "in use" | "stale"> {
    const planned = tables.map(({ table, network, plan }) => ({
      table: this.#caller.clean(table),
      network: network === null ? null : this.#caller.clean(network),
      has_block_num: plan?.hasBlockNum ?? null,
      columns: plan?.columns.map(({ name, type, notNull }) => ({ name, type, not_null: notNull })) ?? null,
    }));
    const { rows } = await this.#caller.call(
      "select ampsync_worker.adopt_version($1, $2, $3, $4) as outcome",
      [datasetId, version, manifestHash, JSON.stringify(planned)],
    );
    return rows[0].outcome;
  }

  /** `retries`: how often it is retried before it counts as failed. */
  async deferReload(
    { datasetId, version, manifestHash }: Offer,
    failure: Failure,
    retries: number,
  ): Promise<void> {
    await this.#caller.call("select ampsync_worker.defer_reload($1, $2, $3, $4, $5)", [
      datasetId,
      version,
      manifestHash,
      failure,
      retries,
    ]);
  }
}
