// Takes 38 s.
import { runMigrations } from "graphile-worker";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { Worker } from "../support/worker/worker.ts";
import { ALL_SLOTS, COMMANDS } from "../support/worker/worker-process.ts";

const log = createLog("error", () => {});

function start(
  databaseUrl: string,
  program: readonly string[] = COMMANDS["graphile-worker"],
  env: Record<string, string | undefined> = {},
): Worker {
  const nowhere = "http://127.0.0.1:1";
  return new Worker({ databaseUrl, flightAddress: nowhere, adminAddress: nowhere, env }, program);
}

async function workers(db: TestDatabase): Promise<Record<string, unknown>[]> {
  const { rows } = await db.query("select * from ampsync.workers order by started_at");
  return rows;
}

/** Waits until some worker has done a job that is due now. */
async function works(db: TestDatabase): Promise<void> {
  const { rows } = await db.query(
    "select id from graphile_worker.add_job('ampsync_supervise', job_key => 'now') as job",
  );
  await waitFor("a job to be done", async () => {
    const { rowCount } = await db.query("select from graphile_worker.jobs where id = $1", [rows[0]!["id"]]);
    return rowCount === 0;
  });
}

/** One of both commands for each test, each with another one than the test before it. */
const oneCommand = (() => {
  let shift = 0;
  return () => someCases(Object.entries(COMMANDS), { shift: shift++ });
})();

describe(`a worker (${CASES})`, () => {
  test.each(oneCommand())(
    "%s says once what is missing before ampsync migrate, changes nothing, and goes on after it",
    async (_, program) => {
      await using db = await createDatabase({ empty: true });
      await using worker = start(db.url, program);
      await waitFor("the reason", () => worker.hasSaid("worker_waiting"));
      const { rows } = await db.query("select nspname from pg_namespace where nspname ~ 'ampsync|graphile'");
      expect(rows).toEqual([]);
      await migrate(db.url, { log });
      await waitFor("it to go on", () => worker.hasSaid("worker_goes_on"));
      await waitFor("it to work", async () => (await workers(db)).length === 1);
      expect(worker.tail().match(/worker_waiting/g)).toHaveLength(1);
    },
  );

  test.each(oneCommand())("%s can be stopped while it waits for ampsync migrate", async (_, program) => {
    await using db = await createDatabase({ empty: true });
    await using worker = start(db.url, program);
    await waitFor("the reason", () => worker.hasSaid("worker_waiting"));
    worker.signal("SIGTERM");
    const { code, signal } = await worker.ended;
    expect(code === 0 || signal === "SIGTERM").toBe(true);
    expect(worker.tail()).not.toContain("ERROR");
  });

  test.each(oneCommand())("%s refuses an old Node.js at once", async (_, program) => {
    await using db = await createDatabase();
    const pretend = "Object.defineProperty(process,'versions',{value:{...process.versions,node:'22.18.0'}})";
    await using worker = start(db.url, program, {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(pretend)}`,
    });
    expect(await worker.ended).toMatchObject({ code: 1 });
    expect(worker.hasSaid("ERROR SY902: Node.js 22.18.0 is too old for ampsync")).toBe(true);
    expect(worker.tail()).not.toMatch(/^ +at /m);
  });

  test.each(oneCommand())("%s leaves another application's queue alone", async (_, program) => {
    await using db = await createDatabase();
    await db.query("update ampsync_private.queue set is_ours = false");
    await db.query("delete from graphile_worker.migrations where id > 18");
    await using worker = start(db.url, program);
    expect(await worker.ended).toMatchObject({ code: 1 });
    expect(worker.hasSaid("ERROR SY901: the queue graphile_worker belongs to another application")).toBe(
      true,
    );
    expect(worker.hasSaid("HINT: GRAPHILE_WORKER_SCHEMA=ampsync_queue")).toBe(true);
    expect(worker.tail()).not.toMatch(/^ +at /m);
    const { rows } = await db.query("select max(id) as newest from graphile_worker.migrations");
    expect(rows).toEqual([{ newest: 18 }]);
  });

  test.each(oneCommand())(
    "%s is refused by a queue of a newer release in words, without a stack",
    async (_, program) => {
      await using db = await createDatabase();
      await db.query("insert into graphile_worker.migrations (id, breaking) values (999, true)");
      await using worker = start(db.url, program);
      expect(await worker.ended).toMatchObject({ code: 1 });
      expect(
        worker.hasSaid("ERROR SY901: the queue graphile_worker is too new for this version of ampsync"),
      ).toBe(true);
      expect(worker.tail()).not.toMatch(/^ +at /m);
    },
  );

  test.each(oneCommand())(
    "%s ends with both names where its setting is not the recorded queue, and makes nothing",
    async (_, program) => {
      await using db = await createDatabase();
      await using worker = start(db.url, program, { GRAPHILE_WORKER_SCHEMA: "elsewhere" });
      expect(await worker.ended).toMatchObject({ code: 1 });
      expect(
        worker.hasSaid(
          "ERROR SY902: the queue is in schema graphile_worker, but this worker looks for it in elsewhere",
        ),
      ).toBe(true);
      expect(worker.hasSaid("HINT: GRAPHILE_WORKER_SCHEMA=graphile_worker")).toBe(true);
      expect((await db.query("select from pg_namespace where nspname = 'elsewhere'")).rowCount).toBe(0);
    },
  );

  test.each(oneCommand())(
    "%s works in another schema beside another application's queue, and stops when the queue is moved",
    async (_, program) => {
      await using db = await createDatabase({ empty: true });
      await runMigrations({ connectionString: db.url, schema: "graphile_worker" });
      await db.query("delete from graphile_worker.migrations where id > 18");
      await migrate(db.url, { log, queueSchema: "ampsync_queue" });
      await using worker = start(db.url, program, { GRAPHILE_WORKER_SCHEMA: "ampsync_queue" });
      await db.query("select ampsync.enqueue_sync('chain')");
      await waitFor("the dataset to be looked for", async () => {
        const { rows } = await db.query("select error_code from ampsync.status");
        return rows[0]!["error_code"] === "SY104";
      });
      await migrate(db.url, { log, queueSchema: "ampsync_queue_2" });
      expect(await worker.ended).toMatchObject({ code: 1 });
      expect(worker.hasSaid("worker_does_not_fit")).toBe(true);

      await using successor = start(db.url, program, { GRAPHILE_WORKER_SCHEMA: "ampsync_queue_2" });
      await waitFor("the supervisor to go on from state", async () => {
        const { rows } = await db.query("select from ampsync.jobs where task = 'ampsync_resolve'");
        return rows.length > 0 || successor.hasEnded;
      });
      expect(successor.hasEnded).toBe(false);
      const { rows } = await db.query("select max(id) as newest from graphile_worker.migrations");
      expect(rows).toEqual([{ newest: 18 }]);
    },
  );

  test.each(oneCommand())(
    "%s stops beside a schema that it does not fit, and only then",
    async (_, program) => {
      await using db = await createDatabase();
      await using worker = start(db.url, program);
      await waitFor("it to work", async () => (await workers(db)).length === 1);
      await db.query(
        `insert into ampsync_private.migration (name, sha256, breaking, version)
       values ('migrations/9998_fits.sql', 'unknown', false, '98.0.0')`,
      );
      await db.query("notify ampsync_schema");
      await works(db);
      expect(worker.hasEnded).toBe(false);
      await db.query(
        `insert into ampsync_private.migration (name, sha256, breaking, version)
       values ('migrations/9999_breaks.sql', 'unknown', true, '99.0.0')`,
      );
      await db.query("notify ampsync_schema");
      expect(await worker.ended).toMatchObject({ code: 1 });
      expect(worker.hasSaid("Run ampsync 99.0.0 or newer.")).toBe(true);
    },
  );

  test.each(oneCommand())("%s ends with 1 when the result of a job cannot be stored", async (_, program) => {
    await using db = await createDatabase();
    await using proxy = await TcpProxy.toPostgres(db.url);
    await using worker = start(proxy.url(db.url), program);
    await waitFor("it to work", async () => (await workers(db)).length === 1);
    proxy.watch = (connection, direction, bytes) => {
      if (direction === "up" && bytes.includes("complete_job")) connection.cut("reset");
    };
    await db.query("select ampsync_private.schedule_supervisor(now())");
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.hasSaid("worker_ended")).toBe(true);
  });

  test.each(oneCommand())("%s shows itself in ampsync.workers, before it has any job", async (_, program) => {
    await using db = await createDatabase();
    await using worker = start(db.url, program, ALL_SLOTS);
    await waitFor("it to be shown", async () => (await workers(db))[0]?.["pid"] === worker.pid);
    const { rows } = await db.query("select ampsync.version() as version");
    expect((await workers(db))[0]).toMatchObject({
      host: expect.stringMatching(/./),
      version: rows[0]!["version"],
      state: "alive",
      slots: 200,
      streams: "0",
    });
    await waitFor("its sessions to be open, each under its name", async () => {
      const { rows: names } = await db.query(
        `select string_agg(distinct a.application_name, ', ' order by a.application_name) as all
           from pg_stat_activity a
          where a.datname = current_database() and a.backend_type = 'client backend'
            and a.application_name not in ('ampsync test', '') -- A connection has none until it is open.`,
      );
      return names[0]!["all"] === "ampsync heartbeat, ampsync queue, ampsync worker";
    });
  });
});

describe("a server without free connections", () => {
  test("keeps two workers waiting, and they start when there are some", async () => {
    const server = await startPostgres({
      dataDir: newDataDir(),
      persistent: false,
      settings: { max_connections: "30" },
    });
    const clients: pg.Client[] = [];
    try {
      const url = server.connectionString("postgres");
      await migrate(url, { log });
      const connect = async () => {
        const client = new pg.Client({ connectionString: url });
        client.on("error", () => {});
        await client.connect();
        clients.push(client);
        return client;
      };
      const watcher = await connect();
      for (let full = false; !full; ) {
        full = await connect().then(
          () => false,
          () => true,
        );
      }
      const started = [start(url, COMMANDS["ampsync worker"]), start(url, COMMANDS["ampsync worker"])];
      await waitFor("both to wait", () => started.every((worker) => worker.hasSaid("db_connection_retry")));
      for (const client of clients.splice(1)) await client.end();
      await waitFor("both to work", async () => {
        const { rows } = await watcher.query("select from ampsync.workers where state = 'alive'");
        return rows.length === 2;
      });
      for (const worker of started) {
        worker.signal("SIGTERM");
        expect(await worker.ended).toMatchObject({ code: 0 });
      }
    } finally {
      for (const client of clients) await client.end();
      await server.stop();
    }
  });
});
