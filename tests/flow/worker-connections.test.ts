// Takes 24 s.
import { EventEmitter, once } from "node:events";

import { type Runner, run, type WorkerEvents } from "graphile-worker";
import type pg from "pg";
import { describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";
import { createLog } from "../../src/log.ts";
import { poolOf } from "../../src/queue/connections.ts";
import type { PluginOptions } from "../../src/queue/plugin.ts";
import { workerPreset } from "../../src/worker-preset.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { TcpProxy, type Watcher } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

const RARELY = { failingMs: 60_000, probeMs: 100 };
const SOON = { failingMs: 500, probeMs: 100 };

/** graphile-worker with our preset and a task of the test, behind a proxy. */
class CountingWorker implements AsyncDisposable {
  readonly #db: TestDatabase;
  readonly #lines: string[] = [];
  #runner: Runner | null = null;
  #pool: pg.Pool | null = null;
  #done = 0;
  /** Whether its process would end with 1. */
  hasFailed = false;

  private constructor(db: TestDatabase) {
    this.#db = db;
  }

  static async start(db: TestDatabase, proxy: TcpProxy, options: Partial<PluginOptions>) {
    const config = parseConfig({ DATABASE_URL: proxy.url(db.url) }, () => "");
    const made = new CountingWorker(db);
    const { plugins, worker } = workerPreset(config, {
      log: createLog("debug", (line) => made.#lines.push(line)),
      began: () => {},
      stopping: () => {}, // Else the process of the tests would be given time to end.
      ended: () => {},
      exitWithin: () => {
        made.hasFailed = true;
      },
      ...options,
    });
    const { taskDirectory: _, crontabFile: __, ...settings } = worker;
    const events: WorkerEvents = new EventEmitter();
    events.on("pool:create", ({ ctx }) => {
      made.#pool = poolOf(ctx);
    });
    made.#runner = await run({
      preset: { plugins, worker: { ...settings, pollInterval: 50, concurrentJobs: 1 } },
      taskList: { count: () => void made.#done++ },
      parsedCronItems: [],
      events,
      noHandleSignals: true,
    });
    return made;
  }

  get events(): WorkerEvents {
    return this.#runner!.events;
  }

  hasSaid(text: string): boolean {
    return this.#lines.some((line) => line.includes(text));
  }

  /** Adds a job and waits until it is done, and stored: a result that cannot be stored ends the worker. */
  async works(): Promise<void> {
    const before = this.#done;
    await this.#db.query("select graphile_worker.add_job('count')");
    // The row is gone before the worker is told so: when it uses no session but the listening one it has been.
    const isStored = async () => {
      const { rows } = await this.#db.query("select not exists (select from graphile_worker.jobs) as gone");
      const { totalCount, idleCount } = this.#pool!;
      return rows[0]!["gone"] && totalCount - idleCount <= 1;
    };
    await waitFor("a job to be done", async () => this.#done > before && (await isStored()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner?.stop().catch(() => {}); // It may have stopped on its own.
  }
}

/** Cuts each connection in which the client sends this text. */
function cutAt(text: string): Watcher {
  return (connection, direction, bytes) => {
    if (direction === "up" && bytes.includes(text)) connection.cut("reset");
  };
}

// The preset is what the plain graphile-worker command reads; only its tasks are replaced.
test("graphile-worker leaves connections that fell silent, and takes jobs again on new ones", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using worker = await CountingWorker.start(db, proxy, { answerMs: 500, health: RARELY });
  await worker.works();
  for (const connection of proxy.connections) connection.stalled.add("up").add("down");
  await once(worker.events, "worker:getJob:error");
  await worker.works();
});

test("graphile-worker gives up connections that never open, and takes jobs again on new ones", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using worker = await CountingWorker.start(db, proxy, { health: RARELY });
  await worker.works();
  proxy.blackHole = true;
  const old = new Set(proxy.connections);
  proxy.cutAll();
  const inTheDark = () => proxy.connections.filter((connection) => !old.has(connection)).length;
  await waitFor("it to listen and to ask for jobs in the dark", () => inTheDark() >= 2);
  proxy.blackHole = false; // Those stay in the dark.
  await worker.works();
});

test("graphile-worker looks for jobs again as soon as a server has started, and says meanwhile that it has not", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using worker = await CountingWorker.start(db, proxy, { health: RARELY });
  await worker.works();
  const fields = "SFATAL\0C57P03\0Mthe database system is starting up\0\0";
  const head = Buffer.from("E\0\0\0\0");
  head.writeInt32BE(4 + fields.length, 1);
  proxy.answer = Buffer.concat([head, Buffer.from(fields)]);
  proxy.cutAll();
  await waitFor("it to say so", () => worker.hasSaid("starting up"));
  proxy.answer = null;
  await worker.works();
});

test("all sessions of graphile-worker say whose they are", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using worker = await CountingWorker.start(db, proxy, { health: RARELY });
  await worker.works();
  const { rows } = await db.query(
    `select distinct a.application_name as name from pg_stat_activity a
      where a.datname = current_database() and a.pid <> pg_backend_pid()`,
  );
  expect(rows).toEqual([{ name: "ampsync queue" }]);
});

test.each([
  ["worker:migrate", '{"migrationNumber": 999, "breaking": true}'],
  ["ampsync_schema", "migrated"],
])("a notification on %s of somebody who may only connect stops no worker", async (channel, payload) => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using worker = await CountingWorker.start(db, proxy, { health: RARELY });
  await worker.works();
  await db.query("select pg_notify($1, $2)", [channel, payload]);
  await worker.works();
  // It listens on another connection now: nothing was forgotten there.
  proxy.cutAll();
  await once(worker.events, "pool:listen:success");
  await worker.works();
  await db.query("select pg_notify($1, $2)", [channel, payload]);
  await worker.works();
  expect(worker.hasFailed).toBe(false);
});

describe("a worker that gets no jobs", () => {
  test("ends once it is sure that the queue answers others", async () => {
    await using db = await createDatabase();
    await using proxy = await TcpProxy.toPostgres(db.url);
    // graphile-worker asks for the ids of its tasks once, and keeps the error.
    proxy.watch = cutAt("_private_tasks");
    await using worker = await CountingWorker.start(db, proxy, { health: SOON });
    await waitFor("trouble", () => worker.hasSaid("queue_failing"));
    proxy.watch = null;
    await waitFor("the end", () => worker.hasFailed);
    expect(worker.hasSaid("worker_gets_no_jobs")).toBe(true);
  });

  test("waits in an outage, and goes on after it", async () => {
    await using db = await createDatabase();
    await using proxy = await TcpProxy.toPostgres(db.url);
    await using worker = await CountingWorker.start(db, proxy, { health: SOON });
    await worker.works();
    proxy.refuses = true;
    proxy.cutAll();
    await hasAskedFor(worker, 4 * SOON.failingMs);
    expect(worker.hasFailed).toBe(false);
    proxy.refuses = false;
    await worker.works();
    await waitFor("the good news", () => worker.hasSaid("queue_recovered"));
    expect(worker.hasFailed).toBe(false);
  });

  test("waits while nobody may write, as on a standby, and ends if it works no better after that", async () => {
    await using db = await createDatabase();
    await using proxy = await TcpProxy.toPostgres(db.url);
    await db.query("truncate graphile_worker._private_tasks cascade"); // Its first query is to write.
    await db.query(`alter database ${db.name} set default_transaction_read_only = on`);
    await using worker = await CountingWorker.start(db, proxy, { health: SOON });
    await hasAskedFor(worker, 4 * SOON.failingMs);
    expect(worker.hasFailed).toBe(false);
    await db.query(`alter database ${db.name} reset default_transaction_read_only`);
    proxy.cutAll(); // As the end of a standby does; sessions keep the setting.
    await waitFor("the end", () => worker.hasFailed);
  });

  test("waits for a lock on the queue", async () => {
    await using db = await createDatabase();
    await using proxy = await TcpProxy.toPostgres(db.url);
    await using worker = await CountingWorker.start(db, proxy, { answerMs: 1_000, health: SOON });
    await worker.works();
    const locker = await db.client();
    await locker.query("begin; lock table graphile_worker._private_jobs");
    await hasAskedFor(worker, 4 * SOON.failingMs);
    expect(worker.hasFailed).toBe(false);
    await locker.query("rollback");
    // Those whose answer was not waited for would take the next job, for nobody.
    await waitFor("the forgotten ones to be done", async () => {
      const { rowCount } = await db.query(
        `select from pg_stat_activity a
          where a.datname = current_database() and a.application_name = 'ampsync queue' and a.state = 'active'`,
      );
      return rowCount === 0;
    });
    await worker.works();
  });
});

/** Waits until it has got errors for so long. */
async function hasAskedFor(worker: CountingWorker, ms: number): Promise<void> {
  await once(worker.events, "worker:getJob:error");
  const until = performance.now() + ms;
  while (performance.now() < until) await once(worker.events, "worker:getJob:error");
}

test("a worker ends with an error when the result of a job cannot be stored", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using worker = await CountingWorker.start(db, proxy, { health: RARELY });
  await worker.works();
  proxy.watch = cutAt("complete_job");
  await db.query("select graphile_worker.add_job('count')");
  await waitFor("the end", () => worker.hasFailed);
  expect(worker.hasSaid("worker_ended")).toBe(true);
});

test("a worker that is told to stop ends well", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  const worker = await CountingWorker.start(db, proxy, { health: RARELY });
  await worker.works();
  await worker[Symbol.asyncDispose]();
  expect(worker.hasFailed).toBe(false);
});
