import { describe, expect, test } from "vitest";

import { TestBucket } from "../../support/http/test-bucket.ts";
import { EVENTS, enqueueHttp } from "../../support/postgres/http-source.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const DAY = 86_400;

async function pruned(): Promise<number> {
  return (await db.query("select ampsync_worker.prune_limits() as pruned")).rows[0]!["pruned"];
}

/** One that a permit was taken from, with two windows. */
async function usedBucket(name?: string): Promise<TestBucket> {
  const bucket = await TestBucket.open(
    db,
    [
      { requests: 100, per_s: 60 },
      { requests: 1000, per_s: 3600 },
    ],
    name,
  );
  await bucket.granted(1);
  return bucket;
}

describe("the limits that no source has", () => {
  test("are kept for a day after they were used", async () => {
    const bucket = await usedBucket();
    expect(await pruned()).toBe(0);
    await bucket.at(DAY);
    expect(await pruned()).toBe(0);
    await bucket.granted(1);
    await bucket.at(2 * DAY);
    expect(await pruned()).toBe(0);
    await bucket.at(2 * DAY + 60);
    expect(await pruned()).toBe(2);
    expect(await pruned()).toBe(0);
  });

  test("are kept for as long as they keep everybody waiting, and a day", async () => {
    const bucket = await usedBucket();
    await bucket.report({ granted: 0, status: 429, limited: true, retry_after: DAY });
    await bucket.at(2 * DAY - 60);
    expect(await pruned()).toBe(0);
    await bucket.at(2 * DAY + 60);
    expect(await pruned()).toBe(2);
  });

  test("go at once where nothing is known of them", async () => {
    await TestBucket.open(db);
    expect(await pruned()).toBe(1);
  });
});

test("the limit of a source is kept, whatever it is called, and however long that rests", async () => {
  const bucket = await usedBucket("api.example.com");
  const other = await usedBucket("shared");
  await enqueueHttp(db);
  await enqueueHttp(db, { dataset: "clicks", source: { ...EVENTS, rate_limit: { bucket: "shared" } } });
  await bucket.at(30 * DAY);
  expect(await pruned()).toBe(0);
  await db.query("select ampsync.drop_sync('clicks')");
  expect(await pruned()).toBe(2);
  expect(await other.granted(1)).toBe(1); // As of an API that was never asked.
});
