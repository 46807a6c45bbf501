import { expect, test } from "vitest";

import { moveClock, queueFollowsClock } from "../../support/postgres/clock.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { waitFor } from "../../support/wait-for.ts";

const db = rolledBackDatabase();

/** In how many seconds of the real clock each job is due. */
async function due(): Promise<Record<string, number>> {
  const { rows } = await db.query(
    `select key, round(extract(epoch from run_at - clock_timestamp()))::int as due
       from graphile_worker._private_jobs where key = any ('{near,far,now}')`,
  );
  return Object.fromEntries(rows.map((row) => [row["key"], row["due"]]));
}

async function add(key: string, runAt: string): Promise<void> {
  await db.query(`select graphile_worker.add_job('ampsync_supervise', job_key => $1, run_at => ${runAt})`, [
    key,
  ]);
}

test("a queue that follows the moved clock has its jobs in time, whether they were queued before or after a move", async () => {
  await queueFollowsClock(db);
  await add("near", "clock_timestamp() + interval '20 minutes'");
  await add("far", "clock_timestamp() + interval '2 hours'");
  await moveClock(db, "1 hour");
  await add("now", "null");
  const { near, far, now } = await due();
  expect(near).toBeLessThanOrEqual(0);
  expect(now).toBeLessThanOrEqual(0);
  expect(Math.abs(far! - 3600)).toBeLessThan(300); // A guard: seconds pass meanwhile.
  await add("far", "ampsync_private.now() + interval '10 minutes'");
  const later = await due();
  expect(later["far"]).toBeGreaterThan(0);
  expect(later["far"]).toBeLessThanOrEqual(600);
});

test("whoever waits in vain is told how the streams and jobs of the database stand", async () => {
  const waiting = waitFor("what never comes", () => false, 50);
  await expect(waiting).rejects.toThrow(
    /^waited \d+ ms for what never comes\n(.*\n)*session .*"ampsync test"/,
  );
});
