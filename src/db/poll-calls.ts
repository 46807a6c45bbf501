import type { DatasetRef } from "../model/dataset-ref.ts";
import type { Failure } from "../model/failure.ts";
import type { Caller } from "./caller.ts";

/** A poll that has begun: what to ask for. */
export interface Poll extends DatasetRef {
  readonly begunAt: Date;
  /** How often in a row it failed so far. */
  readonly failures: number;
  /** Where its Admin API is; null: where that of the process is. */
  readonly adminAddress: string | null;
}

/** The version that a tag stands for now. */
export interface PolledVersion {
  readonly version: string;
  /** Null if the server does not report it. */
  readonly manifestHash: string | null;
  readonly hasNamespaces: boolean;
}

/** The calls that look for new versions of a dataset. One method per SQL function. */
export class PollCalls {
  readonly #caller: Caller;
  /** For datasets that have none of their own. */
  readonly #interval: string;

  constructor(caller: Caller, intervalS: number) {
    this.#caller = caller;
    this.#interval = `${intervalS} s`;
  }

  /** Null if the dataset is not polled any more. */
  async beginPoll(datasetId: bigint): Promise<Poll | null> {
    const { rows } = await this.#caller.call("select * from ampsync_worker.begin_poll($1)", [datasetId]);
    const row = rows[0];
    return row === undefined ? null : { ...row, begunAt: row.begun_at, adminAddress: row.admin_addr };
  }

  async noteVersion(
    datasetId: bigint,
    { version, manifestHash, hasNamespaces }: PolledVersion,
    begunAt: Date,
  ): Promise<"version_unchanged" | "new_version_detected" | null> {
    const { clean } = this.#caller; // As register_streams gets it.
    const { rows } = await this.#caller.call(
      "select ampsync_worker.note_version($1, $2, $3, $4, $5, $6) as event",
      [
        datasetId,
        clean(version),
        manifestHash === null ? null : clean(manifestHash),
        hasNamespaces,
        begunAt,
        this.#interval,
      ],
    );
    return rows[0].event;
  }

  /** `retryAfterS`: how many seconds the server asks to wait. */
  async deferPoll(datasetId: bigint, failure: Failure, retryAfterS: number | null): Promise<void> {
    await this.#caller.call("select ampsync_worker.defer_poll($1, $2, $3, $4)", [
      datasetId,
      failure,
      this.#interval,
      retryAfterS,
    ]);
  }
}
