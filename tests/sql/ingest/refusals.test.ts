import { beforeEach, describe, expect, test } from "vitest";

import { type Answer, TestBucket } from "../../support/http/test-bucket.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

const refused = (granted: number, more: Partial<Answer> = {}): Answer => ({
  granted,
  status: 429,
  limited: true,
  ...more,
});

let bucket: TestBucket;
beforeEach(async () => {
  bucket = await TestBucket.open(db, [{ requests: 100, per_s: 60 }]);
});

describe("after a refusal", () => {
  test("nobody sends before the time that it tells, and one sends at that millisecond", async () => {
    await bucket.granted(5);
    await bucket.at(0.5);
    await bucket.report(refused(0, { retry_after: 7.25, age: 0.125 })); // Came at 0.375.
    expect(await bucket.take(5)).toEqual({ granted: 0, wait_ms: 7125 });
    await bucket.at(7.624999);
    expect(await bucket.take(5)).toEqual({ granted: 0, wait_ms: 1 });
    await bucket.at(7.625);
    expect(await bucket.take(5)).toEqual({ granted: 1, wait_ms: 0 });
  });

  test("without such a time it waits 1, 2, 4 … 60 s, until a success", async () => {
    const waits: number[] = [];
    let now = 0;
    for (let n = 0; n < 9; n++) {
      await bucket.granted(1);
      await bucket.report(refused(now));
      const { wait_ms } = await bucket.take(1);
      waits.push(wait_ms / 1000);
      now += wait_ms / 1000;
      await bucket.at(now);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);

    await bucket.granted(1);
    await bucket.report({ granted: now, status: 200 });
    expect((await bucket.row()).refusals).toBe(0);
    now += 10;
    await bucket.at(now);
    await bucket.granted(1);
    await bucket.report(refused(now));
    expect((await bucket.take(1)).wait_ms).toBe(1000);
  });

  test("the reset is the time to wait for, if nothing remains", async () => {
    await bucket.granted(1);
    await bucket.report(refused(0, { told: [{ remaining: 0, reset: 30.5 }] }));
    expect((await bucket.take(1)).wait_ms).toBe(30_500);
  });

  test("the reset is none, if the answer tells that some remain", async () => {
    await bucket.granted(1);
    await bucket.report(refused(0, { told: [{ remaining: 40, reset: 30.5 }] }));
    expect((await bucket.take(1)).wait_ms).toBe(1000);
  });

  test("with 403 it waits a minute, or as long as it tells, not until the window ends", async () => {
    await bucket.declare([{ requests: 5000, per_s: 3600 }]);
    const told = [{ limit: 5000, remaining: 4900, reset: 3000 }];
    await bucket.granted(1);
    await bucket.report(refused(0, { status: 403, told }));
    expect((await bucket.take(1)).wait_ms).toBe(60_000);
    await bucket.at(60);
    expect(await bucket.granted(9)).toBe(1);
    await bucket.at(60.5);
    await bucket.report(refused(60, { status: 403, retry_after: 60, told }));
    expect((await bucket.take(1)).wait_ms).toBe(60_000);
    await bucket.at(120.5);
    expect(await bucket.granted(9)).toBe(1);
    await bucket.at(121);
    expect(await bucket.granted(9, { granted: 120.5, status: 200, told })).toBe(9);
  });

  describe("that tells too short a time", () => {
    /** The waits after so many refusals in a row, each of the one that tried again. */
    async function waitsAfter(refusals: number, more: Partial<Answer>, from = 0): Promise<number[]> {
      const waits: number[] = [];
      let now = from;
      for (let n = 0; n < refusals; n++) {
        expect(await bucket.granted(1)).toBe(1);
        await bucket.report(refused(now, more));
        const { blocked_until } = await bucket.row();
        waits.push(blocked_until! - now);
        now = blocked_until!;
        await bucket.at(now);
      }
      return waits;
    }

    beforeEach(async () => {
      bucket = await TestBucket.open(db, null, "unknown.example.com"); // Nothing paces requests.
    });

    test.each<[string, Partial<Answer>]>([
      ["a 429", { retry_after: 0 }],
      ["a 503", { status: 503, retry_after: 0 }],
      ["a secondary limit", { status: 403, retry_after: 0 }],
    ])("%s is believed once, and waits 1, 2, 4 … 60 s from then on, until a success", async (_what, more) => {
      expect(await waitsAfter(10, more)).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
      await bucket.granted(1);
      await bucket.report({ granted: 243, status: 200 });
      await bucket.at(300);
      expect(await waitsAfter(2, more, 300)).toEqual([0, 1]);
    });

    test("a reset that is past is no better", async () => {
      const told = [{ remaining: 0, reset: 0 }]; // It gets a second, as all that have whole ones.
      expect(await waitsAfter(5, { told })).toEqual([1, 1, 2, 4, 8]);
    });

    test("a time that is longer is obeyed as it is told", async () => {
      expect(await waitsAfter(4, { retry_after: 7.25 })).toEqual([7.25, 7.25, 7.25, 7.25]);
    });

    test("a shorter one is as good as none", async () => {
      expect(await waitsAfter(4, { retry_after: 0.25 })).toEqual([0.25, 1, 2, 4]);
    });
  });

  test("a burst of refusals is one", async () => {
    await bucket.put({ remaining: 50, resets_at: 60 });
    expect(await bucket.granted(5)).toBe(5);
    await bucket.at(0.3);
    await bucket.report(refused(0), refused(0), refused(0));
    await bucket.at(0.4);
    await bucket.report(refused(0), refused(0));
    expect(await bucket.row()).toMatchObject({ refusals: 1, refused: 5, blocked_until: 1.4 });
  });

  test("the time to wait for never becomes shorter", async () => {
    await bucket.granted(1);
    await bucket.report(refused(0, { retry_after: 20 }), refused(0, { retry_after: 10 }));
    expect((await bucket.row()).blocked_until).toBe(20);
  });

  test("a wait of more than a day is one of a day", async () => {
    await bucket.report(refused(0, { retry_after: 1e12 }));
    expect((await bucket.row()).blocked_until).toBe(86400);
  });

  test("windows of one bucket all wait, each as long as it is told", async () => {
    await bucket.declare([
      { requests: 20, per_s: 10 },
      { requests: 100, per_s: 60 },
    ]);
    const told = [
      { window: 10, remaining: 0, reset: 6.5 },
      { window: 60, remaining: 40, reset: 50.5 },
    ];
    await bucket.report(refused(0, { told }));
    expect((await bucket.rows()).map((row) => row.blocked_until)).toEqual([6.5, 1]);
    expect((await bucket.take(1)).wait_ms).toBe(6500);
  });
});

describe("when the time has come", () => {
  beforeEach(async () => {
    await bucket.put({ remaining: 50, resets_at: 60 });
    await bucket.granted(5);
    await bucket.report(refused(0, { retry_after: 2, told: [{ remaining: 40, reset: 59.5 }] }));
    await bucket.at(2);
    expect(await bucket.granted(5)).toBe(1);
  });

  test("one tries, and the others wait for its answer, a second each time", async () => {
    expect(await bucket.take(5)).toEqual({ granted: 0, wait_ms: 1000 });
    await bucket.at(5);
    expect(await bucket.take(5)).toEqual({ granted: 0, wait_ms: 1000 });
  });

  test("its success lets all go on", async () => {
    await bucket.at(2.2);
    expect(
      await bucket.granted(50, { granted: 2, status: 200, told: [{ remaining: 39, reset: 57.5 }] }),
    ).toBe(35);
  });

  test("its success lets one at a time go on where nothing is told", async () => {
    await bucket.put({ remaining: null, resets_at: null });
    await bucket.at(2.2);
    // 60.25 s for a hundred, from the one that tried.
    expect(await bucket.take(50, { granted: 2, status: 200 })).toEqual({ granted: 0, wait_ms: 403 });
  });

  test("it tries although nothing remains", async () => {
    await bucket.put({ remaining: 0, next_at: 2 });
    expect(await bucket.granted(5)).toBe(1);
  });

  test("its refusal begins a longer wait", async () => {
    await bucket.at(2.5);
    await bucket.report(refused(2));
    expect((await bucket.take(5)).wait_ms).toBe(2000);
    await bucket.at(4.5);
    expect(await bucket.granted(5)).toBe(1);
  });

  test.each<[string, Partial<Answer>]>([
    ["its connection breaks", {}],
    ["the server fails", { status: 500 }],
  ])("the next one tries as soon as %s", async (_what, answer) => {
    await bucket.at(2.2);
    await bucket.report({ granted: 2, ...answer });
    await bucket.at(2.6025);
    expect(await bucket.granted(1)).toBe(1);
  });

  test("the next one tries as soon as it comes back unused", async () => {
    await bucket.at(2.2);
    expect(await bucket.granted(5, { granted: 2, unused: true })).toBe(1);
    expect(await bucket.granted(5)).toBe(0);
  });

  test("the next one tries after 10 s if nothing was heard of it", async () => {
    await bucket.at(11.999);
    expect(await bucket.take(5)).toEqual({ granted: 0, wait_ms: 1 });
    await bucket.at(12);
    expect(await bucket.granted(5)).toBe(1);
    expect(await bucket.granted(5)).toBe(0);
  });

  test("late answers to permits of before it neither end nor prolong the row of refusals", async () => {
    await bucket.at(2.2);
    await bucket.report({ granted: 0, status: 200 }, refused(0, { retry_after: 0 }));
    expect(await bucket.row()).toMatchObject({ refusals: 1, blocked_until: 2.2 });
  });
});
