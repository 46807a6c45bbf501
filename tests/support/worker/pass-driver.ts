import { setTimeout as pause } from "node:timers/promises";

import type { JobHelpers } from "graphile-worker";
import { parseConfig } from "../../../src/config.ts";
import type { Deps } from "../../../src/deps.ts";
import type { Identity } from "../../../src/encoder/plan.ts";
import type { FaultPoint, Faults } from "../../../src/fault-points.ts";
import { COMMIT_LIMITS, type CommitLimits } from "../../../src/model/limits.ts";
import { Permits } from "../../../src/model/permits.ts";
import { createDeps } from "../../../src/runtime.ts";
import { streamTask } from "../../../src/tasks/ampsync_stream.ts";
import type { Connection } from "../postgres/sql-stream.ts";

const BETWEEN_PASSES_MS = 30;

export interface PassDriverOptions {
  readonly databaseUrl: string;
  readonly flightAddress: string;
  readonly limits?: Partial<CommitLimits>;
  /** How many streams catch up at once, instead of as many as in production. */
  readonly catchUps?: number;
  /** Called after each commit, before the pass takes notice of it. */
  readonly onCommit?: () => Promise<void>;
}

/** What ampsync.enqueue_sync takes. */
export interface SyncedDataset {
  /** Must name a fixed revision, so that a lookup has nothing to find out. */
  readonly dataset: string;
  readonly schema: string;
  readonly tables: readonly string[];
  readonly identity?: Identity;
}

/** Syncs a dataset and looks it up at once; resolves to the ids of its streams. */
export async function syncAtOnce(
  db: Connection,
  { dataset, schema, tables, identity = "content" }: SyncedDataset,
): Promise<readonly string[]> {
  await db.query("select ampsync.enqueue_sync($1, $2, $3, identity => $4)", [
    dataset,
    tables,
    schema,
    identity,
  ]);
  return await registerStreams(db, schema);
}

/** Registers the streams of a schema, as a lookup of its dataset does it; resolves to their ids. */
export async function registerStreams(db: Connection, schema: string): Promise<readonly string[]> {
  await db.query(
    `select ampsync_worker.register_streams(d.dataset_id, d.revision, null, d.tables)
       from ampsync_private.dataset d where d.target_schema = $1`,
    [schema],
  );
  const { rows } = await db.query(
    "select s.stream_id::text as id from ampsync_private.stream s where s.target_schema = $1 order by s.stream_id",
    [schema],
  );
  return rows.map((row) => row["id"]);
}

/**
 * The passes of a worker without its process and queue: one pass after another of
 * each of some streams, with our own code from acquire_lease to end_pass. Sends no
 * heartbeats: its leases last 30 s.
 */
export class PassDriver {
  readonly #deps: Deps;
  readonly #name: string;
  readonly #stop = new AbortController();
  readonly #gate: Gate;
  #loops: readonly Promise<void>[] = [];

  private constructor(name: string, deps: Deps, gate: Gate) {
    this.#name = name;
    this.#deps = deps;
    this.#gate = gate;
  }

  static async start(
    name: string,
    streamIds: readonly string[],
    options: PassDriverOptions,
  ): Promise<PassDriver> {
    const gate = new Gate(options.onCommit);
    const config = parseConfig(
      {
        DATABASE_URL: options.databaseUrl,
        DB_POOL_SIZE: String(3 + streamIds.length),
        AMP_FLIGHT_ADDR: options.flightAddress,
        AMP_ADMIN_API_ADDR: "off",
        AMP_LOG: "error",
      },
      () => "",
    );
    const limits = { ...COMMIT_LIMITS, ...options.limits };
    const made = await createDeps(config, () => {}, { faults: gate, limits });
    const { catchUps } = options;
    const deps = catchUps === undefined ? made : { ...made, catchUps: new Permits(catchUps) };
    const driver = new PassDriver(name, deps, gate);
    driver.#loops = streamIds.map((id) => driver.#loop(id));
    return driver;
  }

  /** Each pass stands still at the next statement boundary it reaches. */
  freeze(): void {
    this.#gate.shut();
  }

  /** Lets what is frozen go on, as after SIGCONT. */
  thaw(): void {
    this.#gate.open();
  }

  /** Ends at the next statement boundaries; nothing is tidied up, as after SIGKILL. */
  async kill(): Promise<void> {
    this.#gate.kill();
    await this.stop();
  }

  /** Gives the leases back and ends, as after SIGTERM. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
    await this.#deps.close();
  }

  async #loop(streamId: string): Promise<void> {
    const task = streamTask(this.#deps);
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const job = { id: streamId, locked_by: this.#name };
      await this.#gate.passed().catch(() => {});
      // All that the task looks at.
      const helpers = { job, abortSignal: signal } as unknown as JobHelpers;
      await Promise.resolve(task({ stream_id: streamId }, helpers)).catch(() => {}); // Killed, or no connection.
      await pause(BETWEEN_PASSES_MS);
    }
  }
}

/** The fault points of one driver. */
class Gate implements Faults {
  readonly #onCommit: (() => Promise<void>) | undefined;
  #shut: PromiseWithResolvers<void> | null = null;

  constructor(onCommit: (() => Promise<void>) | undefined) {
    this.#onCommit = onCommit;
  }

  async reach(point: FaultPoint): Promise<void> {
    if (point === "commit_answered") await this.#onCommit?.();
    await this.passed();
  }

  /** Resolves when it is open, rejects after a kill. */
  async passed(): Promise<void> {
    await this.#shut?.promise;
  }

  shut(): void {
    this.#shut ??= Promise.withResolvers();
  }

  open(): void {
    this.#shut?.resolve();
    this.#shut = null;
  }

  kill(): void {
    this.shut();
    this.#shut?.promise.catch(() => {}); // Perhaps nobody stands there.
    this.#shut?.reject(new Error("this worker was killed"));
  }
}
