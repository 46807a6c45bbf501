import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { EVM_TABLES } from "../support/chain/evm-tables.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { buildFormer, type FormerProgram, hasFormer } from "../support/release/former-program.ts";
import { loadKeptSchema, OLDEST } from "../support/release/kept-schema.ts";
import { FORMER } from "../support/release/releases.ts";
import { waitFor } from "../support/wait-for.ts";
import { ChainWatch } from "../support/watch/chain-watch.ts";
import { mining } from "../support/watch/mining.ts";
import { Scenario } from "../support/worker/scenario.ts";
import type { Sync } from "../support/worker/sync.ts";
import type { Worker } from "../support/worker/worker.ts";
import { COMMANDS, environmentOf } from "../support/worker/worker-process.ts";

const PER_BLOCK = { blocks: 1, logs: 3, transactions: 1 };
const BLOCK_MS = 100;

const log = createLog("error", () => {});

/** Three tables that two workers move, while the chain goes on and a reader looks. */
class Load implements AsyncDisposable {
  readonly scenario: Scenario;
  readonly #source: GeneratedSource;
  readonly #sync: Sync;
  readonly #watch: ChainWatch;
  readonly #mining: Disposable;

  private constructor(scenario: Scenario, source: GeneratedSource, sync: Sync, watch: ChainWatch) {
    this.scenario = scenario;
    this.#source = source;
    this.#sync = sync;
    this.#watch = watch;
    this.#mining = mining(source, watch, BLOCK_MS);
  }

  static async start(
    db: TestDatabase,
    startWorker: (scenario: Scenario) => Worker,
  ): Promise<[Load, Worker[]]> {
    const source = new GeneratedSource({
      blocks: 300,
      logsPerBlock: PER_BLOCK.logs,
      transactionsPerBlock: PER_BLOCK.transactions,
    });
    const scenario = await Scenario.start({ db, source });
    const workers = [startWorker(scenario), startWorker(scenario)];
    const sync = await scenario.sync(EVM_TABLES);
    await sync.reaches();
    const watch = new ChainWatch(await db.client(), sync.schema, source, PER_BLOCK);
    watch.remember();
    watch.poll();
    return [new Load(scenario, source, sync, watch), workers];
  }

  /** Waits until every table is beyond what is the head now. */
  async moves(): Promise<void> {
    const { number } = this.#source.chain.head()!;
    await this.scenario.until("all tables to move", async () => {
      const { rows } = await this.scenario.db.query(
        "select count(*)::int as beyond from ampsync.streams where block > $1",
        [number],
      );
      return rows[0]!["beyond"] === EVM_TABLES.length;
    });
  }

  /** Stops each worker once its successor runs. */
  async replace(workers: readonly Worker[], start: () => Worker): Promise<void> {
    for (const worker of workers) {
      const successor = start();
      await this.scenario.until("the successor to begin", async () => {
        const { rows } = await this.scenario.db.query("select from ampsync.workers where pid = $1", [
          successor.pid,
        ]);
        return rows.length === 1;
      });
      worker.signal("SIGTERM");
      expect(await worker.ended).toMatchObject({ code: 0 });
      await this.moves();
    }
  }

  /** Fails if the reader saw a fault, or if the tables are not what the source holds in the end. */
  async expectAllIsWell(): Promise<void> {
    this.#mining[Symbol.dispose]();
    await this.#sync.reaches();
    await this.#watch.look();
    expect(this.#watch.faults).toEqual([]);
    await this.#sync.expectSourceRows();
    const { rows } = await this.scenario.db.query("select * from ampsync.verify($1)", [this.#sync.label]);
    expect(rows).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#mining[Symbol.dispose]();
    await this.#watch[Symbol.asyncDispose]();
    await this.scenario[Symbol.asyncDispose]();
  }
}

test("workers that are replaced one by one under load lose and double nothing", async () => {
  const start = (scenario: Scenario) => scenario.startWorkerOf(COMMANDS["ampsync worker"]);
  const [load, workers] = await Load.start(await createDatabase(), start);
  await using running = load;
  await running.replace(workers, () => start(running.scenario));
  await running.expectAllIsWell();
});

const isThere = await hasFormer();
const about = isThere ? "" : " (skipped: this checkout has no history)";

describe.skipIf(!isThere)(`a worker of ${FORMER.version}${about}`, () => {
  let former: FormerProgram;
  beforeAll(async () => {
    former = await buildFormer();
  });
  afterAll(() => former.remove());

  const command = () => [former.main, "worker"];

  /** A database as that release installs it. */
  async function formerDatabase(): Promise<TestDatabase> {
    const db = await createDatabase({ empty: true });
    const nowhere = { flightAddress: "http://127.0.0.1:1", adminAddress: "http://127.0.0.1:1" };
    await promisify(execFile)(process.execPath, [former.main, "migrate"], {
      env: environmentOf({ databaseUrl: db.url, ...nowhere }),
    });
    return db;
  }

  test("works on while its database is migrated, and is then replaced under load: nothing is lost or doubled", async () => {
    const [load, workers] = await Load.start(await formerDatabase(), (scenario) =>
      scenario.startWorkerOf(command()),
    );
    await using running = load;
    await migrate(running.scenario.db.url, { log });
    await running.moves();
    expect(workers.map(({ hasEnded }) => hasEnded)).toEqual([false, false]);
    await running.replace(workers, () => running.scenario.startWorkerOf(COMMANDS["ampsync worker"]));
    await running.expectAllIsWell();
  });

  test("is refused in words beside a schema that it does not fit", async () => {
    await using scenario = await Scenario.start();
    await scenario.db.query(
      `insert into ampsync_private.migration (name, sha256, breaking, version)
       values ('migrations/9999_breaks.sql', 'unknown', true, '99.0.0')`,
    );
    const worker = scenario.startWorkerOf(command());
    expect(await worker.ended).toMatchObject({ code: 1 });
    expect(worker.hasSaid("ERROR SY901: the database is too new for this version of ampsync")).toBe(true);
    expect(worker.hasSaid("HINT: Run ampsync 99.0.0 or newer.")).toBe(true);
  });
});

test("a worker beside the schema of an older release waits there for ampsync migrate", async () => {
  const db = await createDatabase({ empty: true });
  await using scenario = await Scenario.start({ db });
  await loadKeptSchema(await db.client(), OLDEST);
  const worker = scenario.startWorker();
  await waitFor("it to wait", () => worker.hasSaid("worker_waiting"));
  expect(worker.hasSaid("ampsync migrate")).toBe(true);
  await migrate(db.url, { log });
  await waitFor("it to go on", () => worker.hasSaid("worker_goes_on"));
});
