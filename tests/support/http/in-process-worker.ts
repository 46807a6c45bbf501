import type { JobHelpers } from "graphile-worker";

import { parseConfig } from "../../../src/config.ts";
import type { Deps } from "../../../src/deps.ts";
import { createDeps } from "../../../src/runtime.ts";
import { ingestTask } from "../../../src/tasks/ampsync_ingest.ts";
import type { TestDatabase } from "../postgres/postgres.ts";

/** What a pass has left of its source. */
export interface AfterPass {
  readonly state: string;
  readonly code: string | null;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly attempts: number;
  /** Seconds until the next pass. */
  readonly dueIn: number | null;
  readonly records: number;
  readonly rows: number;
  readonly duplicates: number;
}

/**
 * The passes of a worker without its process and queue: each is run when a test says so. Sends no heartbeats: its leases
 * last 30 s.
 */
export class InProcessWorker implements AsyncDisposable {
  /** What it has logged, at every level. */
  readonly lines: readonly string[];
  readonly #db: Pick<TestDatabase, "query">;
  readonly #deps: Deps;

  private constructor(db: Pick<TestDatabase, "query">, deps: Deps, lines: readonly string[]) {
    this.#db = db;
    this.#deps = deps;
    this.lines = lines;
  }

  /** With these settings, as its environment has them. */
  static async start(
    db: Pick<TestDatabase, "query" | "url">,
    settings: Readonly<Record<string, string>>,
  ): Promise<InProcessWorker> {
    const config = parseConfig({ DATABASE_URL: db.url, AMP_LOG: "debug", ...settings }, () => "");
    const lines: string[] = [];
    return new InProcessWorker(db, await createDeps(config, (line) => lines.push(line)), lines);
  }

  /** One pass of a source, from its lease to its end. */
  async pass(dataset: string): Promise<AfterPass> {
    const { rows } = await this.#db.query(
      `select s.stream_id::text as id
         from ampsync_private.stream s join ampsync_private.dataset d using (dataset_id) where d.label = $1`,
      [dataset],
    );
    const stream_id = rows[0]!["id"];
    // All that the task looks at.
    const helpers = { job: { id: stream_id, locked_by: "worker-1" } } as unknown as JobHelpers;
    await ingestTask(this.#deps)({ stream_id }, helpers);
    const { rows: left } = await this.#db.query<AfterPass & { readonly [key: string]: unknown }>(
      `select v.state, v.error_code as code, v.reason, v.detail, v.hint, v.attempts, v.records::int, v.rows::int, v.duplicates::int,
              extract(epoch from v.next_retry - ampsync_private.now())::float8 as "dueIn"
         from ampsync.streams v where v.dataset = $1`,
      [dataset],
    );
    return left[0]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deps.close();
  }
}
