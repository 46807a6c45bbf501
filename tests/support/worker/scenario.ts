import { noMisbehaviour } from "../../../src/devserver/misbehaviour.ts";
import { type DevServer, type DevServerOptions, startDevServer } from "../../../src/devserver/server.ts";
import type { Source } from "../../../src/devserver/source.ts";
import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import { moveClock, queueFollowsClock } from "../postgres/clock.ts";
import { createDatabase, type TestDatabase } from "../postgres/postgres.ts";
import { releaseDead, untilSessionsAreOver } from "../postgres/queue.ts";
import { STALL_DEADLINE_MS, waitFor } from "../wait-for.ts";
import { FaultyWorker, type FaultyWorkerOptions } from "./faulty-worker.ts";
import { Sync } from "./sync.ts";
import { track } from "./tracked-workers.ts";
import { Worker } from "./worker.ts";
import type { WorkerAddresses, WorkerOptions, WorkerProcess } from "./worker-process.ts";

export interface ScenarioOptions extends Omit<DevServerOptions, "source"> {
  /** Published as `_/anvil@0.0.0`. Without one, each sync publishes its own: see `follow`. */
  readonly source?: Source;
  /** By default one of its own on the server that all tests share. */
  readonly db?: TestDatabase;
}

export interface SyncOptions {
  /** As SQL functions take it. */
  readonly dataset?: string;
  readonly schema?: string;
  /** Options of ampsync.enqueue_sync, by its own names. */
  readonly nul_policy?: string;
  readonly value_policy?: string;
  readonly on_deep_reorg?: string;
  readonly from_block?: number;
  readonly block_index?: string;
  readonly identity?: string;
}

/**
 * The whole product for one test or one file of tests: a database, a development Amp
 * server in this process, and workers in processes of their own. Disposing it ends them all.
 */
export class Scenario implements AsyncDisposable {
  readonly db: TestDatabase;
  server: DevServer;
  readonly #source: Source;
  readonly #workers: WorkerProcess[] = [];
  readonly #syncs: Sync[] = [];

  private constructor(db: TestDatabase, server: DevServer, source: Source) {
    this.db = db;
    this.server = server;
    this.#source = source;
  }

  static async start({ source, db: given, ...options }: ScenarioOptions = {}): Promise<Scenario> {
    const served = source ?? new GeneratedSource();
    const [db, server] = await Promise.all([
      given ?? createDatabase(),
      startDevServer({ published: source !== undefined, ...options, source: served }),
    ]);
    return new Scenario(db, server, served);
  }

  /** Set its members at any time to make the server misbehave. */
  get misbehaviour(): DevServer["misbehaviour"] {
    return this.server.misbehaviour;
  }

  /** The newest one. */
  get worker(): WorkerProcess {
    return this.#workers.at(-1)!;
  }

  startWorker(options: Partial<WorkerOptions> = {}): Worker {
    return this.#started(new Worker({ ...this.#addresses(), ...options }));
  }

  /** A worker of another command: see COMMANDS. */
  startWorkerOf(program: readonly string[]): Worker {
    return this.#started(new Worker(this.#addresses(), program));
  }

  /** A worker that stops where it is told to. */
  startFaultyWorker(options: Partial<FaultyWorkerOptions> = {}): FaultyWorker {
    return this.#started(new FaultyWorker({ ...this.#addresses(), ...options }));
  }

  /** Syncs these tables of what is published, all of them by default; waits for nothing. */
  async sync(tables: readonly string[] | null = null, options: SyncOptions = {}): Promise<Sync> {
    const { dataset = "anvil", schema = "chain" } = options;
    return await this.#sync(dataset, schema, this.#source, tables, options);
  }

  /** Publishes a source as a version of its own and syncs these tables of it into a schema of its own; waits for nothing. */
  async follow(
    source: Source,
    tables: readonly string[] = ["logs"],
    options: Omit<SyncOptions, "dataset" | "schema"> = {},
  ): Promise<Sync> {
    const number = this.#syncs.length + 1;
    const version = `0.0.${number}`;
    this.server.publish(version, source);
    return await this.#sync(`_/anvil@${version}`, `chain_${number}`, source, tables, options);
  }

  async #sync(
    dataset: string,
    schema: string,
    source: Source,
    tables: readonly string[] | null,
    options: SyncOptions,
  ): Promise<Sync> {
    const sync = new Sync(this, { dataset, schema, source, tables: tables ?? [...source.tables.keys()] });
    this.#syncs.push(sync);
    await this.db.query(
      `select ampsync.enqueue_sync($1, $2, $3, nul_policy => $4, value_policy => $5, on_deep_reorg => $6,
         from_block => $7, block_index => $8, identity => $9)`,
      [
        dataset,
        tables,
        schema,
        options.nul_policy ?? null,
        options.value_policy ?? null,
        options.on_deep_reorg ?? null,
        options.from_block ?? null,
        options.block_index ?? null,
        options.identity ?? null,
      ],
    );
    return sync;
  }

  async until(
    what: string,
    condition: () => Promise<boolean>,
    deadlineMs = STALL_DEADLINE_MS,
  ): Promise<void> {
    await waitFor(what, condition, deadlineMs);
  }

  /** How often something was journaled. */
  async events(event: string): Promise<number> {
    const { rows } = await this.db.query("select count(*)::int as n from ampsync.events where event = $1", [
      event,
    ]);
    return rows[0]!["n"];
  }

  /** Makes everything that a dead worker held run out, and has the supervisor look at once. */
  async expireLeases(): Promise<void> {
    await queueFollowsClock(this.db);
    await moveClock(this.db, "31 seconds");
    await this.wakeSupervisor();
  }

  /** Has it look at once. */
  async wakeSupervisor(): Promise<void> {
    await this.db.query(
      "select graphile_worker.add_job('ampsync_supervise', job_key => 'ampsync_supervise')",
    );
  }

  /** The same, done here before another worker is there, which then finds the jobs at once. */
  async releaseDead(): Promise<void> {
    if (!this.#workers.some(({ hasSessions }) => hasSessions)) await untilSessionsAreOver(this.db);
    await releaseDead(this.db);
  }

  /** Kills the newest worker, and has nothing of it left. */
  async killWorker(): Promise<void> {
    await this.worker.kill();
    await this.releaseDead();
  }

  /** Makes jobs due that wait for a later time, even those that are late only by a moved clock. */
  async hurry(): Promise<void> {
    await this.db.query(
      `select graphile_worker.add_job(t.identifier, j.payload, job_key => j.key)
         from graphile_worker._private_jobs j
         join graphile_worker._private_tasks t on t.id = j.task_id
        where t.identifier in ('ampsync_resolve', 'ampsync_stream', 'ampsync_index')
          and j.locked_at is null and j.run_at > clock_timestamp()`,
    );
  }

  /** After each test of a file: the server behaves again, and its streams give their slots back. */
  async reset(): Promise<void> {
    Object.assign(this.misbehaviour, noMisbehaviour());
    for (const { dataset } of this.#syncs) {
      await this.db.query("select ampsync.pause_sync($1)", [dataset]);
    }
    this.server.disconnectAll();
  }

  /** Stops the server, does something while it is away, and starts it again on the same ports. */
  async restartServer(meanwhile: () => void): Promise<void> {
    const [flightPort, adminPort] = [portOf(this.server.flightAddress), portOf(this.server.adminAddress)];
    await this.server.stop();
    meanwhile();
    this.server = await startDevServer({ source: this.#source, flightPort, adminPort });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
    await this.server.stop();
    await this.db.drop();
  }

  #addresses(): WorkerAddresses {
    const { flightAddress, adminAddress } = this.server;
    return { databaseUrl: this.db.url, flightAddress, adminAddress };
  }

  #started<W extends WorkerProcess>(worker: W): W {
    this.#workers.push(track(worker));
    return worker;
  }
}

export function portOf(address: string): number {
  return Number(new URL(address).port);
}
