import { expect, test } from "vitest";

import { uninstall } from "../../src/install/uninstall.ts";
import { createLog } from "../../src/log.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";
import { waitFor } from "../support/wait-for.ts";

const db = sharedDatabase();

test("a call that has locked its dataset goes on, and uninstall waits for it without a deadlock", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.commit(0, 9);
  const user = await db.client();
  await user.query("set deadlock_timeout = '10ms'"); // In a deadlock this session would be ended.
  await user.query("begin");
  await user.query("select ampsync_private.lock_dataset(d.dataset_id) from ampsync_private.dataset d");
  const log = createLog("error", () => {});
  const done = uninstall(db.url, { log, agree: () => Promise.resolve(true) });
  await waitFor("uninstall to wait for a lock", async () => {
    const { rowCount } = await db.query(
      "select from pg_stat_activity where application_name = 'ampsync uninstall' and wait_event_type = 'Lock'",
    );
    return rowCount === 1;
  });
  expect((await user.query("select state from ampsync.pause_sync('chain')")).rows).toEqual([
    { state: "paused" },
  ]);
  await user.query("commit");
  expect(await done).toBe("done");
});
