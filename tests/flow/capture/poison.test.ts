import { afterAll, expect, test } from "vitest";

import { publish, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { captureRow, events, loggedEntries, loggedRows } from "../../support/postgres/sql-capture.ts";

const db = sharedDatabase();
const passes: ReturnType<typeof startPass>[] = [];
afterAll(() => Promise.all(passes.map((pass) => pass.stop())));

function nextPass() {
  const pass = startPass(db);
  passes.push(pass);
  return pass;
}

test("a transaction that cannot be stored stops capture there, is shown, and is skipped by a call alone", async () => {
  await db.query("create table todos (id int primary key, title text)");
  await publish(db, ["todos"]);
  const first = nextPass();
  await db.query("insert into todos values (1, 'a')");
  await untilCaptured(db);
  await first.stop();

  // Somebody lets the log capture itself: the entry of the next transaction is one that must never be stored.
  await db.query("alter publication ampsync add table ampsync_private.log_epoch");
  await db.query(`
    insert into ampsync_private.log_epoch (epoch, started_at, system_identifier, timeline, database_oid,
                                           server_started_at, forked_at, reason)
    select gen_random_uuid(), e.started_at, e.system_identifier, e.timeline, e.database_oid, e.server_started_at,
           e.forked_at, 'a test'
      from ampsync_private.log_epoch e`);
  await db.query("alter publication ampsync drop table ampsync_private.log_epoch");
  await db.query("insert into todos values (2, 'b')");
  for (let failures = 1; failures <= 2; failures++) {
    await nextPass().ended;
    expect(await captureRow(db)).toMatchObject({
      attempts: failures,
      error: {
        code: "SY404",
        hint: expect.stringMatching(
          /^alter publication ampsync drop table ampsync_private.log_epoch; select ampsync.skip_transaction\('.+'\);$/,
        ),
      },
    });
  }
  const { commit_lsn, error } = await captureRow(db);
  expect(await loggedRows(db)).toHaveLength(1);

  await db.query("select ampsync.skip_transaction($1)", [(error as { lsn: string }).lsn]);
  nextPass();
  await untilCaptured(db);
  expect((await loggedRows(db)).map((line) => line.split(" ").pop())).toEqual(['["1"]', '["2"]']);
  const kinds = (await loggedEntries(db)).map((entry) => entry.split(" ")[0]);
  expect(kinds.slice(-3)).toEqual(["rows", "floor", "rows"]);
  expect(await captureRow(db)).toMatchObject({ error: null, attempts: 0, skip_lsn: null });
  expect(await events(db, "table_floor")).toMatchObject([{ reason: "a transaction was skipped" }]);
  expect(commit_lsn).not.toBeNull();
});
