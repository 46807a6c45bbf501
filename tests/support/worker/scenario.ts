import type { DevServerOptions } from "../../../src/devserver/server.ts";
import { type DevServer, startDevServer } from "../../../src/devserver/server.ts";
import type { Block, Source } from "../../../src/devserver/source.ts";
import { moveClock } from "../postgres/clock.ts";
import { createDatabase, type TestDatabase } from "../postgres/postgres.ts";
import { STALL_DEADLINE_MS, waitFor } from "../wait-for.ts";
import { FaultyWorker, type FaultyWorkerOptions } from "./faulty-worker.ts";
import { Worker, type WorkerOptions } from "./worker.ts";

/** Tables of a raw EVM dataset, which all our sources offer. */
export const EVM_TABLES = ["blocks", "logs", "transactions"] as const;

/** Options of ampsync.enqueue_sync, by its own names. */
export interface SyncOptions {
  readonly nul_policy?: string;
  readonly value_policy?: string;
  readonly on_deep_reorg?: string;
}

export interface StreamPosition {
  /** -1 before the first commit. */
  readonly block: number;
  readonly rows: number;
  readonly epoch: number;
  readonly holder: string | null;
  readonly isLeased: boolean;
}

/**
 * The whole product for one test: a database, a development Amp server in this
 * process, and workers in processes of their own. Disposing it ends them all.
 */
export class Scenario implements AsyncDisposable {
  readonly db: TestDatabase;
  readonly source: Source;
  server: DevServer;
  readonly #workers: Worker[] = [];

  private constructor(db: TestDatabase, server: DevServer, source: Source) {
    this.db = db;
    this.server = server;
    this.source = source;
  }

  static async start(options: DevServerOptions): Promise<Scenario> {
    const [db, server] = await Promise.all([createDatabase(), startDevServer(options)]);
    return new Scenario(db, server, options.source);
  }

  startWorker(options: Partial<WorkerOptions> = {}): Worker {
    const { flightAddress, adminAddress } = this.server;
    const worker = new Worker({ databaseUrl: this.db.url, flightAddress, adminAddress, ...options });
    this.#workers.push(worker);
    return worker;
  }

  /** A worker that stops where it is told to. */
  startFaultyWorker(options: Partial<FaultyWorkerOptions> = {}): FaultyWorker {
    const { flightAddress, adminAddress } = this.server;
    const worker = new FaultyWorker({ databaseUrl: this.db.url, flightAddress, adminAddress, ...options });
    this.#workers.push(worker);
    return worker;
  }

  /** Calls ampsync.enqueue_sync. */
  async sync(
    dataset: string,
    schema: string,
    tables: readonly string[] | null = null,
    options: SyncOptions = {},
  ): Promise<void> {
    await this.db.query(
      `select ampsync.enqueue_sync($1, $2, $3, nul_policy => $4, value_policy => $5, on_deep_reorg => $6)`,
      [
        dataset,
        tables,
        schema,
        options.nul_policy ?? null,
        options.value_policy ?? null,
        options.on_deep_reorg ?? null,
      ],
    );
  }

  /** Waits like `waitFor`; what was in the way is in the error. */
  async until(
    what: string,
    condition: () => Promise<boolean>,
    deadlineMs = STALL_DEADLINE_MS,
  ): Promise<void> {
    try {
      await waitFor(what, condition, deadlineMs);
    } catch (error) {
      const { rows } = await this.db.query(
        `select target, state, block, rows, error_code, reason, detail, next_retry, worker from ampsync.streams
         union all
         select dataset, state, block, rows, error_code, waiting_on, hint, next_retry, null from ampsync.status`,
      );
      const jobs = await this.db.query(
        `select id, key, attempts, locked_at, locked_by, run_at - clock_timestamp() as due_in, last_error
           from graphile_worker._private_jobs order by id`,
      );
      const found = [...rows, ...jobs.rows].map((row) => JSON.stringify(row)).join("\n");
      throw new Error(`${what}: not within ${deadlineMs} ms\n${found}`, {
        cause: error,
      });
    }
  }

  /** Waits until every stream of a schema committed this block, by default the head of the source. */
  async reaches(
    schema: string,
    streams: number,
    { number, hash }: Pick<Block, "number" | "hash"> = this.source.chain.head()!,
    deadlineMs = 20_000,
  ): Promise<void> {
    await this.until(
      `${streams} tables of ${schema} at block ${number} ${hash}`,
      async () => {
        const { rows } = await this.db.query(
          `select count(*)::int as arrived from ampsync.checkpoints
            where target_schema = $1 and watermark_block_num = $2 and watermark_block_hash = $3`,
          [schema, number, Buffer.from(hash.slice(2), "hex")],
        );
        return rows[0]!["arrived"] === streams;
      },
      deadlineMs,
    );
  }

  /** State of each stream of a schema, by table. */
  async states(schema: string): Promise<Record<string, string>> {
    const { rows } = await this.db.query(
      `select table_name, state from ampsync.streams where target like format('%I.%%', $1::text)`,
      [schema],
    );
    return Object.fromEntries(rows.map((row) => [row["table_name"], row["state"]]));
  }

  /** Makes everything that a dead worker held run out, and has the supervisor look at once. */
  async expireLeases(): Promise<void> {
    await moveClock(this.db, "31 seconds");
    // graphile-worker goes by the real clock, so the supervisor's next run, counted from the moved one, would be late.
    await this.db.query(
      "select graphile_worker.add_job('ampsync_supervise', job_key => 'ampsync_supervise')",
    );
  }

  /** The same, done here before another worker is there, which then finds the jobs at once. */
  async releaseDead(): Promise<void> {
    await moveClock(this.db, "31 seconds");
    await this.db.query("select ampsync_worker.supervise()");
    // graphile-worker goes by the real clock, which was not moved.
    await this.db.query("update graphile_worker._private_jobs set run_at = now() where run_at > now()");
  }

  /** Makes the next pass of every stream that backs off due, by graphile-worker's clock too. */
  async hurry(): Promise<void> {
    await this.db.query(
      `select graphile_worker.add_job('ampsync_stream', payload => json_build_object('stream_id', s.stream_id::text),
                job_key => j.key)
         from ampsync_private.stream s
         join graphile_worker.jobs j on j.key = 'ampsync_stream:' || s.stream_id
        where s.state = 'retrying' and j.locked_at is null and j.run_at > clock_timestamp()`,
    );
  }

  /** Block and rows of a stream, the epoch of its lease and who holds it. */
  async stream(table: string): Promise<StreamPosition> {
    const { rows } = await this.db.query(
      `select coalesce(s.checkpoint_block, -1)::int as block, s.row_total::int as rows,
              l.epoch::int, l.holder, l.lease_until is not null as "isLeased"
         from ampsync_private.stream s join ampsync_private.lease l using (stream_id)
        where s.table_name = $1 and s.shadow_of is null`,
      [table],
    );
    return rows[0] as StreamPosition; // As the query names them.
  }

  /** How often something was journaled. */
  async events(event: string): Promise<number> {
    const { rows } = await this.db.query("select count(*)::int as n from ampsync.events where event = $1", [
      event,
    ]);
    return rows[0]!["n"];
  }

  /** Stops the server, does something while it is away, and starts it again on the same ports. */
  async restartServer(meanwhile: () => void): Promise<void> {
    const [flightPort, adminPort] = [portOf(this.server.flightAddress), portOf(this.server.adminAddress)];
    await this.server.stop();
    meanwhile();
    this.server = await startDevServer({ source: this.source, flightPort, adminPort });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
    await this.server.stop();
    await this.db.drop();
  }
}

export function portOf(address: string): number {
  return Number(new URL(address).port);
}
