import type pg from "pg";

import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";

/** The calls at the end of a resync. One method per SQL function. */
export class ResyncCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** False if the shadow is gone, or not due. Takes as long as merging the difference of two tables. */
  async swapResync(shadowId: bigint): Promise<boolean> {
    const text = `begin; set local statement_timeout = '24h'; select ampsync_worker.swap_resync(${shadowId}) as swapped; commit`;
    // There is one result for each statement, whatever the type says.
    const results: unknown = await this.#caller.call(text, [], 0);
    return (results as pg.QueryResult[])[2]?.rows[0].swapped;
  }

  /** The swap is retried, after longer and longer pauses. */
  async deferSwap(shadowId: bigint, failure: Failure): Promise<void> {
    await this.#caller.call("select ampsync_worker.defer_swap($1, $2)", [shadowId, failure]);
  }

  async failSwap(shadowId: bigint, failure: Failure): Promise<void> {
    await this.#caller.call("select ampsync_worker.fail_swap($1, $2)", [shadowId, failure]);
  }
}
