import { afterAll, beforeAll, expect, test } from "vitest";

import { createLogicalDatabase } from "../../support/postgres/logical-database.ts";
import type { TestDatabase } from "../../support/postgres/postgres.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";
import { tendPublication } from "../../support/postgres/tended.ts";

let db: TestDatabase;
let stream: SqlStream;
beforeAll(async () => {
  db = await createLogicalDatabase();
  await db.query("create table todos (id integer primary key)");
  await db.query("select ampsync.publish('todos')");
  await tendPublication(db);
  stream = await SqlStream.prepare(db);
  await db.query("select ampsync.publish_dataset('chain')");
  await db.query("select ampsync_worker.activate_targets()");
});
afterAll(() => db.drop());

const SLOT = "(select c.slot from ampsync_private.capture c)";
let block = 0;
let datasets = 0;

test.each([
  ["whose slot is gone", `select pg_drop_replication_slot(${SLOT})`],
  ["whose slot somebody moved", `select pg_replication_slot_advance(${SLOT}, pg_current_wal_flush_lsn())`],
  ["whose publication is gone", "drop publication ampsync"],
  [
    "that has failed",
    `update ampsync_private.capture set state = 'failed', attempts = 9, error = '{"code": "SY404", "message": "broken"}'`,
  ],
  ["that nobody reads, with WAL waiting", "insert into todos select generate_series(1, 10000)"],
  ["that stands still within a transaction", "begin; update ampsync_private.capture set attempts = 0"],
])(
  "a capture %s keeps no commit of a dataset waiting, nor its entry, nor a dataset that is published then",
  async (_, harm) => {
    const pass = await db.client();
    await pass.query(harm);
    const { rows: before } = await db.query("select ampsync.head() as head");
    await stream.commit(block, block);
    const { rows } = await db.query("select operation, data from ampsync.read_changes($1)", [
      before[0]!["head"],
    ]);
    expect(rows).toEqual([{ operation: "append", data: { from_block: block, to_block: block, rows: 1 } }]);
    block++;

    const dataset = `later_${++datasets}`;
    await SqlStream.prepare(db, { dataset });
    await db.query("select ampsync.publish_dataset($1)", [dataset]);
    await db.query("select ampsync_worker.activate_targets()");
    const { rows: later } = await db.query("select state from ampsync.publications where dataset = $1", [
      dataset,
    ]);
    expect(later).toEqual([{ state: "live" }]);
    await pass.end(); // With its transaction, if it is in one.
    await tendPublication(db);
  },
);
