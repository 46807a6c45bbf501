// Takes 32 s.
import { createServer } from "node:net";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { Monitor, type Readyz } from "../support/health/monitor.ts";
import { letTimePass } from "../support/postgres/clock.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { ampsync } from "../support/worker/command.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { Worker } from "../support/worker/worker.ts";
import { COMMANDS, MAIN } from "../support/worker/worker-process.ts";

const NOBODY = "http://127.0.0.1:9";
const NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none";

describe("a worker at work", () => {
  const source = new GeneratedSource({ blocks: 100 });
  let scenario: Scenario;
  let monitor: Monitor;

  beforeAll(async () => {
    scenario = await Scenario.start({ source });
    monitor = await Monitor.create();
    scenario.startWorker({ env: monitor.env });
  });
  afterAll(async () => await scenario[Symbol.asyncDispose]());

  /** Does something while another session holds this lock. */
  async function whileLocked(table: string, work: () => Promise<void>): Promise<void> {
    const blocker = await scenario.db.client();
    await blocker.query(`begin; lock table ${table} in access exclusive mode`);
    try {
      await work();
    } finally {
      await blocker.query("rollback");
    }
  }

  /** Waits for an answer of /readyz: what it says may be a second old. */
  async function untilSaid(what: string, condition: (said: Readyz) => boolean): Promise<Readyz> {
    let said: Readyz | null = null;
    await scenario.until(what, async () => {
      said = await monitor.readyz().catch(() => null);
      return said !== null && condition(said);
    });
    return said!;
  }

  const untilReady = () => untilSaid("the worker to be ready", ({ ready }) => ready);
  const untilNotReady = () => untilSaid("the worker not to be ready", ({ ready }) => !ready);

  test("is ready without any dataset, and while it loads and follows one", async () => {
    await untilReady();
    const sync = await scenario.sync(["blocks", "logs"]);
    await sync.untilAll("live");
    const isShown = ({ tables }: Readyz) =>
      tables.length === 2 && tables.every(({ state }) => state === "live");
    expect(await untilSaid("both tables", isShown)).toMatchObject({
      status: 200,
      ready: true,
      reason: null,
      tables: [
        { dataset: "anvil", table: "blocks", ready: true, state: "live", block: "99", error_code: null },
        { dataset: "anvil", table: "logs", ready: true, state: "live", block: "99" },
      ],
    });
    expect(await ampsync(["health"], monitor.env)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('"ready": true'),
    });
  });

  test("is not ready while it is alive and stuck: one of its tables waits for a lock, the server holds more", async () => {
    await whileLocked("chain.logs", async () => {
      source.mine(5);
      await scenario.until("a heartbeat to see what the server holds more", async () => {
        const { rows } = await scenario.db.query(
          `select from ampsync_private.lease l join ampsync_private.stream s using (stream_id)
            where s.table_name = 'logs' and l.stalled_since is not null`, // The other table goes on.
        );
        return rows.length === 1;
      });
      await letTimePass(scenario.db, "301 s");

      const { status, tables } = await untilNotReady();
      expect(status).toBe(503);
      expect(tables).toMatchObject([
        { table: "logs", ready: false, reason: expect.stringContaining("nothing was committed for 300 s") },
        { table: "blocks", ready: true },
      ]);
      expect(await monitor.isAlive()).toBe(true);
      expect((await scenario.db.query("select state from ampsync.workers")).rows).toEqual([
        { state: "alive" },
      ]);
      expect(await ampsync(["health"], monitor.env)).toMatchObject({ exitCode: 1 });
      expect(await ampsync(["health", "--live"], monitor.env)).toMatchObject({
        exitCode: 0,
        stdout: "alive\n",
      });
    });
    await untilReady();
  });

  test("is not ready with a table that has failed, which ampsync.streams shows; its event loop turns on", async () => {
    await scenario.db.query("alter table chain.logs add constraint never check (_block_num < 0) not valid");
    source.mine(5);
    const { tables } = await untilNotReady();
    expect(tables).toMatchObject([
      { table: "logs", ready: false, reason: "it has failed", state: "failed", error_code: "SY203" },
      { table: "blocks", ready: true },
    ]);
    const { rows } = await scenario.db.query(
      "select state, error_code from ampsync.streams where table_name = 'logs'",
    );
    expect(rows).toEqual([{ state: "failed", error_code: "SY203" }]);
    expect(await monitor.isAlive()).toBe(true);
    expect(scenario.worker.hasSaid("not_ready")).toBe(true);

    await scenario.db.query("alter table chain.logs drop constraint never");
    await scenario.db.query("select ampsync.resume_sync('anvil')");
    await untilReady();
  });

  test("tells no address and no password, whatever it says", async () => {
    const { hostname, port, password } = new URL(scenario.db.url);
    const told: string[] = [];
    for (const path of ["/healthz", "/readyz", "/metrics", "/", "/readyz/../metrics"]) {
      told.push(await (await monitor.get(path)).text());
    }
    const secrets = [
      scenario.server.flightAddress,
      scenario.server.adminAddress,
      password,
      `${hostname}:${port}`,
    ];
    for (const secret of secrets.filter((each) => each.length > 1)) {
      expect(told.join("\n")).not.toContain(secret);
    }
  });

  test("answers within 2 s while the database does not", async () => {
    await whileLocked("ampsync_private.stream", async () => {
      const said = await untilNotReady();
      expect(said).toMatchObject({ status: 503, reason: "the database does not answer", tables: [] });
      const since = performance.now();
      await monitor.readyz();
      expect(performance.now() - since).toBeLessThan(10_000); // A guard: it would wait as long as the lock is held.
      expect(await monitor.isAlive()).toBe(true);
      expect((await monitor.scrape()).get("ampsync_database_up")).toBe(0);
    });
    await untilReady();
  });

  test("has no port any more when it has stopped", async () => {
    const worker = scenario.worker;
    worker.signal("SIGTERM");
    await worker.ended;
    expect(await monitor.isAlive()).toBe(false);
    expect(await ampsync(["health"], monitor.env)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("no worker answers"),
    });
  });
});

describe("the port", () => {
  test.each([
    ["ampsync worker", COMMANDS["ampsync worker"]],
    ["ampsync sync", [MAIN, "sync"]],
  ])("of %s is there before its database", async (_, program) => {
    const monitor = await Monitor.create();
    const worker = new Worker(
      { databaseUrl: NO_DATABASE, flightAddress: NOBODY, adminAddress: NOBODY, env: monitor.env },
      program,
    );
    await waitFor("the port", () => monitor.isAlive());
    expect(await monitor.readyz()).toMatchObject({ status: 503, reason: "the database does not answer" });
    await worker.kill();
  });

  test.each(Object.entries(COMMANDS))("of %s says that it waits for ampsync migrate", async (_, program) => {
    await using db = await createDatabase({ empty: true });
    const monitor = await Monitor.create();
    const worker = new Worker(
      { databaseUrl: db.url, flightAddress: NOBODY, adminAddress: NOBODY, env: monitor.env },
      program,
    );
    await waitFor("the worker to wait", () => worker.hasSaid("worker_waiting"));
    expect(await monitor.readyz()).toMatchObject({
      status: 503,
      reason: "the database lacks what this worker needs",
      hint: "ampsync migrate",
    });
    await worker.kill();
  });

  test("stays open while the database goes away in the middle of the start, and the worker begins later", async () => {
    await using db = await createDatabase({ empty: true });
    await using proxy = await TcpProxy.toPostgres(db.url);
    const monitor = await Monitor.create();
    const worker = new Worker(
      { databaseUrl: proxy.url(db.url), flightAddress: NOBODY, adminAddress: NOBODY, env: monitor.env },
      COMMANDS["ampsync worker"],
    );
    await waitFor("the worker to wait", () => worker.hasSaid("worker_waiting"));
    proxy.refuses = true;
    proxy.cutAll();
    await waitFor("the worker to try again", () => worker.hasSaid("db_connection_retry"));
    expect(await monitor.readyz()).toMatchObject({ status: 503, reason: "the database does not answer" });

    proxy.refuses = false;
    await migrate(db.url, { log: createLog("error", () => {}) });
    await waitFor("the worker to be ready", async () => (await monitor.readyz()).ready);
    await worker.kill();
  });

  test("does not keep ampsync sync alive that cannot install", async () => {
    await using db = await createDatabase();
    const monitor = await Monitor.create();
    const installer = await db.client();
    await installer.query("select pg_advisory_lock(hashtextextended('ampsync.migrate', 0))");
    const worker = new Worker(
      { databaseUrl: db.url, flightAddress: NOBODY, adminAddress: NOBODY, env: monitor.env },
      [MAIN, "sync"],
    );
    await waitFor("the installation to wait", () => worker.hasSaid("migrate_waiting"));
    expect(await monitor.readyz()).toMatchObject({ reason: "the worker has not begun" });
    await installer.query("alter table ampsync_private.migration rename to another");
    await installer.query("select pg_advisory_unlock_all()");
    expect(await worker.ended).toEqual({ code: 1, signal: null });
  });

  test.each(Object.entries(COMMANDS))("that is taken keeps %s from starting", async (_, program) => {
    await using db = await createDatabase();
    const monitor = await Monitor.create();
    const other = createServer().listen(monitor.port, "127.0.0.1");
    const worker = new Worker(
      { databaseUrl: db.url, flightAddress: NOBODY, adminAddress: NOBODY, env: monitor.env },
      program,
    );
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.tail()).toContain(
      `the health port ${monitor.port} of 127.0.0.1 cannot be opened: EADDRINUSE`,
    );
    other.close();
  });

  test("is not opened without a setting, and nobody can ask for it then", async () => {
    expect(await ampsync(["health"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("no health port is configured"),
    });
  });
});
