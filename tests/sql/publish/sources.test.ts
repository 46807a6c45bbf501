import { afterAll, beforeAll, expect, test } from "vitest";

import { SqlSource } from "../../support/http/sql-source.ts";
import { changeSetting } from "../../support/postgres/change-setting.ts";
import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";
import { tendPublication } from "../../support/postgres/tended.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await createLogicalDatabase();
});
afterAll(() => db.drop());

async function publications(dataset: string) {
  const { rows } = await db.query(
    `select p.mode, p.state, p.reason, p.hint is not null as has_hint from ampsync.publications p
      where p.table_name = $1 order by p.state`,
    [`public.${dataset}`],
  );
  return rows;
}

const publish = (dataset: string) => db.query("select * from ampsync.publish_dataset($1)", [dataset]);

/** Its table is there, as its first pass makes it. */
async function make(source: SqlSource): Promise<void> {
  await source.acquire();
  await source.begin();
}

/** The supervisor's look, and the job that it queues. */
async function lookAndTend(): Promise<readonly string[]> {
  await db.query("select ampsync_worker.supervise_capture()");
  const { rowCount } = await db.query(
    "select from graphile_worker.jobs j where j.key = 'ampsync_publication'",
  );
  return rowCount === 0 ? [] : await tendPublication(db);
}

test("the table of an HTTP source that is not made yet is published once it is", async () => {
  const source = await SqlSource.define(db, { name: "early" });
  const { rows } = await publish("early");
  expect(rows).toEqual([{ table_name: "public.early", state: "starting", hint: expect.any(String) }]);
  await publish("early");
  expect(await publications("early")).toEqual([
    { mode: "rows", state: "starting", reason: "the table is not made yet", has_hint: true },
  ]);
  expect(await lookAndTend()).toEqual([]);

  await make(source);
  await lookAndTend();
  expect(await publications("early")).toEqual([
    { mode: "rows", state: "live", reason: null, has_hint: false },
  ]);
  const { rows: found } = await db.query(
    "select c.relreplident as identity from pg_class c where c.oid = 'public.early'::regclass",
  );
  expect(found).toEqual([{ identity: "f" }]);
  expect(await lookAndTend()).toEqual([]);
});

test("a table that an HTTP source makes anew is published again", async () => {
  const source = await SqlSource.define(db, { name: "anew" });
  await publish("anew");
  await make(source);
  await lookAndTend();
  await db.query("drop table public.anew");
  await db.query("select ampsync.resync('anew')");
  await make(source);
  await db.query("update ampsync_private.published set looked_at = null");
  await db.query("select ampsync_worker.look_at_tables()");
  await lookAndTend();
  const { rows } = await db.query(
    `select p.state from ampsync_private.published p
      where p.relation = 'public.anew'::regclass`,
  );
  expect(rows).toEqual([{ state: "starting" }]);
});

test.each([
  ["unpublish_dataset('ended')", "before its table is made", false],
  ["unpublish_dataset('ended')", "after", true],
  ["unpublish('public.ended')", "after", true],
])("%s %s ends it: no later table is published", async (call, _, isMade) => {
  const source = await SqlSource.define(db, { name: "ended" });
  await publish("ended");
  if (isMade) await make(source);
  await db.query(`select ampsync.${call}`);
  if (!isMade) await make(source);
  expect(await lookAndTend()).toEqual([]);
  expect(await publications("ended")).toEqual([]);
  await db.query("select ampsync.drop_sync('ended', drop_tables => true)");
});

test("one that cannot be published says why, is tried again, and keeps nothing else waiting", async () => {
  const refused = await SqlSource.define(db, { name: "refused" });
  const other = await SqlSource.define(db, { name: "other" });
  await publish("refused");
  await publish("other");
  await make(refused);
  await make(other);
  await db.query("create table public.heir () inherits (public.refused)");
  expect(await lookAndTend()).toEqual(expect.arrayContaining(["source_refused", "source_published"]));
  expect(await publications("other")).toMatchObject([{ reason: "capture has not come to it yet" }]);
  expect(await publications("refused")).toEqual([
    {
      mode: "rows",
      state: "starting",
      reason: expect.stringContaining("other tables inherit from it"),
      has_hint: true,
    },
  ]);
  expect(await lookAndTend()).toEqual([]);

  await db.query("drop table public.heir");
  await db.query(
    "update ampsync_private.dataset set publish_tried = publish_tried - interval '1 min' where publish_tried is not null",
  );
  await lookAndTend();
  expect(await publications("refused")).toMatchObject([{ reason: "capture has not come to it yet" }]);
});

test("a server that cannot capture refuses it at once", async () => {
  await SqlSource.define(db, { name: "hopeless" });
  await changeSetting(db, "max_slot_wal_keep_size", "-1");
  await db.query("select ampsync.configure_capture(require_wal_limit => true)");
  await expect(publish("hopeless")).rejects.toMatchObject({ code: "SY403" });
  await db.query("select ampsync.configure_capture(require_wal_limit => false)");
  expect(await publications("hopeless")).toEqual([]);
});
