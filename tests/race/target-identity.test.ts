import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../support/postgres/clock.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { startResync } from "../support/postgres/shadow.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { COLUMNS, SqlStream, watermark } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();
let stream: SqlStream;
let schema: string;
let datasets = 0;
/** Connections of the writer, and of a user who does as he likes with his tables. */
let writer: pg.Client;
let user: pg.Client;
let writing: SqlStream;

beforeEach(async () => {
  schema = `chain_${++datasets}`;
  stream = await SqlStream.prepare(db, { dataset: schema });
  await stream.commit(0, 9);
  [writer, user] = [await db.client(), await db.client()];
  writing = stream.through(writer);
});

async function count(table: string): Promise<number> {
  return Number((await db.query(`select count(*) as n from ${table}`)).rows[0]!["n"]);
}

describe("a writer that comes while a user changes its table waits, and then", () => {
  async function beginsAfter(change: string): Promise<unknown> {
    await user.query(`begin; ${change}`);
    const pid = await backendOf(writer);
    await writer.query("begin");
    const begun = writing.beginApply().then(
      () => null,
      (error: unknown) => error,
    );
    await untilBlocked(db, pid);
    await user.query("commit");
    return await begun;
  }

  test("goes on where the change was none of its business", async () => {
    expect(await beginsAfter(`alter table ${stream.target} add column mine int`)).toBeNull();
    await writing.insert(10, 11);
    await writing.commitApply([watermark(10, 11)], 2);
    await writer.query("commit");
    expect(await count(stream.target)).toBe(12);
  });

  test.each([
    [
      "a swap by rename is refused",
      () =>
        `alter table ${schema}.blocks rename to old; create table ${schema}.blocks (like ${schema}.old including all)`,
      "SY201",
    ],
    ["a TRUNCATE is refused", () => `truncate ${schema}.blocks`, "SY201"],
    ["a rename is left to the next pass", () => `alter table ${schema}.blocks rename to old`, "SY205"],
    ["a drop is refused", () => `drop table ${schema}.blocks`, "SY201"],
  ])("%s", async (_, change, code) => {
    expect(await beginsAfter(change())).toMatchObject({ code });
    await writer.query("rollback");
  });
});

describe("a call that reads a table while a user changes it waits, and", () => {
  /** What comes of the call, by the last column of its only row, or by the code of its error. */
  async function outcome(change: string, call: string, values: unknown[]): Promise<unknown> {
    await user.query(`begin; ${change}`);
    const pid = await backendOf(writer);
    const answer = writer.query(call, values).then(
      ({ rows }) => rows.map((row) => Object.values(row).at(-1)),
      (error: { code: string }) => error.code,
    );
    await untilBlocked(db, pid);
    await user.query("commit");
    return await answer;
  }
  const drop = () => `drop table ${schema}.blocks`;
  const dropSync = () => `select ampsync.drop_sync('${schema}')`;
  const dropAll = () => `select ampsync.drop_sync('${schema}', drop_tables => true)`;
  const rename = () => `alter table ${schema}.blocks rename to old`;
  const move = () => `create schema ${schema}_2; alter table ${schema}.blocks set schema ${schema}_2`;
  const REPAIR = "select state from ampsync.repair($1, 'blocks', 2, 3)";
  const VERIFY = "select finding from ampsync.verify($1)";
  const DROP = "select state from ampsync.drop_sync($1)";

  test.each<[string, () => string, string, unknown]>([
    ["repair names a table that is dropped", drop, REPAIR, "SY201"],
    ["repair finds a dataset that is dropped gone", dropSync, REPAIR, "SY003"],
    ["repair finds a dataset that is dropped with its tables gone", dropAll, REPAIR, "SY003"],
    ["repair does not mind a rename", rename, REPAIR, ["queued"]],
    ["repair does not mind another schema", move, REPAIR, ["queued"]],
    ["verify finds a table that is dropped gone", drop, VERIFY, ["table gone"]],
    ["verify does not mind a rename", rename, VERIFY, []],
    ["verify does not mind another schema", move, VERIFY, []],
    ["drop_sync has to be called again after a rename", rename, DROP, "SY205"],
    ["drop_sync has to be called again after a drop", drop, DROP, "SY205"],
  ])("%s", async (_, change, call, expected) => {
    expect(await outcome(change(), call, [schema])).toEqual(expected);
    if (expected === "SY205") await db.query(call, [schema]);
  });

  test.each<[string, () => string, unknown]>([
    ["dropped ends with SY201", drop, "SY201"],
    ["renamed is read under its new name", rename, ["9"]],
  ])("a repair that is due for a table that is %s", async (_, change, expected) => {
    await db.query(REPAIR, [schema]);
    const call = "select newest_row from ampsync_worker.next_repair($1, $2)";
    expect(await outcome(change(), call, [stream.id, stream.epoch])).toEqual(expected);
  });

  test.each([
    ["verify", VERIFY],
    ["repair", REPAIR],
  ])("%s reads no row of a table that is given to somebody else", async (_, call) => {
    await db.query("update ampsync_private.stream set query = 'select 1' where stream_id = $1", [stream.id]); // No hash.
    const stranger = `stranger_${process.pid}`;
    await db.query(`create role ${stranger}`);
    try {
      const give = `alter table ${schema}.blocks owner to ${stranger}`;
      expect(await outcome(give, call, [schema])).toBe("SY201");
    } finally {
      await db.query(`drop owned by ${stranger} cascade; drop role ${stranger}`);
    }
  });

  test.each<[string, () => string, string]>([
    ["is dropped", drop, "SY201"],
    ["is renamed", rename, "SY205"],
    [
      "changes its place with another one",
      () => `${rename()}; create table ${schema}.blocks (like ${schema}.old including all)`,
      "SY201",
    ],
  ])("a pass that begins looks again at a table that %s", async (_, change, code) => {
    const call = "select ampsync_worker.prepare_target($1, $2, true, $3)";
    expect(await outcome(change(), call, [stream.id, stream.epoch, JSON.stringify(COLUMNS)])).toBe(code);
  });

  test.each<["content" | "transaction"]>([["content"], ["transaction"]])(
    "whether a swap of identity %s is due is told without it once it is dropped",
    async (identity) => {
      const dataset = `${schema}_${identity}`;
      const live = await SqlStream.prepare(db, { dataset, identity });
      await live.commit(0, 9);
      const shadow = await startResync(db, live, { dataset });
      await shadow.commit(0, 6, { expected: null });
      await db.query("select ampsync_worker.mark_live($1, $2)", [shadow.id, shadow.epoch]);
      await db.query("delete from ampsync_private.history where stream_id = $1", [live.id]);
      const call = "select ampsync_private.swap_is_due($1)";
      expect(await outcome(`drop table ${dataset}.blocks`, call, [shadow.id])).toEqual([true]);
    },
  );

  test("what a stream knows of a block is told from its history once the table is dropped", async () => {
    const call = "select block from ampsync_worker.newest_hash($1, 9)";
    expect(await outcome(drop(), call, [stream.id])).toEqual(["9"]);
  });
});

test("a table that never held a row is locked, too, from the beginning of a write on", async () => {
  const logs = await SqlStream.prepare(db, { dataset: schema, table: "logs" });
  await writer.query("begin");
  await logs.through(writer).beginApply();
  const pid = await backendOf(user);
  const renamed = user.query(`alter table ${schema}.logs rename to old`);
  await untilBlocked(db, pid);
  await logs.through(writer).insert(0, 1);
  await logs.through(writer).commitApply([watermark(0, 1)], 2, { expected: null });
  await writer.query("commit");
  await renamed;
  expect(await count(`${schema}.old`)).toBe(2);
});

test("a schema that is swapped under a locked table takes the rows along, and commit_apply gives them up", async () => {
  await writer.query("begin");
  await writing.beginApply();
  await user.query(
    `alter schema ${schema} rename to ${schema}_old; create schema ${schema};
     create table ${schema}.blocks (like ${schema}_old.blocks including all)`,
  ); // Waits for nobody.
  await writing.insert(10, 11);
  await expect(writing.commitApply([watermark(10, 11)], 2)).rejects.toMatchObject({ code: "SY201" });
  await writer.query("rollback");
  expect(await count(`${schema}.blocks`)).toBe(0);
  expect(await count(`${schema}_old.blocks`)).toBe(10);
});

test("a repair whose schema is swapped meanwhile is given up at its end, too", async () => {
  await db.query("select ampsync.repair($1, 'blocks', 2, 3)", [schema]);
  const range = [stream.id, stream.epoch, 2, 3];
  await writer.query("begin");
  await writer.query("call ampsync_worker.begin_repair($1, $2, $3, $4)", range);
  await writing.insert(2, 3);
  await user.query(
    `alter schema ${schema} rename to ${schema}_old; create schema ${schema};
     create table ${schema}.blocks (like ${schema}_old.blocks including all)`,
  );
  await expect(
    writer.query("call ampsync_worker.commit_repair($1, $2, $3, $4, null, 2)", range),
  ).rejects.toMatchObject({ code: "SY201" });
  await writer.query("rollback");
  expect(await count(`${schema}.blocks`)).toBe(0);
  expect(await count(`${schema}_old.blocks`)).toBe(10);
});

test("what would change the table waits for the writer, and is seen by the next one", async () => {
  await writer.query("begin");
  await writing.beginApply();
  const pid = await backendOf(user);
  const emptied = user.query(`truncate ${stream.target}`);
  await untilBlocked(db, pid);
  await writing.insert(10, 11);
  await writing.commitApply([watermark(10, 11)], 2);
  await writer.query("commit");
  await emptied;
  await writer.query("begin");
  await expect(writing.beginApply()).rejects.toMatchObject({
    code: "SY201",
    message: expect.stringContaining("was emptied: it has no row of blocks 10 to 11"),
  });
  await writer.query("rollback");
});

test.each<[string, (from: string, to: string) => string]>([
  ["whose schema was renamed", (from, to) => `alter schema ${from} rename to ${to}`],
  [
    "that moved to one schema",
    (from, to) =>
      `create schema ${to}; alter table ${from}.blocks set schema ${to}; alter table ${from}.logs set schema ${to}`,
  ],
])("two tables %s are followed at once, and its view is made or corrected once", async (_, move) => {
  const logs = await SqlStream.prepare(db, { dataset: schema, table: "logs" });
  await logs.commit(0, 9);
  await user.query(move(schema, `${schema}_new`));
  await moveClock(db, "31 s");

  await writer.query("begin");
  await writing.acquire();
  const rival = await db.client();
  const pid = await backendOf(rival);
  const followed = logs.through(rival).acquire();
  await untilBlocked(db, pid);
  await writer.query("commit");
  expect(await followed).toMatchObject({ target_schema: `${schema}_new` });
  const { rows } = await db.query(`select table_name from ${schema}_new._ampsync_checkpoints order by 1`);
  expect(rows).toEqual([{ table_name: "blocks" }, { table_name: "logs" }]);
});

test("a pause that comes while a rename is followed waits for it", async () => {
  await user.query(`alter schema ${schema} rename to ${schema}_new`);
  await moveClock(db, "31 s");
  await writer.query("begin");
  await writing.acquire();
  const pid = await backendOf(user);
  const paused = user.query("select ampsync.pause_sync($1)", [schema]);
  await untilBlocked(db, pid);
  await writer.query("commit");
  await paused;
  expect(await stream.view()).toMatchObject({
    state: "paused",
    target: `${schema}_new.blocks`,
    worker: null,
  });
});
