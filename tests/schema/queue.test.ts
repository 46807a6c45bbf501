// Takes 14 s.
import { runMigrations } from "graphile-worker";
import { describe, expect, test } from "vitest";

import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { supervise } from "../support/postgres/queue.ts";

const log = createLog("error", () => {});

/** An application's own queue, and what it was before somebody touched it. */
async function foreignQueue(db: TestDatabase, schema = "graphile_worker"): Promise<void> {
  await runMigrations({ connectionString: db.url, schema });
}

/** Makes a queue look as one that another release of graphile-worker left. */
async function setRevision(db: TestDatabase, revision: number, breaking = true): Promise<void> {
  await db.query("delete from graphile_worker.migrations where id > $1", [revision]);
  await db.query(
    "insert into graphile_worker.migrations (id, breaking) values ($1, $2) on conflict (id) do nothing",
    [revision, breaking],
  );
}

async function revisions(db: TestDatabase, schema = "graphile_worker"): Promise<number[]> {
  const { rows } = await db.query(`select id from ${schema}.migrations order by id`);
  return rows.map((row) => row["id"]);
}

describe("the queue of another application", () => {
  test("is not upgraded: migrate refuses, names the setting, and changes nothing there", async () => {
    await using db = await createDatabase({ empty: true });
    await foreignQueue(db);
    await setRevision(db, 18);
    const before = await revisions(db);
    await expect(migrate(db.url, { log })).rejects.toMatchObject({
      code: "SY901",
      message: expect.stringContaining("graphile_worker"),
      detail: expect.stringMatching(/\b18\b.*\b\d+\b/),
      hint: "GRAPHILE_WORKER_SCHEMA=ampsync_queue",
    });
    expect(await revisions(db)).toEqual(before);

    await migrate(db.url, { log, queueSchema: "ampsync_queue" });
    await db.query("select ampsync.enqueue_sync('chain')");
    const { rows } = await db.query("select count(*)::int as jobs from ampsync_queue.jobs");
    expect(rows).toEqual([{ jobs: 2 }]);
    expect((await db.query("select from ampsync.jobs")).rowCount).toBe(2);
    expect((await db.query("select from graphile_worker.jobs")).rowCount).toBe(0);
    expect(await revisions(db)).toEqual(before);
  });

  test("so old that it does not mark breaking revisions is left alone, too", async () => {
    await using db = await createDatabase({ empty: true });
    await db.query(`create schema graphile_worker;
      create table graphile_worker.migrations (id integer primary key, ts timestamptz not null default now());
      insert into graphile_worker.migrations (id) values (3)`);
    await expect(migrate(db.url, { log })).rejects.toMatchObject({ code: "SY901" });
    const { rows } = await db.query(
      `select count(*)::int as columns from information_schema.columns where table_schema = 'graphile_worker'`,
    );
    expect(rows).toEqual([{ columns: 2 }]);
  });

  test("may be shared while both are of one version, and is refused as soon as either is upgraded", async () => {
    await using db = await createDatabase({ empty: true });
    await foreignQueue(db);
    await migrate(db.url, { log });
    await migrate(db.url, { log });
    const newest = (await revisions(db)).at(-1)!;

    await setRevision(db, newest + 1, false); // By that application.
    await expect(migrate(db.url, { log })).rejects.toMatchObject({
      code: "SY901",
      hint: "GRAPHILE_WORKER_SCHEMA=ampsync_queue",
    });
    await setRevision(db, newest - 1); // As it is for a release of ours that knows a newer one.
    await expect(migrate(db.url, { log })).rejects.toMatchObject({ code: "SY901" });
  });
});

describe("a queue of ours", () => {
  test("is upgraded", async () => {
    await using db = await createDatabase();
    const all = await revisions(db);
    await db.query("delete from graphile_worker.migrations where id = $1", [all.at(-1)]);
    await migrate(db.url, { log });
    expect(await revisions(db)).toEqual(all);
  });

  test("that a newer release upgraded is refused in words", async () => {
    await using db = await createDatabase();
    await setRevision(db, 999, true);
    await expect(migrate(db.url, { log })).rejects.toMatchObject({
      code: "SY901",
      message: expect.stringContaining("too new"),
    });
  });

  test("is ours even if its installation was broken off", async () => {
    await using db = await createDatabase({ empty: true });
    await db.query(
      `create function public.no() returns event_trigger language plpgsql as $$ begin raise 'no'; end $$;
       create event trigger no on ddl_command_start when tag in ('CREATE PROCEDURE') execute function public.no()`,
    );
    await expect(migrate(db.url, { log })).rejects.toMatchObject({ code: "SY901" });
    await db.query("drop event trigger no");
    await migrate(db.url, { log });
    const newest = (await revisions(db)).at(-1)!;
    await db.query("delete from graphile_worker.migrations where id = $1", [newest]);
    await migrate(db.url, { log });
    expect((await revisions(db)).at(-1)).toBe(newest);
  });
});

describe("moving to another queue", () => {
  test("needs nothing but migrate: all is queued there from state, and nothing is left behind", async () => {
    await using db = await createDatabase();
    await db.query("select ampsync.enqueue_sync('chain')");
    await db.query("select graphile_worker.add_job('of_the_application')");
    await migrate(db.url, { log, queueSchema: "ampsync_queue" });

    await supervise(db);
    const { rows: moved } = await db.query(
      "select task_identifier as task from ampsync_queue.jobs order by task_identifier",
    );
    expect(moved).toEqual([{ task: "ampsync_resolve" }, { task: "ampsync_supervise" }]);
    const { rows: left } = await db.query("select task_identifier as task from graphile_worker.jobs");
    expect(left).toEqual([{ task: "of_the_application" }]);
    await expect(
      db.query("select ampsync.enqueue_sync('other', target_schema => 'ampsync_queue')"),
    ).rejects.toMatchObject({ code: "SY004" });
  });

  test("back to the first one works as well, and migrate without a setting stays where it is", async () => {
    await using db = await createDatabase();
    await migrate(db.url, { log, queueSchema: "ampsync_queue" });
    expect(await migrate(db.url, { log })).toMatchObject({ applied: [], functionsReplaced: false });
    const current = async () =>
      (await db.query("select schema_name from ampsync_private.queue where is_current")).rows;
    expect(await current()).toEqual([{ schema_name: "ampsync_queue" }]);
    await migrate(db.url, { log, queueSchema: "graphile_worker" });
    expect(await current()).toEqual([{ schema_name: "graphile_worker" }]);
    await db.query("select ampsync.enqueue_sync('chain')");
    expect((await db.query("select from graphile_worker.jobs")).rowCount).toBe(2);
  });
});
