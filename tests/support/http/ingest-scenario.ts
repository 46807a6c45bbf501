import { expect } from "vitest";

import type { ApiServer, ApiServerOptions } from "../../../src/devserver/http/api-server.ts";
import { createDatabase, type TestDatabase } from "../postgres/postgres.ts";
import { releaseDead, untilSessionsAreOver } from "../postgres/queue.ts";
import { STALL_DEADLINE_MS, waitFor } from "../wait-for.ts";
import { FaultyWorker, type FaultyWorkerOptions } from "../worker/faulty-worker.ts";
import { track } from "../worker/tracked-workers.ts";
import { Worker } from "../worker/worker.ts";
import type { WorkerProcess } from "../worker/worker-process.ts";
import { startApiServer } from "./api-server.ts";
import { definitionOf } from "./definitions.ts";

const NOWHERE = "http://127.0.0.1:1";
export const SECRET = "s3cret/k%y+1";

/** A source as `ampsync.streams` shows it. */
export interface SourceRow {
  readonly state: string;
  readonly code: string | null;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly attempts: number;
  /** Seconds until it is retried. */
  readonly retryIn: number | null;
  /** Received, and among them those that were there before. */
  readonly records: number;
  readonly duplicates: number;
  readonly rows: number;
}

export interface IngestOptions {
  readonly api?: ApiServerOptions;
  readonly dataset?: string;
  /** Keys of the definition, beside those of the style. */
  readonly source?: object;
  readonly value_policy?: string;
}

/** The whole product with one HTTP source: a database, a development API server in this process, workers in their own. */
export class IngestScenario implements AsyncDisposable {
  readonly db: TestDatabase;
  api: ApiServer;
  readonly #workers: WorkerProcess[] = [];

  private constructor(db: TestDatabase, api: ApiServer) {
    this.db = db;
    this.api = api;
  }

  /** With `api`, and a database of its own. */
  static async start(api: ApiServerOptions = {}): Promise<IngestScenario> {
    const [db, server] = await Promise.all([createDatabase(), startApiServer(api)]);
    return new IngestScenario(db, server);
  }

  /** The newest one. */
  get worker(): WorkerProcess {
    return this.#workers.at(-1)!;
  }

  startWorker(env: Readonly<Record<string, string>> = {}): Worker {
    return this.#started(new Worker({ ...this.#addresses(), env: this.#environment(env) }));
  }

  /** A worker that stops where it is told to. */
  startFaultyWorker({ env, ...options }: Partial<FaultyWorkerOptions> = {}): FaultyWorker {
    return this.#started(
      new FaultyWorker({ ...this.#addresses(), ...options, env: this.#environment(env ?? {}) }),
    );
  }

  /** Begins, or changes, the source that reads the API; waits for nothing. */
  async enqueue({
    dataset = "events",
    source = {},
    value_policy,
  }: Omit<IngestOptions, "api"> = {}): Promise<void> {
    await this.db.query("select * from ampsync.enqueue_http($1, $2, value_policy => $3)", [
      dataset,
      JSON.stringify({ ...definitionOf(this.api), ...source }),
      value_policy ?? null,
    ]);
  }

  async source(dataset = "events"): Promise<SourceRow> {
    const { rows } = await this.db.query<SourceRow & { readonly [key: string]: unknown }>(
      `select v.state, v.error_code as code, v.reason, v.detail, v.hint, v.attempts, s.row_total::int as rows,
              extract(epoch from v.next_retry - ampsync_private.now())::float8 as "retryIn",
              s.records::int, s.duplicates::int
         from ampsync.streams v
         join ampsync_private.dataset d on d.label = v.dataset
         join ampsync_private.stream s on s.dataset_id = d.dataset_id
        where v.dataset = $1`,
      [dataset],
    );
    return rows[0]!;
  }

  async until(
    what: string,
    condition: (source: SourceRow) => boolean | Promise<boolean>,
    deadlineMs = STALL_DEADLINE_MS,
  ): Promise<void> {
    await waitFor(what, async () => await condition(await this.source()), deadlineMs);
  }

  async complete(deadlineMs = STALL_DEADLINE_MS): Promise<void> {
    await this.until("the run to be complete", ({ state }) => state === "complete", deadlineMs);
  }

  /** The target holds the newest version of every record of the API, once, and the counts add up. */
  async expectEqual(dataset = "events"): Promise<void> {
    const { rows } = await this.db.query(
      `select s.target::regclass::text as target, s.records = s.row_total + s.duplicates
                + (select count(*) from ampsync_private.reject r where r.stream_id = s.stream_id) as adds_up
         from ampsync_private.stream s join ampsync_private.dataset d using (dataset_id) where d.label = $1`,
      [dataset],
    );
    expect(rows[0]!["adds_up"]).toBe(true);
    const stored = await this.db.query(`select data from ${rows[0]!["target"]} order by 1`);
    const truth = await this.db.query("select t::jsonb as data from unnest($1::text[]) t order by 1", [
      this.api.records(),
    ]);
    expect(stored.rows.length).toBe(truth.rows.length);
    expect(stored.rows).toEqual(truth.rows);
  }

  /** How often something was journaled. */
  async events(event: string): Promise<number> {
    const { rows } = await this.db.query("select count(*)::int as n from ampsync.events where event = $1", [
      event,
    ]);
    return rows[0]!["n"];
  }

  /** Makes everything that a dead worker held run out, and has nothing of it left. */
  async expireLeases(): Promise<void> {
    if (!this.#workers.some(({ hasSessions }) => hasSessions)) await untilSessionsAreOver(this.db);
    await releaseDead(this.db);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
    await this.api.stop();
    await this.db.drop();
  }

  #addresses() {
    return { databaseUrl: this.db.url, flightAddress: NOWHERE, adminAddress: NOWHERE };
  }

  #environment(env: Readonly<Record<string, string | undefined>>) {
    const { host } = new URL(this.api.origin);
    return { AMPSYNC_HTTP_ALLOW: `http://${host}=API_KEY`, AMPSYNC_SECRET_API_KEY: SECRET, ...env };
  }

  #started<W extends WorkerProcess>(worker: W): W {
    this.#workers.push(track(worker));
    return worker;
  }
}
