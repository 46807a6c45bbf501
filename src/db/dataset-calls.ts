import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";

export interface DatasetToResolve {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string | null;
  readonly tables: readonly string[] | null;
  /** How often in a row it could not be resolved. */
  readonly failures: number;
  /** Where its Admin API is; null: where that of the process is. */
  readonly adminAddress: string | null;
}

/** What a dataset resolved to. */
export interface FoundDataset {
  readonly version: string;
  /** Null if nobody reported one. */
  readonly manifestHash: string | null;
  readonly tables: readonly string[];
  /** Whether the server's SQL names datasets with their namespaces. */
  readonly hasNamespaces: boolean;
}

/** What is stored of a dataset that a process has started. */
export interface StartedSync {
  readonly isNew: boolean;
  readonly targetSchema: string;
  /** The statement that sets what differs from the process's settings; null where nothing does. */
  readonly hint: string | null;
  /** Tables with queries that the process does not name: they are kept in sync all the same. */
  readonly leftOut: readonly string[];
}

/** The calls that start and resolve a dataset. One method per SQL function. */
export class DatasetCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async startSync(dataset: {
    readonly reference: string;
    readonly tables: readonly string[] | null;
    readonly retentionBlocks: number | null;
    /** By table; null: none are given. */
    readonly queries: Readonly<Record<string, string>> | null;
  }): Promise<StartedSync> {
    const { reference, tables, retentionBlocks, queries } = dataset;
    const { rows } = await this.#caller.call(
      `select is_new as "isNew", target_schema as "targetSchema", hint, left_out as "leftOut"
         from ampsync_worker.start_sync($1, $2, $3, $4)`,
      // As text: an object is taken for text of others, which is cleaned, and cut.
      [reference, tables, retentionBlocks, queries === null ? null : JSON.stringify(queries)],
    );
    return rows[0];
  }

  /** Null if the dataset is gone. */
  async beginResolve(datasetId: bigint): Promise<DatasetToResolve | null> {
    const { rows } = await this.#caller.call("select * from ampsync_worker.begin_resolve($1)", [datasetId]);
    const row = rows[0];
    return row === undefined ? null : { ...row, adminAddress: row.admin_addr };
  }

  /** Resolves to the event for the log, when the dataset is found for the first time. */
  async registerStreams(
    datasetId: bigint,
    { version, manifestHash, tables, hasNamespaces }: FoundDataset,
  ): Promise<string | null> {
    const { clean } = this.#caller;
    const { rows } = await this.#caller.call(
      "select ampsync_worker.register_streams($1, $2, $3, $4, $5) as event",
      [
        datasetId,
        clean(version),
        manifestHash === null ? null : clean(manifestHash),
        tables.map(clean),
        hasNamespaces,
      ],
    );
    return rows[0].event;
  }

  /** `retryAfterS`: how many seconds the server asks to wait. Resolves to the event for the log; null if the dataset is gone. */
  async deferResolve(
    datasetId: bigint,
    state: "waiting" | "failed",
    failure: Failure,
    retryAfterS: number | null,
  ): Promise<string | null> {
    const { rows } = await this.#caller.call("select ampsync_worker.defer_resolve($1, $2, $3, $4) as event", [
      datasetId,
      state,
      failure,
      retryAfterS,
    ]);
    return rows[0].event;
  }
}
