import type pg from "pg";

import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";

/** The calls of an upgrade. One method per SQL function. */
export class UpgradeCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** How many indexes and constraints were made on the new tables; null while that is for others to do or decide. */
  async buildIndexes(datasetId: bigint): Promise<number | null> {
    return await this.#atLength(`ampsync_worker.build_indexes(${datasetId})`);
  }

  /** The step that was done; null if there was none. A swap takes as long as merging the difference of all tables. */
  async advanceUpgrade(datasetId: bigint): Promise<string | null> {
    return await this.#atLength(`ampsync_worker.advance_upgrade(${datasetId})`);
  }

  /** What people call a dataset, for logs; nothing where that cannot be told. */
  async nameOf(datasetId: bigint): Promise<{ readonly dataset?: string }> {
    const named = this.#caller
      .once()
      .call("select dataset from ampsync_worker.name_dataset($1) as dataset", [datasetId]);
    const dataset = await named.then(({ rows }) => rows[0]?.dataset ?? null).catch(() => null);
    return dataset === null ? {} : { dataset };
  }

  /** The next step is attempted later, after longer and longer pauses. */
  async deferUpgrade(datasetId: bigint, failure: Failure, stops: boolean): Promise<void> {
    await this.#caller.call("select ampsync_worker.defer_upgrade($1, $2, $3)", [datasetId, failure, stops]);
  }

  /** What may take hours: no time limit of the session ends it. */
  async #atLength<T>(expression: string): Promise<T> {
    const text = `begin; set local statement_timeout = '24h'; select ${expression} as answer; commit`;
    // There is one result for each statement, whatever the type says.
    const results: unknown = await this.#caller.call(text, [], 0);
    return (results as pg.QueryResult[])[2]?.rows[0].answer;
  }
}
