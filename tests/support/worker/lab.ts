import { noMisbehaviour } from "../../../src/devserver/misbehaviour.ts";
import type { DevServer, DevServerOptions } from "../../../src/devserver/server.ts";
import type { Block, Source } from "../../../src/devserver/source.ts";
import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import { expectSourceRows } from "../chain/generated.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { Scenario, type SyncOptions } from "./scenario.ts";
import type { Worker, WorkerOptions } from "./worker.ts";

/** A stream as `ampsync.streams` shows it. */
export interface StreamRow {
  readonly state: string;
  /** -1 before the first commit. */
  readonly block: number;
  readonly rows: number;
  readonly code: string | null;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly hint: string | null;
  readonly attempts: number;
  /** Seconds until it is tried again. */
  readonly retryIn: number | null;
}

export interface LabOptions extends Omit<DevServerOptions, "source" | "published"> {
  /** What is different for the worker, such as a proxy before the server. */
  readonly worker?: (server: DevServer) => Promise<Partial<WorkerOptions>>;
}

/**
 * One database, one server and one worker process for all tests of a file. Each
 * test syncs a source of its own: a version of the dataset, into a schema of its own.
 */
export class Lab implements AsyncDisposable {
  readonly scenario: Scenario;
  worker: Worker;
  readonly #syncs: Sync[] = [];

  private constructor(scenario: Scenario, worker: Worker) {
    this.scenario = scenario;
    this.worker = worker;
  }

  static async start({ worker, ...server }: LabOptions = {}): Promise<Lab> {
    const scenario = await Scenario.start({ ...server, source: new GeneratedSource(), published: false });
    return new Lab(scenario, scenario.startWorker(await worker?.(scenario.server)));
  }

  get db(): TestDatabase {
    return this.scenario.db;
  }

  get server(): DevServer {
    return this.scenario.server;
  }

  get misbehaviour(): DevServer["misbehaviour"] {
    return this.scenario.server.misbehaviour;
  }

  /** Publishes the source and syncs these tables of it; waits for nothing. */
  async sync(source: Source, tables: readonly string[] = ["logs"], options: SyncOptions = {}): Promise<Sync> {
    const number = this.#syncs.length + 1;
    const sync = new Sync(this, `0.0.${number}`, `chain_${number}`, source, tables);
    this.#syncs.push(sync);
    this.server.publish(sync.version, source);
    await this.scenario.sync(sync.dataset, sync.schema, tables, options);
    return sync;
  }

  /** After each test: the server behaves again, and its streams give their slots back. */
  async reset(): Promise<void> {
    Object.assign(this.misbehaviour, noMisbehaviour());
    for (const { dataset } of this.#syncs) {
      await this.db.query("select ampsync.pause_sync($1)", [dataset]);
    }
    this.server.disconnectAll();
  }

  /** Kills the worker; `restart` begins anew. */
  async kill(): Promise<void> {
    await this.worker.kill();
    await this.scenario.releaseDead();
  }

  restart(): void {
    this.worker = this.scenario.startWorker();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scenario[Symbol.asyncDispose]();
  }
}

/** One source, synced. */
export class Sync {
  readonly version: string;
  readonly schema: string;
  readonly source: Source;
  readonly tables: readonly string[];
  readonly #lab: Lab;

  constructor(lab: Lab, version: string, schema: string, source: Source, tables: readonly string[]) {
    this.#lab = lab;
    this.version = version;
    this.schema = schema;
    this.source = source;
    this.tables = tables;
  }

  /** As SQL functions take it. */
  get dataset(): string {
    return `_/anvil@${this.version}`;
  }

  /** Null before the stream is registered. */
  async stream(table = this.tables[0]!): Promise<StreamRow | null> {
    const { rows } = await this.#lab.db.query(
      `select s.state, coalesce(s.block, -1)::int as block, s.rows::int, s.error_code as code, s.reason, s.detail,
              s.hint, s.attempts, extract(epoch from s.next_retry - ampsync_private.now())::float8 as "retryIn"
         from ampsync.streams s where s.target = format('%I.%I', $1::text, $2::text)`,
      [this.schema, table],
    );
    return (rows[0] as StreamRow | undefined) ?? null; // As the query names them.
  }

  async until(
    what: string,
    condition: (stream: StreamRow) => boolean | Promise<boolean>,
    deadlineMs?: number,
  ): Promise<StreamRow> {
    let seen: StreamRow | null = null;
    await this.#lab.scenario.until(
      what,
      async () => {
        seen = await this.stream();
        return seen !== null && (await condition(seen));
      },
      deadlineMs,
    );
    return seen!;
  }

  /** Waits until all tables hold this block, by default the head; what waits for a later time is due at once. */
  async reaches(
    { number, hash }: Pick<Block, "number" | "hash"> = this.source.chain.head()!,
    deadlineMs?: number,
  ): Promise<void> {
    await this.#lab.scenario.until(
      `${this.tables} of ${this.schema} at block ${number} ${hash}`,
      async () => {
        await this.hurry();
        const { rows } = await this.#lab.db.query(
          `select count(*)::int as arrived from ampsync.checkpoints
            where target_schema = $1 and watermark_block_num = $2 and watermark_block_hash = $3`,
          [this.schema, number, Buffer.from(hash.slice(2), "hex")],
        );
        return rows[0]!["arrived"] === this.tables.length;
      },
      deadlineMs,
    );
  }

  /** Makes jobs due that wait for a later time, also those that are late only by a moved clock. */
  async hurry(): Promise<void> {
    await this.#lab.db.query(
      `select graphile_worker.add_job(t.identifier, j.payload, job_key => j.key)
         from graphile_worker._private_jobs j
         join graphile_worker._private_tasks t on t.id = j.task_id
        where t.identifier in ('ampsync_resolve', 'ampsync_stream')
          and j.locked_at is null and j.run_at > clock_timestamp()`,
    );
  }

  /** Fails unless its tables hold what a well-behaved server sends of the source now. */
  async expectEqual(): Promise<void> {
    await expectSourceRows(this.#lab.db, this.schema, this.source, this.tables);
  }

  /** How often something of its streams was journaled. */
  async events(event: string): Promise<number> {
    const { rows } = await this.#lab.db.query(
      "select count(*)::int as n from ampsync.events where split_part(dataset, '@', 2) = $1 and event = $2",
      [this.version, event],
    );
    return rows[0]!["n"];
  }
}
