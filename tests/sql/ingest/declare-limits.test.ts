import { describe, expect, test } from "vitest";

import { TestBucket } from "../../support/http/test-bucket.ts";
import { EVENTS, enqueueHttp } from "../../support/postgres/http-source.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

describe("the windows that are declared for a bucket", () => {
  test("become its rows; the same again writes nothing, whatever was told since", async () => {
    const windows = [
      { requests: 20, per_s: 10 },
      { requests: 60, per_s: 60 },
    ];
    const bucket = await TestBucket.open(db, windows);
    await bucket.granted(1);
    const told = [{ window: 3600, limit: 900, remaining: 800, reset: 3000.5 }];
    await bucket.report({
      granted: 0,
      status: 200,
      told: [...told, { window: 60, limit: 50, remaining: 40, reset: 9.5 }],
    });
    const before = await bucket.rows();
    expect(before.map(({ per_s, requests }) => [per_s, requests])).toEqual([
      [10, 20],
      [60, 50],
      [3600, 900],
    ]);
    await bucket.declare(windows);
    expect(await bucket.rows()).toEqual(before);
  });

  test("take the number that is declared anew, from now on", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 1, per_s: 3600 }]);
    await bucket.granted(1);
    await bucket.declare([{ requests: 3600, per_s: 3600 }]);
    expect(await bucket.granted(1)).toBe(1);
    expect((await bucket.take(1)).wait_ms).toBeLessThanOrEqual(1001);
  });

  test("go when they are not declared any more; requests under way and a time to wait for stay", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 100, per_s: 60 }]);
    await bucket.put({ remaining: 50, resets_at: 60 });
    await bucket.granted(7);
    await bucket.report({ granted: 0, status: 429, limited: true, retry_after: 30 });
    await bucket.declare([{ requests: 10, per_s: 10 }]);
    expect(await bucket.rows()).toMatchObject([
      { per_s: 10, requests: 10, in_flight: 6, blocked_until: 30, refusals: 1 },
    ]);
    await bucket.declare(null);
    expect(await bucket.rows()).toMatchObject([
      { per_s: 60, requests: null, declared: null, in_flight: 6, blocked_until: 30 },
    ]);
  });

  test("stay for a source that only shares the bucket, as long as another one declares them", async () => {
    const limit = (rate_limit: object) => ({ source: { ...EVENTS, rate_limit } });
    await enqueueHttp(db, { dataset: "declares", ...limit({ requests: 10, per: "10 s", bucket: "shared" }) });
    await enqueueHttp(db, { dataset: "joins", ...limit({ bucket: "shared" }) });
    const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 10 }], "shared");
    await bucket.declare(null);
    expect(await bucket.rows()).toMatchObject([{ per_s: 10, declared: 10 }]);
    await enqueueHttp(db, { dataset: "declares", ...limit({ bucket: "shared" }) });
    await bucket.declare(null);
    expect(await bucket.rows()).toMatchObject([{ per_s: 60, requests: null, declared: null }]);
  });

  test("are one without a number where there is none", async () => {
    const bucket = await TestBucket.open(db);
    await bucket.declare(null);
    expect(await bucket.rows()).toMatchObject([{ per_s: 60, requests: null }]);
  });
});
