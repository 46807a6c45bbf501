import { expect, test } from "vitest";

import { TestBucket } from "../../support/http/test-bucket.ts";
import { supervise } from "../../support/postgres/queue.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

async function shown() {
  const { rows } = await db.query(
    `select r.bucket, r.window::text, r.limit, r.remaining, to_char(r.resets_at at time zone 'UTC', 'HH24:MI:SS') as resets,
            to_char(r.blocked_until at time zone 'UTC', 'HH24:MI:SS') as blocked, r.sent::int, r.refused::int
       from ampsync.rate_limits r`,
  );
  return rows;
}

test("rate_limits shows what remains of each window, and until when nothing is sent", async () => {
  const bucket = await TestBucket.open(db, [{ requests: 100, per_s: 60 }]);
  const first = {
    bucket: bucket.name,
    window: "00:01:00",
    limit: 100,
    remaining: null,
    resets: null,
    blocked: null,
  };
  expect(await shown()).toEqual([{ ...first, sent: 0, refused: 0 }]);

  await bucket.granted(1);
  await bucket.granted(9, { granted: 0, status: 200, told: [{ remaining: 80, reset: 30.5 }] });
  await bucket.report({
    granted: 0,
    status: 429,
    limited: true,
    retry_after: 20,
    told: [{ remaining: 79, reset: 30.5 }],
  });
  const told = { ...first, remaining: 71, resets: "12:00:30", blocked: "12:00:20", sent: 10, refused: 1 };
  expect(await shown()).toEqual([told]);

  await bucket.at(31);
  expect(await shown()).toEqual([{ ...told, remaining: 100, resets: null, blocked: null }]);
});

test("a clock that is set back holds nobody up for longer than a window, or a place in it", async () => {
  const told = await TestBucket.open(db, [{ requests: 100, per_s: 60 }]);
  const paced = await TestBucket.open(db, [{ requests: 10, per_s: 60 }], "paced.example.com");
  await told.at(3600);
  await told.granted(1);
  await told.report({ granted: 3600, status: 200, told: [{ remaining: 0, reset: 50.5 }] });
  await paced.granted(1);
  await paced.report({ granted: 3600, status: 429, limited: true, retry_after: 30 });
  await told.at(0);
  await supervise(db);
  expect((await told.take(1)).wait_ms).toBeLessThanOrEqual(60_000);
  expect((await paced.take(1)).wait_ms).toBeLessThanOrEqual(60_000);
  await told.at(60);
  expect(await told.granted(9)).toBe(9);
  expect(await paced.granted(9)).toBe(1);
});
