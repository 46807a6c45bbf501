import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { logged, publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { waitFor } from "../../support/wait-for.ts";

const db = sharedDatabase();
let pass: RunningPass;

beforeAll(async () => {
  await db.query("create table first (id int primary key)");
  await publish(db, ["first"]);
  pass = startPass(db);
  await waitFor("it to read", () => pass.lines.some((line) => line.includes("capture_taken")));
});
afterAll(() => pass.stop());

async function changesOf(table: string) {
  await untilCaptured(db);
  return (await logged(db)).filter((change) => change.table === table);
}

describe("A pass that runs", () => {
  test("reads a table from the moment on in which it is published", async () => {
    await db.query("create table todos (id int primary key, v text)");
    await db.query("insert into todos values (1, 'before')");
    await publish(db, ["todos"]);
    await db.query("insert into todos values (2, 'after')");
    await db.query("update todos set v = 'changed' where id = 1");
    expect(await changesOf("todos")).toMatchObject([
      { operation: "insert", key: '["2"]', data: { v: "after" } },
      { operation: "update", key: '["1"]', old: { v: "before" } },
    ]);
  });

  test("reads partitions that are made meanwhile", async () => {
    await db.query("create table parted (id int primary key) partition by range (id)");
    await publish(db, ["parted"]);
    await db.query("create table parted_1 partition of parted for values from (0) to (10)");
    await db.query("insert into parted values (1)");
    expect(await changesOf("parted")).toMatchObject([{ operation: "insert", key: '["1"]' }]);
  });

  test("reads rows as they are after a column was added, renamed, dropped", async () => {
    await db.query("create table changing (id int primary key, v text)");
    await publish(db, ["changing"]);
    await db.query("insert into changing values (1, 'a')");
    await db.query("alter table changing add column more int; insert into changing values (2, 'b', 5)");
    await untilCaptured(db);
    await db.query("alter table changing rename column id to ident; insert into changing values (3, 'c', 6)");
    await untilCaptured(db);
    await db.query("alter table changing drop column v; insert into changing values (4, 7)");
    expect((await changesOf("changing")).map(({ key, data }) => [key, data])).toEqual([
      ['["1"]', { id: "1", v: "a" }],
      ['["2"]', { id: "2", v: "b", more: "5" }],
      ['["3"]', { ident: "3", v: "c", more: "6" }],
      ['["4"]', { ident: "4", more: "7" }],
    ]);
  });

  test("leaves out a table that is not published any more", async () => {
    await db.query("create table gone (id int primary key)");
    await publish(db, ["gone"]);
    await db.query("insert into gone values (1)");
    expect(await changesOf("gone")).toHaveLength(1);
    await db.query("select ampsync.unpublish('gone')");
    await db.query("insert into gone values (2)");
    expect(await changesOf("gone")).toHaveLength(1);
  });
});

test("A pass whose time is up ends once all that it read is stored, and the next one is queued", async () => {
  await using own = await createDatabase();
  await own.query("create table todos (id int primary key)");
  await publish(own, ["todos"]);
  await own.query("delete from graphile_worker._private_jobs");
  await using ending = startPass(own, { passMs: 500 });
  await own.query("insert into todos select generate_series(1, 3000)"); // A large one may be half read by then.
  await ending.ended;
  const { rows } = await own.query(
    `select (select count(*)::int from graphile_worker.jobs where key = 'ampsync_capture') as jobs,
            c.worker_id is null as is_free, c.error, c.large_tx from ampsync_private.capture c`,
  );
  expect(rows).toEqual([{ jobs: 1, is_free: true, error: null, large_tx: null }]);
  await using _next = startPass(own);
  await untilCaptured(own);
  expect(await logged(own)).toHaveLength(3000);
});
