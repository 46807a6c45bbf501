import { beforeEach, expect, test } from "vitest";

import { Caller } from "../../src/db/caller.ts";
import { createLog } from "../../src/log.ts";
import { supervise } from "../../src/tasks/ampsync_supervise.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";

const db = sharedDatabase();

const PRUNE = "select ampsync_worker.prune_events(3) as pruned";

/** Five events of one stream and one of none, all of long ago. */
beforeEach(async () => {
  await db.query("delete from ampsync_private.event");
  await db.query(
    `insert into ampsync_private.event (at, event, stream_id, details)
     select ampsync_private.now() - interval '1 year', n, nullif(n, 6), '{}' from generate_series(1, 6) n`,
  );
  await db.query("update ampsync_private.event set stream_id = 7 where stream_id is not null");
});

async function left(): Promise<string> {
  const { rows } = await db.query(
    "select string_agg(event, ' ' order by event_id) as names from ampsync_private.event",
  );
  return rows[0]!["names"];
}

test("two that prune at once share the work: neither waits, and the last event of a stream stays", async () => {
  const [one, two] = [await db.client(), await db.client()];
  await two.query("set lock_timeout = '1s'");
  await one.query("begin");
  expect((await one.query(PRUNE)).rows).toEqual([{ pruned: 3 }]);
  expect((await two.query(PRUNE)).rows).toEqual([{ pruned: 2 }]);
  await one.query("commit");
  expect(await left()).toBe("5");
});

test("pruning that is under way keeps nobody from writing events, and ends without a trace when it dies", async () => {
  const [one, two] = [await db.client(), await db.client()];
  await one.query("begin");
  await one.query(PRUNE);
  await two.query("set lock_timeout = '1s'");
  await two.query("select ampsync_private.journal(null, 'something')");
  await one.query("rollback");
  expect(await left()).toBe("1 2 3 4 5 6 something");
});

test("each run of the supervisor prunes, and has queued the next run before", async () => {
  await supervise({
    caller: new Caller((statement) => db.query(statement.text, statement.values)),
    log: createLog("error", () => {}),
  })({}, undefined as never);
  expect(await left()).toBe("5");
  const { rows } = await db.query(
    "select count(*)::int as waiting from ampsync.jobs where task = 'ampsync_supervise'",
  );
  expect(rows).toEqual([{ waiting: 1 }]);
});
