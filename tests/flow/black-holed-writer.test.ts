import type { JobHelpers } from "graphile-worker";
import { expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";
import type { Deps } from "../../src/deps.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import type { FaultPoint } from "../../src/fault-points.ts";
import { createDeps } from "../../src/runtime.ts";
import { streamTask } from "../../src/tasks/ampsync_stream.ts";
import { LOCKS_HERE } from "../support/postgres/rivals.ts";
import { type Direction, type ProxiedConnection, TcpProxy } from "../support/tcp-proxy.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";

const WORKER = "worker-1";
/** A writer is looked after when it has waited this long; 30 s in production. */
const SILENCE_MS = 400;

interface Stall {
  readonly at: FaultPoint;
  readonly directions: readonly Direction[];
}

/**
 * A stream whose passes run in this process. The network can drop what its writer's
 * established connection carries; new ones, and the heartbeat's own, which keeps the lease, are well.
 */
class Rig implements AsyncDisposable {
  readonly scenario: Scenario;
  readonly sync: Sync;
  readonly source: GeneratedSource;
  readonly log: string[] = [];
  /** Comes once. */
  stall: Stall | null = null;
  readonly #proxy: TcpProxy;
  /** The connection that began to write last; those beside it in the pool are well. */
  #writer: ProxiedConnection | null = null;
  readonly #stop = new AbortController();
  readonly #deps: Promise<Deps>;
  #pass: Promise<void> = Promise.resolve();

  private constructor(scenario: Scenario, sync: Sync, source: GeneratedSource, proxy: TcpProxy) {
    this.scenario = scenario;
    this.sync = sync;
    this.source = source;
    this.#proxy = proxy;
    proxy.watch = (connection, _, bytes) => {
      if (bytes.includes("call ampsync_worker.begin_apply")) this.#writer = connection;
    };
    const env = {
      DATABASE_URL: proxy.url(scenario.db.url),
      AMP_FLIGHT_ADDR: scenario.server.flightAddress,
    };
    this.#deps = createDeps(
      parseConfig(env, () => ""),
      (line) => this.log.push(line),
      {
        heartbeat: { beatMs: 50, leaseMs: 30_000, silenceMs: SILENCE_MS },
        faults: { reach: (point) => this.#reach(point) },
      },
    );
  }

  static async start(): Promise<Rig> {
    const source = new GeneratedSource({ blocks: 30, logsPerBlock: 5 });
    const scenario = await Scenario.start({ source });
    const sync = await scenario.sync(["logs"], { dataset: "anvil@0.0.0" });
    await sync.register();
    return new Rig(scenario, sync, source, await TcpProxy.toPostgres(scenario.db.url));
  }

  #reach(point: FaultPoint): void {
    if (this.stall?.at === point) {
      for (const each of this.stall.directions) this.#writer!.stalled.add(each);
      this.stall = null;
    }
  }

  /** Begins a pass. */
  async begin(): Promise<void> {
    const deps = await this.#deps;
    deps.heartbeat.start(WORKER);
    const { rows } = await this.scenario.db.query("select stream_id from ampsync.streams");
    // All that the task looks at.
    const helpers = { job: { locked_by: WORKER }, abortSignal: this.#stop.signal } as JobHelpers;
    this.#pass = Promise.resolve(streamTask(deps)({ stream_id: rows[0]!["stream_id"] }, helpers)).then(
      () => {},
    );
  }

  /** Resolves when the pass is over; to what is shown then. */
  async end(): Promise<unknown> {
    await this.#pass;
    const { rows } = await this.scenario.db.query(
      "select state, error_code, reason, worker from ampsync.streams",
    );
    return rows[0];
  }

  async reachesHead(): Promise<void> {
    const head = Number(this.source.chain.head()!.number);
    await this.scenario.until(`block ${head}`, async () => (await this.sync.stream())?.block === head);
  }

  /** When the last heartbeat was, in milliseconds. */
  async lastBeat(): Promise<number> {
    const { rows } = await this.scenario.db.query("select heartbeat_at from ampsync_private.worker");
    return rows[0]!["heartbeat_at"].getTime();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#pass;
    await (await this.#deps).close();
    await this.#proxy[Symbol.asyncDispose]();
    await this.scenario[Symbol.asyncDispose]();
  }
}

test.each<[string, Stall]>([
  ["in mid-COPY", { at: "copy_begun", directions: ["up", "down"] }],
  ["after its last row, whose commit does not arrive", { at: "before_trailer", directions: ["up", "down"] }],
  ["after its commit, whose answer does not arrive", { at: "before_trailer", directions: ["down"] }],
])("a writer that is black-holed %s is given up, and the next pass goes on", async (_, stall) => {
  await using rig = await Rig.start();
  await rig.begin();
  await rig.reachesHead();

  rig.stall = stall;
  rig.source.mine(5);
  expect(await rig.end()).toMatchObject({
    state: "retrying",
    error_code: "SY104",
    reason: expect.stringContaining("fell silent"),
    worker: null,
  });

  await rig.begin();
  await rig.reachesHead();
  await rig.sync.expectSourceRows();
});

test("a writer whose backend waits for a lock is left alone, however long", async () => {
  await using rig = await Rig.start();
  await rig.begin();
  await rig.reachesHead();

  const blocker = await rig.scenario.db.client();
  await blocker.query("begin; lock table chain.logs in share mode");
  rig.source.mine(5);
  await rig.scenario.until("the writer to wait", async () => {
    const { rowCount } = await blocker.query(
      `select from ${LOCKS_HERE} where not granted and relation = 'chain.logs'::regclass`,
    );
    return rowCount === 1;
  });
  const since = await rig.lastBeat();
  const isLate = async () => (await rig.lastBeat()) > since + 3 * SILENCE_MS;
  await rig.scenario.until("beats that find the writer silent", isLate);
  await blocker.query("rollback");
  await rig.reachesHead();
  expect(rig.log.filter((line) => line.includes("stream_error"))).toEqual([]);
  await rig.sync.expectSourceRows();
});
