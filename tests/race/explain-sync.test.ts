import { expect, test } from "vitest";

import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { registerDataset } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();

test("explain_sync forgets old answers about other datasets, but does not wait for whoever uses one", async () => {
  for (const dataset of ["chain_a", "chain_b", "chain_c"]) {
    await db.query("select ampsync.explain_sync($1)", [dataset]);
  }
  await db.query("update ampsync_private.answer set asked_at = asked_at - interval '2 days'");
  const [first, second] = [await db.client(), await db.client()];
  await first.query("begin");
  await first.query("select ampsync_private.ask_server('_', 'chain_a', null)");
  await second.query("set lock_timeout = '200ms'");
  await second.query("select ampsync.explain_sync('chain_d')");
  await first.query("commit");
  const { rows } = await db.query("select name from ampsync_private.answer order by 1");
  expect(rows.map(({ name }) => name)).toEqual(["chain_a", "chain_d"]);
});

test.each([
  ["select ampsync.set_source('chain_e', admin_addr => 'http://amp:1610')", "ask"], // The other server.
  ["select ampsync.explain_sync('chain_e')", "orphan"],
])(
  "an explanation that waits for the row of its dataset holds nothing that is needed by: %s",
  async (call, step) => {
    await db.query("select ampsync.drop_sync('chain_e')");
    await registerDataset(db, "chain_e", ["blocks"]);
    await db.query("select ampsync.explain_sync('chain_e')");
    await db.query(`update ampsync_private.answer
    set version = '1.0.0', has_namespaces = true, tables = '[]', answered_at = ampsync_private.now() - interval '1 min'`);
    const [user, reader] = [await db.client(), await db.client()];
    const pid = await backendOf(reader);
    await user.query("begin; select from ampsync_private.dataset where name = 'chain_e' for no key update");
    const explained = reader.query("select * from ampsync.explain_sync('chain_e')");
    explained.catch(() => {});
    await untilBlocked(db, pid);
    await user.query(call);
    await user.query("commit");
    expect((await explained).rows).toContainEqual(expect.objectContaining({ step }));
  },
);

test("two explanations of what is not synced, one of them inside a transaction that enqueues it, do not deadlock", async () => {
  const [user, reader] = [await db.client(), await db.client()];
  const pid = await backendOf(reader);
  await user.query("begin; select ampsync.enqueue_sync('chain_f', from_block => 10)");
  const explained = reader.query("select step from ampsync.explain_sync('chain_f')");
  explained.catch(() => {});
  await untilBlocked(db, pid);
  await user.query("select ampsync.explain_sync('chain_f')");
  await user.query("rollback");
  expect((await explained).rows).toEqual([{ step: "ask" }]);
});
