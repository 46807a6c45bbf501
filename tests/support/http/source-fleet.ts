import { ApiServer, type ApiServerOptions } from "../../../src/devserver/http/api-server.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { releaseDead, untilSessionsAreOver } from "../postgres/queue.ts";
import { STALL_DEADLINE_MS, waitFor } from "../wait-for.ts";
import { FaultyWorker } from "../worker/faulty-worker.ts";
import { type FaultyWorkerSettings, WorkerProcess } from "../worker/worker-process.ts";
import { definitionOf } from "./definitions.ts";

const NOWHERE = "http://127.0.0.1:1";
export const DATA = { from: "", type: "jsonb", not_null: true };

/** A source of a fleet, and the API that it reads. */
export interface FleetSource {
  /** Of dataset and table. */
  readonly name: string;
  readonly api?: ApiServerOptions;
  /** Before anybody reads it. */
  readonly prepare?: (api: ApiServer) => void;
  /** Keys of the definition, beside those of the style. */
  readonly source?: Readonly<Record<string, unknown>>;
  readonly valuePolicy?: string;
  readonly nulPolicy?: string;
}

export interface FleetMember extends FleetSource {
  readonly api: ApiServerOptions;
  readonly server: ApiServer;
  readonly streamId: string;
}

/** A source as it is shown, and what is counted of it. */
export interface FleetRow {
  readonly name: string;
  readonly state: string;
  readonly code: string | null;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly records: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly rows: number;
}

const ROWS = `
  select v.dataset as name, v.state, v.error_code as code, v.reason, v.detail, v.hint, s.records::int,
         s.duplicates::int, s.row_total::int as rows,
         (select count(*)::int from ampsync_private.reject r where r.stream_id = s.stream_id) as rejected
    from ampsync.streams v
    join ampsync_private.dataset d on d.label = v.dataset
    join ampsync_private.stream s on s.dataset_id = d.dataset_id`;

/** Many HTTP sources in one database, each with a server of its own in this process, read by workers in theirs. */
export class SourceFleet implements AsyncDisposable {
  readonly db: TestDatabase;
  readonly members: ReadonlyMap<string, FleetMember>;
  readonly #workers: WorkerProcess[] = [];

  private constructor(db: TestDatabase, members: readonly FleetMember[]) {
    this.db = db;
    this.members = new Map(members.map((member) => [member.name, member]));
  }

  /** The sources are enqueued; nobody reads them yet. */
  static async start(db: TestDatabase, sources: readonly FleetSource[]): Promise<SourceFleet> {
    const members: FleetMember[] = [];
    for (const source of sources) members.push(await enqueued(db, source));
    return new SourceFleet(db, members);
  }

  get workers(): readonly WorkerProcess[] {
    return this.#workers;
  }

  server(name: string): ApiServer {
    return this.members.get(name)!.server;
  }

  startWorker(program?: readonly string[], env: Readonly<Record<string, string>> = {}): WorkerProcess {
    return this.#started(new WorkerProcess({ ...this.#addresses(), env: this.#environment(env) }, program));
  }

  startFaultyWorker(settings: FaultyWorkerSettings = {}): FaultyWorker {
    return this.#started(new FaultyWorker({ ...this.#addresses(), ...settings, env: this.#environment({}) }));
  }

  async rows(): Promise<ReadonlyMap<string, FleetRow>> {
    const { rows } = await this.db.query<FleetRow & { readonly [key: string]: unknown }>(ROWS);
    return new Map(rows.map((row) => [row.name, row]));
  }

  /** Waits until it holds for every source. */
  async until(
    what: string,
    condition: (row: FleetRow) => boolean,
    deadlineMs = STALL_DEADLINE_MS,
  ): Promise<void> {
    await waitFor(what, async () => [...(await this.rows()).values()].every(condition), deadlineMs);
  }

  async complete(deadlineMs?: number): Promise<void> {
    await this.until("all runs to be complete", ({ state }) => state === "complete", deadlineMs);
  }

  /** Everything that a dead worker held has run out; the next one finds its jobs at once. */
  async releaseDead(): Promise<void> {
    if (!this.#workers.some(({ hasSessions }) => hasSessions)) await untilSessionsAreOver(this.db);
    await this.db.query("update ampsync_private.stream set deaths = 0 where deaths > 0"); // Of us, not of its data.
    await releaseDead(this.db);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
    await Promise.all([...this.members.values()].map(({ server }) => server.stop()));
  }

  #addresses() {
    return { databaseUrl: this.db.url, flightAddress: NOWHERE, adminAddress: NOWHERE };
  }

  #environment(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const hosts = [...this.members.values()].map(
      ({ server }) => `http://${new URL(server.origin).host}=API_KEY+OTHER_KEY`,
    );
    const secrets = { AMPSYNC_SECRET_API_KEY: FLEET_SECRET, AMPSYNC_SECRET_OTHER_KEY: OTHER_SECRET };
    return { AMPSYNC_HTTP_ALLOW: hosts.join(","), ...secrets, ...env };
  }

  #started<W extends WorkerProcess>(worker: W): W {
    this.#workers.push(worker);
    return worker;
  }
}

export const FLEET_SECRET = "s3cret/k%y+1";
export const OTHER_SECRET = "0ther s3cret";

/** Each source has a bucket of its own: they read from one host. */
async function enqueued(db: TestDatabase, given: FleetSource): Promise<FleetMember> {
  const { name, api = {}, prepare, source = {}, valuePolicy = null, nulPolicy = null } = given;
  const server = await ApiServer.start(api);
  prepare?.(server);
  const definition = definitionOf(server);
  const document = {
    ...definition,
    columns: { ...definition.columns, data: DATA },
    ...source,
    rate_limit: { bucket: name, ...Object(source["rate_limit"]) },
  };
  await db.query("select ampsync.enqueue_http($1, $2, value_policy => $3, nul_policy => $4)", [
    name,
    JSON.stringify(document),
    valuePolicy,
    nulPolicy,
  ]);
  const { rows } = await db.query(
    "select stream_id::text as id from ampsync_private.stream join ampsync_private.dataset d using (dataset_id) where d.label = $1",
    [name],
  );
  return { ...given, api, server, streamId: rows[0]!["id"] };
}
