import { expect, test } from "vitest";

import { sharedDatabase } from "../support/postgres/shared-database.ts";

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
