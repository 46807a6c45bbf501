import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";

export interface DatasetToResolve {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string | null;
  readonly tables: readonly string[] | null;
}

/** The calls that resolve a dataset. One method per SQL function. */
export class DatasetCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Null if the dataset is gone. */
  async beginResolve(datasetId: bigint): Promise<DatasetToResolve | null> {
    const { rows } = await this.#caller.call("select * from ampsync_worker.begin_resolve($1)", [datasetId]);
    return rows[0] ?? null;
  }

  async registerStreams(
    datasetId: bigint,
    version: string,
    manifestHash: string | null,
    tables: readonly string[],
  ): Promise<void> {
    await this.#caller.call("select ampsync_worker.register_streams($1, $2, $3, $4)", [
      datasetId,
      this.#caller.clean(version),
      manifestHash === null ? null : this.#caller.clean(manifestHash),
      tables.map(this.#caller.clean),
    ]);
  }

  /** `retryAfterS`: how many seconds the server asks to wait. */
  async deferResolve(
    datasetId: bigint,
    state: "waiting" | "failed",
    failure: Failure,
    retryAfterS: number | null,
  ): Promise<void> {
    await this.#caller.call("select ampsync_worker.defer_resolve($1, $2, $3, $4)", [
      datasetId,
      state,
      failure,
      retryAfterS,
    ]);
  }
}
