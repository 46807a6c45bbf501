import { expect } from "vitest";

import type { ApiServer, ApiServerOptions } from "../../../src/devserver/http/api-server.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { startApiServer } from "./api-server.ts";
import { definitionOf } from "./definitions.ts";
import { type AfterPass, InProcessWorker } from "./in-process-worker.ts";

export interface InProcessOptions {
  readonly api?: ApiServerOptions;
  /** Keys of the definition, beside those of the style. */
  readonly source?: object;
  readonly policy?: "fail" | "null" | "quarantine";
  /** By their names. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Of its worker, beside these and its address. */
  readonly settings?: Readonly<Record<string, string>>;
}

let sources = 0;

/** One HTTP source that reads a development API server by passes in this process, into a table of its own name. */
export class InProcessSource implements AsyncDisposable {
  readonly name: string;
  readonly api: ApiServer;
  readonly worker: InProcessWorker;
  readonly #db: Pick<TestDatabase, "query">;

  private constructor(
    db: Pick<TestDatabase, "query">,
    name: string,
    api: ApiServer,
    worker: InProcessWorker,
  ) {
    this.#db = db;
    this.name = name;
    this.api = api;
    this.worker = worker;
  }

  static async start(
    db: Pick<TestDatabase, "query" | "url">,
    { api: options, source = {}, policy = "fail", secrets = {}, settings = {} }: InProcessOptions = {},
  ): Promise<InProcessSource> {
    const api = await startApiServer(options);
    const names = Object.keys(secrets);
    const worker = await InProcessWorker.start(db, {
      AMPSYNC_HTTP_ALLOW: names.length === 0 ? api.origin : `${api.origin}=${names.join("+")}`,
      ...Object.fromEntries(names.map((name) => [`AMPSYNC_SECRET_${name}`, secrets[name]!])),
      ...settings,
    });
    const made = new InProcessSource(db, `source_${++sources}`, api, worker);
    await made.enqueue(source, policy);
    return made;
  }

  async enqueue(source: object, policy: InProcessOptions["policy"] = "fail"): Promise<void> {
    await this.#db.query("select * from ampsync.enqueue_http($1, $2, value_policy => $3)", [
      this.name,
      JSON.stringify({
        ...definitionOf(this.api),
        ...source,
        // Each has a bucket of its own: all read from one host.
        rate_limit: { bucket: this.name, ...Reflect.get(source, "rate_limit") },
      }),
      policy,
    ]);
  }

  pass(): Promise<AfterPass> {
    return this.worker.pass(this.name);
  }

  async query<T = Record<string, unknown>>(columns: string): Promise<T[]> {
    const { rows } = await this.#db.query(`select ${columns} from public.${this.name} t order by 1`);
    return rows as T[];
  }

  /** The column `data` holds what the API has, each record once. */
  async expectEqual(): Promise<void> {
    const { rows } = await this.#db.query("select t::jsonb as data from unnest($1::text[]) t order by 1", [
      this.api.records(),
    ]);
    expect(await this.query("data")).toEqual(rows);
  }

  /** The details of what was journaled, oldest first. */
  async events(event: string): Promise<unknown[]> {
    const { rows } = await this.#db.query(
      "select e.details from ampsync.events e where e.dataset = $1 and e.event = $2 order by e.at",
      [this.name, event],
    );
    return rows.map((row) => row["details"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker[Symbol.asyncDispose]();
    await this.api.stop();
  }
}
