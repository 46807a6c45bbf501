import type pg from "pg";

import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";

/** The calls of an upgrade. One method per SQL function. */
export class UpgradeCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** The step that was done; null if there was none. A swap takes as long as merging the difference of all tables. */
  async advanceUpgrade(datasetId: bigint): Promise<string | null> {
    const text = `begin; set local statement_timeout = '24h'; select ampsync_worker.advance_upgrade(${datasetId}) as step; commit`;
    // There is one result for each statement, whatever the type says.
    const results: unknown = await this.#caller.call(text, [], 0);
    return (results as pg.QueryResult[])[2]?.rows[0].step;
  }

  /** The next step is attempted later, after longer and longer pauses. */
  async deferUpgrade(datasetId: bigint, failure: Failure, stops: boolean): Promise<void> {
    await this.#caller.call("select ampsync_worker.defer_upgrade($1, $2, $3)", [datasetId, failure, stops]);
  }
}
