import type { Caller } from "./caller.ts";

/** Where an HTTP source is. */
export interface SourceReport {
  readonly state: string;
  /** What keeps it from moving; null: nothing does. */
  readonly error: {
    readonly code: string | null;
    readonly message: string | null;
    readonly detail: string | null;
    readonly hint: string | null;
  } | null;
  /** Failed passes since the last commit, or since it was resumed. */
  readonly attempts: number;
  /** Rows of its table; records received, ever, and among them those that were there and those that were rejected. */
  readonly rows: bigint;
  readonly records: bigint;
  readonly duplicates: bigint;
  readonly rejected: bigint;
  /** Of its present run. */
  readonly pages: bigint;
  /** When it will be over; null: nobody can tell. */
  readonly eta: Date | null;
  /** Ever, by all sources that share its rate limit. */
  readonly requestsSent: bigint | null;
  /** Of the present window of the rate limit; null: the API does not tell. */
  readonly requestsUsed: number | null;
  readonly requestsAllowed: number | null;
}

/** What `ampsync.enqueue_http` says of a source. */
export interface EnqueuedSource {
  readonly state: string;
  readonly hint: string | null;
}

/** The calls that begin and watch an HTTP source. One method per SQL function. */
export class SourceCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * `changes`: JSON of an object whose members replace those of the document, as it is: no number in it passes through
   * JavaScript.
   */
  async enqueueHttp(source: {
    readonly dataset: string;
    readonly target: string;
    readonly document: string;
    readonly changes: string;
  }): Promise<EnqueuedSource> {
    const { rows } = await this.#caller.call(
      "select state, hint from ampsync.enqueue_http($1, source => $2::jsonb || $3::jsonb, target => $4)",
      [source.dataset, source.document, source.changes, source.target],
    );
    return rows[0];
  }

  async resumeSync(dataset: string): Promise<void> {
    await this.#caller.call("select from ampsync.resume_sync($1)", [dataset]);
  }

  async createSeedViews(dataset: string): Promise<void> {
    await this.#caller.call("select from ampsync.create_seed_views($1)", [dataset]);
  }

  /** Null if there is no such source. */
  async ingestReport(dataset: string, answerMs?: number): Promise<SourceReport | null> {
    const { rows } = await this.#caller.call(
      `select state, error, attempts, rows, records, duplicates, rejected, pages, eta, requests_sent as "requestsSent",
              requests_used as "requestsUsed", requests_allowed as "requestsAllowed"
         from ampsync_worker.ingest_report($1)`,
      [dataset],
      answerMs,
    );
    return rows[0] ?? null;
  }
}
