// Takes 42 s.
import { randomBytes } from "node:crypto";

import { runMigrations } from "graphile-worker";
import type pg from "pg";
import { describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import { waitFor } from "../support/wait-for.ts";
import { ampsync } from "../support/worker/command.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { COMMANDS } from "../support/worker/worker-process.ts";

const log = createLog("error", () => {});

function uninstall(db: TestDatabase, args: readonly string[] = ["--yes"], answer = "") {
  return ampsync(["uninstall", ...args], { DATABASE_URL: db.url }, answer);
}

async function schemas(db: TestDatabase): Promise<string[]> {
  const { rows } = await db.query(
    "select nspname::text from pg_namespace where nspname !~ '^pg_|^information_schema$|^public$' order by 1",
  );
  return rows.map((row) => row["nspname"]);
}

const OURS = ["ampsync", "ampsync_private", "ampsync_worker"];

/** One committed table, `chain.blocks`, with ten rows. */
async function synced(db: TestDatabase): Promise<SqlStream> {
  const stream = await SqlStream.prepare(db);
  await stream.commit(0, 9);
  return stream;
}

describe("ampsync uninstall", () => {
  test("prints what it drops and what stays, and changes nothing without a yes", async () => {
    await using db = await createDatabase();
    await synced(db);
    for (const answer of ["", "y\n", "no\n"]) {
      const { exitCode, stdout, stderr } = await uninstall(db, [], answer);
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
      expect(stdout).toContain("schemas ampsync, ampsync_worker, ampsync_private: state of 1 datasets");
      expect(stdout).toContain("  schema graphile_worker: the queue that ampsync migrate created\n");
      expect(stdout).toContain("  table chain.blocks: blocks of chain; its rows end at block 9\n");
      expect(stdout).toContain("Nothing was changed.");
    }
    const { exitCode, stdout } = await uninstall(db, ["--json"]);
    expect({ exitCode, plan: JSON.parse(stdout) }).toMatchObject({
      exitCode: 1,
      plan: { installed: true, uninstalled: false, keeps: [{ object: "table chain.blocks" }], workers: 0 },
    });
    expect(await schemas(db)).toEqual([...OURS, "chain", "graphile_worker"].sort());
  });

  test("an installation after it counts _tx_id on from what the kept tables have", async () => {
    await using db = await createDatabase();
    const before = await SqlStream.prepare(db, { identity: "transaction" });
    await before.commit(0, 9);
    expect(await uninstall(db)).toMatchObject({ exitCode: 0 });
    await migrate(db.url, { log });
    await db.query("alter table chain.blocks rename to blocks_1");
    const after = await SqlStream.prepare(db, { identity: "transaction" });
    await after.commit(0, 9);
    const { rows } = await db.query(
      `select (select min(_tx_id) from chain.blocks) > (select max(_tx_id) from chain.blocks_1) as rises`,
    );
    expect(rows).toEqual([{ rises: true }]);
  });

  test("after a yes drops all of ours, keeps tables and their schemas, and has nothing to do the second time", async () => {
    await using db = await createDatabase();
    await synced(db);
    const first = await uninstall(db, [], "yes\n");
    expect(first).toMatchObject({ exitCode: 0, stderr: "" });
    expect(first.stdout).toContain("ampsync is no longer installed in this database.");
    expect(await schemas(db)).toEqual(["chain"]);
    const { rows } = await db.query(
      `select relname, relkind, obj_description(oid, 'pg_class') as comment, col_description(oid, 1) as of_id
         from pg_class where relnamespace = 'chain'::regnamespace and relkind in ('r', 'v')`,
    );
    expect(rows).toEqual([
      {
        relname: "blocks",
        relkind: "r",
        comment: "Was kept in sync by ampsync, blocks of chain; its rows end at block 9.",
        of_id: expect.stringContaining("Key of the row"),
      },
    ]);
    expect((await db.query("select from chain.blocks")).rowCount).toBe(10);

    expect(await uninstall(db)).toEqual({
      exitCode: 0,
      stdout: "ampsync is not installed in this database.\n",
      stderr: "",
    });
    expect(JSON.parse((await uninstall(db, ["--json"])).stdout)).toMatchObject({ installed: false });
  });

  test("can be followed by migrate; a kept table is then refused with what it is, and taken after the hint", async () => {
    await using db = await createDatabase();
    await synced(db);
    await uninstall(db);
    await migrate(db.url, { log });
    const failure = await db
      .query("select ampsync.enqueue_sync('chain', tables => '{blocks}')")
      .catch((error: unknown) => error as pg.DatabaseError);
    expect(failure).toMatchObject({
      code: "SY003",
      message: "Target table chain.blocks exists since an earlier sync that was dropped",
      hint: expect.stringMatching(/^alter table chain\.blocks rename to /),
    });
    await db.query((failure as pg.DatabaseError).hint!);
    await synced(db);
    expect((await db.query("select from chain.blocks")).rowCount).toBe(10);
  });

  test("of an installation that was not completed drops what is there", async () => {
    await using db = await createDatabase({ empty: true });
    await migrate(db.url, { log });
    await db.query("drop schema ampsync cascade; create schema ampsync; drop schema graphile_worker cascade");
    await db.query(`do $$ declare t record; begin
      for t in select oid::regclass as name from pg_class
                where relnamespace = 'ampsync_private'::regnamespace and relkind = 'r'
                  and relname not in ('migration', 'source', 'queue') loop
        execute format('drop table %s cascade', t.name);
      end loop; end $$`);
    expect(await uninstall(db)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await schemas(db)).toEqual([]);
  });
});

describe("what belongs to somebody else", () => {
  test("a shared queue stays with its own jobs, and loses ours", async () => {
    await using db = await createDatabase({ empty: true });
    await runMigrations({ connectionString: db.url });
    await db.query("select graphile_worker.add_job('send_mail')");
    await migrate(db.url, { log });
    await db.query("select ampsync.enqueue_sync('chain')");
    const { exitCode, stdout } = await uninstall(db);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("schema graphile_worker: the queue of another application");
    const { rows } = await db.query("select task_identifier from graphile_worker.jobs");
    expect(rows).toEqual([{ task_identifier: "send_mail" }]);
    expect(await schemas(db)).toEqual(["graphile_worker"]);
  });

  test("a queue of ours in which an application has tasks stays as well", async () => {
    await using db = await createDatabase();
    await db.query("select graphile_worker.add_job('send_mail')");
    await db.query("select ampsync.enqueue_sync('chain')");
    const { stdout } = await uninstall(db);
    expect(stdout).toContain("schema graphile_worker: it has tasks that are not ours: send_mail;");
    const { rows } = await db.query("select task_identifier from graphile_worker.jobs");
    expect(rows).toEqual([{ task_identifier: "send_mail" }]);
  });

  test.each([
    [
      "a view on a view of ours",
      "create view public.mine as select * from ampsync.streams",
      "view public.mine",
    ],
    [
      "a view on the checkpoints of a schema",
      "create view public.mine as select * from chain._ampsync_checkpoints",
      "view public.mine",
    ],
    [
      "a function on a type of ours",
      "create function public.mine(ampsync.streams) returns int language sql return 1",
      "function public.mine(ampsync.streams)",
    ],
    [
      "a table in our schema",
      "create table ampsync.own (n int); create view public.mine as table ampsync.own",
      "view public.mine",
    ],
  ])("%s is named, and nothing is changed until it is gone", async (_, statement, named) => {
    await using db = await createDatabase();
    await synced(db);
    await db.query(statement);
    const { exitCode, stderr } = await uninstall(db);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^ERROR SY901: ampsync cannot be taken out: other objects depend on it$/m);
    expect(stderr).toContain(`${named} depends on `);
    expect((await db.query("select state from ampsync.streams")).rows).toHaveLength(1);
    await db.query(`drop ${named}`);
    expect(await uninstall(db)).toMatchObject({ exitCode: 0 });
  });

  test("a role without the rights is refused before anything is asked, with the owner's name", async () => {
    await using db = await createDatabase();
    await synced(db);
    const role = `plain_${randomBytes(4).toString("hex")}`;
    await db.query(`create role ${role} login password 'x'`);
    const url = new URL(db.url);
    [url.username, url.password] = [role, "x"];
    try {
      const { exitCode, stdout, stderr } = await ampsync(["uninstall", "--yes"], { DATABASE_URL: url.href });
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
      expect(stderr).toContain(`ERROR SY901: role ${role} may not drop the schema ampsync\n`);
      expect(stderr).toMatch(/^HINT: Run ampsync uninstall as \w+, or: grant /m);
    } finally {
      await db.query(`drop role ${role}`);
    }
  });
});

test("a command that is killed while it drops leaves everything as it was", async () => {
  await using db = await createDatabase();
  await synced(db);
  const reader = await db.client();
  await reader.query("begin; select from ampsync_private.worker"); // The last step waits for this lock.
  const running = uninstall(db);
  const waits = async () => {
    const { rows } = await db.query(
      `select pid from pg_stat_activity
        where application_name = 'ampsync uninstall' and wait_event_type = 'Lock' and datname = current_database()`,
    );
    return rows;
  };
  await waitFor("it to wait for the reader", async () => (await waits()).length === 1);
  const pid = (await waits())[0]?.["pid"];
  await db.query("select pg_terminate_backend($1)", [pid ?? 0]);
  await running;
  await reader.query("rollback");
  const { rows } = await db.query("select state, block::int from ampsync.streams");
  expect(rows).toEqual([{ state: "backfill", block: 9 }]);
});

describe.each(someCases(Object.entries(COMMANDS)))(`while %s runs (${CASES})`, (_, program) => {
  test("its streams are ended, and it ends and says why; started again it waits for migrate", async () => {
    await using scenario = await Scenario.start();
    const source = new GeneratedSource({ blocks: 30, logsPerBlock: 2 });
    const { db } = scenario;
    const worker = scenario.startWorkerOf(program);
    const sync = await scenario.follow(source, ["blocks", "logs"]);
    await sync.catchesUp();
    const mining = setInterval(() => source.mine(1), 20);
    try {
      expect(await uninstall(db)).toMatchObject({ exitCode: 0 });
    } finally {
      clearInterval(mining);
    }
    expect(await worker.ended).toMatchObject({ code: 1 });
    expect(worker.hasSaid("worker_does_not_fit")).toBe(true);
    expect(worker.hasSaid("ampsync is not installed in this database")).toBe(true);

    const next = scenario.startWorkerOf(program);
    await waitFor("the next worker to wait", () => next.hasSaid("worker_waiting"));
    expect((await schemas(db)).filter((name) => name !== "chain_1")).toEqual([]);
    const { rows } = await db.query(
      `select count(*) = 2 * count(distinct _block_num) and min(_block_num) = 0
              and count(distinct _block_num) = max(_block_num) + 1 as whole from chain_1.logs`,
    );
    expect(rows).toEqual([{ whole: true }]);
  });
});
