import { describe, expect, test } from "vitest";

import { supervise } from "../support/postgres/queue.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import type { Connection } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();

async function take(client: Connection, bucket: string, want: number, seen: readonly object[] = []) {
  const { rows } = await client.query(
    "select granted, granted_at, wait_ms from ampsync_worker.take_permits($1, $2, $3)",
    [bucket, want, JSON.stringify(seen)],
  );
  return rows[0]!;
}

test("two that ask at once share what remains, and the later one reads the clock after it has waited", async () => {
  const bucket = "at_once";
  const { granted_at } = await take(db, bucket, 1);
  const told = [{ window: 60, limit: 100, remaining: 12, reset: 59.5 }];
  await take(db, bucket, 0, [{ granted_at, age: 0, status: 200, told }]);

  const [first, second] = [await db.client(), await db.client()];
  const pid = await backendOf(second);
  await first.query("begin");
  expect(await take(first, bucket, 10)).toMatchObject({ granted: 10 });
  const other = take(second, bucket, 10);
  await untilBlocked(db, pid);
  const { rows } = await first.query("select clock_timestamp()::text as released");
  await first.query("commit");
  const later = await other;
  expect(later).toMatchObject({ granted: 2 });
  expect(Date.parse(later["granted_at"])).toBeGreaterThanOrEqual(Date.parse(rows[0]!["released"]));
});

test("a window that one adds while another waits is counted by the other one", async () => {
  const bucket = "adds";
  const { granted_at } = await take(db, bucket, 1);
  const told = [{ window: 10, limit: 20, remaining: 5, reset: 9.5 }];

  const [first, second] = [await db.client(), await db.client()];
  const pid = await backendOf(second);
  await first.query("begin");
  await take(first, bucket, 0, [{ granted_at, age: 0, status: 200, told }]);
  const other = take(second, bucket, 50);
  await untilBlocked(db, pid);
  await first.query("commit");
  expect(await other).toMatchObject({ granted: 5 });
});

test("buckets do not wait for each other", async () => {
  const holder = await db.client();
  await holder.query("begin");
  await take(holder, "held", 1);
  expect(await take(db, "free", 3)).toMatchObject({ granted: 3 });
  await holder.query("rollback");
});

describe("a bucket whose permits are being granted", () => {
  /** Everything it knows lies `by` ahead of the clock. */
  async function ahead(bucket: string, by: string): Promise<void> {
    await db.query(
      `update ampsync_private.rate_limit
          set window_at = ampsync_private.now() + $2::interval, resets_at = ampsync_private.now() + $2::interval + interval '60 s'
        where bucket = $1`,
      [bucket, by],
    );
  }
  const resetsIn = async (bucket: string): Promise<number> => {
    const { rows } = await db.query(
      `select extract(epoch from resets_at - ampsync_private.now())::float8 as s
         from ampsync_private.rate_limit where bucket = $1`,
      [bucket],
    );
    return rows[0]!["s"];
  };

  test("is left alone by the supervisor, which waits for nobody, and put right by its next run", async () => {
    const bucket = "clock_set_back";
    await take(db, bucket, 1);
    await ahead(bucket, "1 h");
    const holder = await db.client();
    await holder.query("begin");
    await take(holder, bucket, 1);
    await supervise(db);
    await holder.query("commit");
    expect(await resetsIn(bucket)).toBeGreaterThan(3600);
    await supervise(db);
    expect(await resetsIn(bucket)).toBeLessThanOrEqual(60);
  });

  test("is not pruned, nor is one whose numbers are being declared", async () => {
    const pruned = async () =>
      (await db.query("select ampsync_worker.prune_limits() as pruned")).rows[0]!["pruned"];
    await db.query("delete from ampsync_private.rate_limit");
    await take(db, "old", 1);
    await ahead("old", "-2 days");
    const holder = await db.client();
    await holder.query("begin");
    await take(holder, "old", 1);
    expect(await pruned()).toBe(0);
    await holder.query("rollback; begin");
    await holder.query("select ampsync.enqueue_http('events', $1)", [
      JSON.stringify({
        ...{ url: "https://api.example.com/", pages: { type: "none" }, key: ["id"] },
        rate_limit: { bucket: "old", requests: 5, per: "1 s" },
      }),
    ]);
    expect(await pruned()).toBe(0);
    await holder.query("rollback");
    expect(await pruned()).toBe(1);
  });
});
