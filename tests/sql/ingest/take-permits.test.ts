import { beforeEach, describe, expect, test } from "vitest";

import { type Answer, type Row, TestBucket } from "../../support/http/test-bucket.ts";
import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

describe("a bucket of which nothing is known", () => {
  let bucket: TestBucket;
  beforeEach(async () => {
    bucket = await TestBucket.open(db);
  });

  test("has one window of a minute, and any number of permits", async () => {
    expect(await bucket.take(50)).toEqual({ granted: 50, wait_ms: 0 });
    expect(await bucket.granted(50)).toBe(50);
    expect(await bucket.row()).toMatchObject({ per_s: 60, requests: null, in_flight: 100, sent: 100 });
  });

  test("is made by whoever asks first", async () => {
    await db.query("delete from ampsync_private.rate_limit");
    expect(await bucket.granted(3)).toBe(3);
    expect(await bucket.row()).toMatchObject({ per_s: 60, requests: null });
  });

  test("gets its number from the first answer that tells one", async () => {
    await bucket.granted(10);
    await bucket.at(0.2);
    const told = [{ limit: 20, remaining: 19, reset: 40 }];
    expect(await bucket.granted(50, { granted: 0, status: 200, told })).toBe(10); // Nine are under way.
    expect(await bucket.row()).toMatchObject({ requests: 20, remaining: 19, in_flight: 19, resets_at: 41.2 });
  });

  test("gets the windows that answers tell, in which requests under way count", async () => {
    await bucket.granted(10);
    await bucket.at(0.2);
    const told = [
      { window: 10, limit: 20, remaining: 19, reset: 9.5 },
      { window: 3600, limit: 1000, remaining: 900, reset: 1234.5 },
    ];
    expect(await bucket.granted(50, { granted: 0, status: 200, told })).toBe(10);
    expect(await bucket.row(10)).toMatchObject({
      requests: 20,
      remaining: 19,
      resets_at: 9.7,
      in_flight: 19,
    });
    expect(await bucket.row(3600)).toMatchObject({ requests: 1000, remaining: 900, in_flight: 19 });
    expect(await bucket.row(60)).toMatchObject({ requests: null, remaining: null, in_flight: 19 });
  });

  test("gets no more than ten windows, whatever a server tells", async () => {
    await bucket.granted(1);
    const told = Array.from({ length: 500 }, (_, n) => ({
      window: 100 + n,
      limit: 5e12,
      remaining: 1e300,
      reset: 1e300,
    }));
    await bucket.report({ granted: 0, status: 200, told });
    const rows = await bucket.rows();
    expect(rows).toHaveLength(10);
    expect(rows[1]).toMatchObject({ requests: 2147483647, remaining: 2147483647, resets_at: 86400 });
  });
});

describe("paced, where a number is declared and nothing told", () => {
  test("one request leaves in each place, and asks again when it comes", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
    expect(await bucket.take(5)).toEqual({ granted: 1, wait_ms: 0 });
    // 60.25 s for ten; the first may have been 0.1 s late.
    expect(await bucket.take(5)).toEqual({ granted: 0, wait_ms: 5925 });
    await bucket.at(5.925);
    expect(await bucket.take(5)).toEqual({ granted: 1, wait_ms: 0 });
  });

  test("one that is a little late keeps the place of the next; one that is later does not", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
    await bucket.put({ next_at: 10 });
    await bucket.at(10.08);
    expect(await bucket.granted(1)).toBe(1);
    expect((await bucket.row()).next_at).toBe(16.025);
    await bucket.at(20);
    expect(await bucket.granted(1)).toBe(1);
    expect((await bucket.row()).next_at).toBe(25.925);
  });

  test.each([
    { requests: 5, per_s: 1 },
    { requests: 40, per_s: 4 },
    { requests: 30, per_s: 20 },
  ])("no window holds more than $requests in $per_s s, however late who asks is", async (window) => {
    const bucket = await TestBucket.open(db, [window]);
    const sent: number[] = [];
    const end = 3 * window.per_s;
    for (let now = 0, n = 0; now < end; n++) {
      await bucket.at(now);
      const { granted, wait_ms } = await bucket.take(
        10,
        ...sent.slice(-1).map((at) => ({ granted: at, status: 200 })),
      );
      sent.push(...Array.from({ length: granted }, () => now));
      // A timer is up to 15 ms late, now and then a lot.
      now += wait_ms / 1000 + ((n * 7) % 16) / 1000 + (n % 23 === 22 ? 0.3 : 0);
    }
    for (const from of sent) {
      expect(sent.filter((at) => at >= from && at < from + window.per_s).length).toBeLessThanOrEqual(
        window.requests,
      );
    }
    expect(sent.length).toBeGreaterThan(window.requests * 2);
  });

  test("a window declared shorter than 10 s does not hear what is told", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 5, per_s: 1 }]);
    await bucket.granted(1);
    await bucket.report({ granted: 0, status: 200, told: [{ limit: 50, remaining: 49, reset: 1 }] });
    expect(await bucket.row()).toMatchObject({ requests: 5, remaining: null, resets_at: null });
    const other = await TestBucket.open(db, null, "other.example.com");
    await other.report({
      granted: 0,
      status: 200,
      told: [{ window: 1, limit: 50, remaining: 49, reset: 1 }],
    });
    expect(await other.row(1)).toMatchObject({ requests: 50, remaining: 49, resets_at: 1 });
  });
});

describe("what an answer tells of a window with 50 remaining until 60 s, three under way, at 20 s", () => {
  const held: Partial<Row> = {
    remaining: 50,
    resets_at: 60,
    in_flight: 3,
    cleared_at: 0,
    window_at: 10,
    is_told: true,
  };
  const bare = { granted: 19, status: 200 };
  const slow = { granted: 12, status: 200 };
  const told = (remaining: number, reset: number) => ({ told: [{ remaining, reset }] });

  const CASES: [what: string, answer: Answer, expected: Partial<Row>, before?: Partial<Row>][] = [
    // A new window.
    [
      "a reset more than 2 s later is that of a new window",
      { ...bare, ...told(99, 42.5) },
      { remaining: 99, resets_at: 62.5, window_at: 20 },
    ],
    [
      "the first reset is that of a new window",
      { ...bare, ...told(99, 30.5) },
      { remaining: 99, resets_at: 50.5, window_at: 20 },
      { resets_at: null, remaining: null },
    ],
    [
      "an earlier reset is too, if its permit is not older than what is held",
      { ...bare, granted: 19, ...told(7, 30.5) },
      { remaining: 7, resets_at: 50.5, window_at: 20 },
    ],
    // The same.
    [
      "less remains: the least counts",
      { ...bare, ...told(40, 40.5) },
      { remaining: 40, resets_at: 60.5, window_at: 10 },
    ],
    [
      "more remains: an answer that was overtaken",
      { ...bare, ...told(60, 40.5) },
      { remaining: 50, resets_at: 60.5 },
    ],
    [
      "a reset within 2 s before it is the same; the later one counts",
      { ...bare, ...told(49, 38.5) },
      { remaining: 49, resets_at: 60 },
    ],
    [
      "what was not known after a refusal is known again",
      { ...bare, ...told(60, 40.5) },
      { remaining: 60 },
      { remaining: null },
    ],
    // One that is over.
    [
      "an earlier reset by an older permit is one of a window that is over",
      { ...bare, granted: 9, ...told(7, 30.5) },
      { remaining: 50, resets_at: 60, window_at: 10, in_flight: 2 },
    ],
    // Not known to be so late: it was only told.
    [
      "an earlier reset corrects one that was not told, and the least counts",
      { ...bare, ...told(60, 30.5) },
      { remaining: 50, resets_at: 50.5, is_told: true },
      { is_told: false },
    ],
    [
      "a reset within 2 s tells it",
      { ...bare, ...told(40, 40.5) },
      { remaining: 40, resets_at: 60.5, is_told: true },
      { is_told: false },
    ],
    // Slow: asked at 12 s.
    [
      "a slow answer does not move the reset, though it seems later",
      { ...slow, ...told(40, 45.5) },
      { remaining: 40, resets_at: 60, is_told: true },
    ],
    [
      "a slow answer moves one that was not told",
      { ...slow, ...told(40, 45.5) },
      { remaining: 40, resets_at: 65.5, is_told: false },
      { is_told: false },
    ],
    [
      "a slow answer of a new window, however early it was given",
      { ...slow, ...told(99, 51.5) },
      { remaining: 99, resets_at: 71.5, is_told: false, window_at: 12 },
    ],
    [
      "a slow first answer",
      { ...slow, ...told(99, 45.5) },
      { remaining: 99, resets_at: 65.5, is_told: false, window_at: 12 },
      { resets_at: null, remaining: null },
    ],
    [
      "a slow answer of a window that ends earlier",
      { ...slow, ...told(7, 30.5) },
      { remaining: 7, resets_at: 50.5, is_told: false, window_at: 12 },
    ],
    [
      "a slow answer to a permit of the last window counts one",
      { ...slow, ...told(0, 45.5) },
      { remaining: 49, resets_at: 60, in_flight: 3 },
      { cleared_at: 15 },
    ],
    [
      "the same when none remain",
      { ...slow, ...told(0, 45.5) },
      { remaining: 0, in_flight: 3 },
      { cleared_at: 15, remaining: 0 },
    ],
    [
      "the same when it is not known what remains",
      { ...slow, ...told(0, 45.5) },
      { remaining: null, in_flight: 3 },
      { cleared_at: 15, remaining: null },
    ],
    // Nothing.
    ["nothing, with an answer: it may have been counted", bare, { remaining: 49 }],
    ["nothing, and no answer came: it may have been counted", { granted: 19 }, { remaining: 49 }],
    ["nothing, with an error: it may have been counted", { granted: 19, status: 503 }, { remaining: 49 }],
    ["nothing, and it was the last", bare, { remaining: 0 }, { remaining: 0 }],
    ["nothing, and nothing is known", bare, { remaining: null }, { remaining: null }],
    [
      "nothing, of a permit from before the window",
      { granted: -1, status: 200 },
      { remaining: 50, in_flight: 3 },
    ],
    [
      "nothing, and it was refused: what remains is not known",
      { ...bare, status: 429, limited: true },
      { remaining: null },
    ],
    [
      "nothing, and one from before the window was refused",
      { granted: -1, status: 429, limited: true },
      { remaining: 50 },
    ],
    // Other words.
    [
      "the limit is the number of the window",
      { ...bare, told: [{ limit: 80, remaining: 40, reset: 40.5 }] },
      { requests: 80 },
    ],
    [
      "a limit alone is the number, and nothing is told of what remains",
      { ...bare, told: [{ limit: 80 }] },
      { requests: 80, remaining: 49 },
    ],
    [
      "a limit of 0 is none",
      { ...bare, told: [{ limit: 0, remaining: 40, reset: 40.5 }] },
      { requests: 100, remaining: 40 },
    ],
    ["it was not used", { granted: 19, unused: true }, { remaining: 50, in_flight: 2, sent: -1 }],
    ["none was under way", bare, { in_flight: 0 }, { in_flight: 0 }],
    // Times.
    [
      "its reset counts from when it came",
      { ...bare, granted: 13, age: 5.5, ...told(40, 46.25) },
      { resets_at: 60.75 },
    ],
    ["a reset in whole seconds may have been cut", { ...bare, ...told(40, 40) }, { resets_at: 61 }],
    [
      "a reset in whole seconds does not go beyond the window",
      { ...bare, ...told(40, 60) },
      { resets_at: 80 },
    ],
    [
      "nor does one that is told a second longer than the window",
      { ...bare, ...told(40, 61) },
      { resets_at: 80 },
    ],
    ["unless the window is told to be longer", { ...bare, ...told(40, 62) }, { resets_at: 83 }],
  ];

  test.each(CASES)("%s", async (_what, answer, expected, before) => {
    const bucket = await TestBucket.open(db, [{ requests: 100, per_s: 60 }]);
    await bucket.put({ ...held, ...before });
    await bucket.at(20);
    await bucket.report(answer);
    expect(await bucket.row()).toMatchObject({ in_flight: answer.granted < 0 ? 3 : 2, ...expected });
  });

  test("of several at once the oldest permit is heard first, whatever their order", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 100, per_s: 60 }]);
    await bucket.put(held);
    await bucket.at(62);
    // The first two are of the window that ends at 60 s, the last of the next one.
    await bucket.report(
      { granted: 61, status: 200, ...told(99, 58.25) },
      { granted: 12, age: 49, status: 200, ...told(30, 47.25) },
      { granted: 11, age: 50, status: 200, ...told(31, 48.25) },
    );
    expect(await bucket.row()).toMatchObject({ remaining: 99, resets_at: 120.25, in_flight: 0 });
  });

  test("as many are free as remain, less those under way", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 100, per_s: 60 }]);
    await bucket.put(held);
    await bucket.at(20);
    expect(await bucket.granted(30)).toBe(30);
    expect(await bucket.granted(30)).toBe(17);
    expect(await bucket.take(30)).toEqual({ granted: 0, wait_ms: 250 });
  });
});

describe("when a window ends", () => {
  const state: Partial<Row> = { remaining: 2, resets_at: 60, in_flight: 5, cleared_at: 3, window_at: 3 };
  let bucket: TestBucket;
  beforeEach(async () => {
    bucket = await TestBucket.open(db, [{ requests: 100, per_s: 60 }]);
    await bucket.put(state);
  });

  test("all of the next one is there, less permits that may still arrive", async () => {
    await bucket.at(59.999);
    expect(await bucket.granted(200)).toBe(0);
    await bucket.at(60);
    expect(await bucket.granted(200)).toBe(95);
    expect(await bucket.row()).toMatchObject({
      ...{ remaining: 100, resets_at: 120, in_flight: 95, cleared_at: 60, window_at: 60 },
      ...{ straggling: 5, straggling_from: 3 },
    });
  });

  test("each answer to a permit of the last one frees one, used or not; older ones do not", async () => {
    await bucket.at(60);
    await bucket.granted(200);
    expect(await bucket.granted(200, { granted: 2, status: 200 })).toBe(0);
    expect(await bucket.granted(200, { granted: 3, status: 200 })).toBe(1);
    expect(await bucket.granted(200, { granted: 59, unused: true }, { granted: 59.5 })).toBe(2);
    expect(await bucket.row()).toMatchObject({ straggling: 2, in_flight: 98 });
  });

  test("permits of workers that died are free again 15 s later", async () => {
    await bucket.at(60);
    expect(await bucket.granted(200)).toBe(95);
    await bucket.at(74.999);
    expect(await bucket.granted(200)).toBe(0);
    await bucket.at(75);
    expect(await bucket.granted(200)).toBe(5);
  });

  test("the next one ends where it would have begun on time, or a whole one later after a pause", async () => {
    await bucket.at(119);
    await bucket.report();
    expect(await bucket.row()).toMatchObject({ resets_at: 120, cleared_at: 119 });
    await bucket.at(310);
    await bucket.report();
    expect(await bucket.row()).toMatchObject({ resets_at: 370, cleared_at: 310 });
    expect(await bucket.granted(200)).toBe(100);
  });

  test("answers that were reported on waking are heard before it ends", async () => {
    await bucket.at(60);
    const late = Array.from({ length: 5 }, () => ({
      granted: 10,
      age: 49,
      status: 200,
      told: [{ remaining: 0, reset: 49.25 }],
    }));
    expect(await bucket.take(200, ...late)).toEqual({ granted: 0, wait_ms: 250 });
    await bucket.at(60.25);
    expect(await bucket.granted(200)).toBe(100);
  });

  test("and no number is known, requests are paced or free as before", async () => {
    await bucket.put({ requests: null });
    await bucket.at(60);
    expect(await bucket.granted(200)).toBe(200);
    expect(await bucket.row()).toMatchObject({ remaining: null });
  });
});

describe("a bucket of several windows", () => {
  let bucket: TestBucket;
  beforeEach(async () => {
    bucket = await TestBucket.open(db, [
      { requests: 20, per_s: 10 },
      { requests: 60, per_s: 60 },
    ]);
  });

  test("grants the least that is free in any", async () => {
    await bucket.put({ remaining: 15, resets_at: 10 }, 10);
    await bucket.put({ remaining: 12, resets_at: 60 }, 60);
    expect(await bucket.granted(50)).toBe(12);
    expect((await bucket.rows()).map(({ in_flight }) => in_flight)).toEqual([12, 12]);
  });

  test("counts stragglers of a window that ends a little earlier than the other", async () => {
    await bucket.put({ remaining: 0, resets_at: 10, in_flight: 4, cleared_at: 0 }, 10);
    await bucket.put({ remaining: 40, resets_at: 60, in_flight: 4, cleared_at: 0 }, 60);
    await bucket.at(10);
    expect(await bucket.granted(50)).toBe(16);
  });

  test.each<[string, Partial<Row>, Partial<Row>, number]>([
    [
      "the longest of what holds those that have nothing",
      { remaining: 0, resets_at: 10 },
      { remaining: 0, resets_at: 60 },
      60_000,
    ],
    [
      "nothing else: not the reset of one that has some",
      { remaining: 0, resets_at: 10 },
      { remaining: 30, resets_at: 60 },
      10_000,
    ],
    [
      "answers that are under way",
      { remaining: 3, resets_at: 10, in_flight: 3 },
      { remaining: 30, resets_at: 60 },
      250,
    ],
    [
      "answers that are under way, but no longer than the window",
      { remaining: 3, resets_at: 0.1, in_flight: 3 },
      { remaining: 30, resets_at: 60 },
      100,
    ],
    ["the place of the next", { next_at: 4.5 }, { remaining: 30, resets_at: 60 }, 4500],
    [
      "a blocked time, not the reset",
      { blocked_until: 1.5, refusals: 1, remaining: 0, resets_at: 10 },
      { remaining: 30, resets_at: 60 },
      1500,
    ],
    [
      "the one that tries again, for a second",
      { next_at: 9.5, refusals: 1, remaining: 0, resets_at: 10 },
      { remaining: 30, resets_at: 60 },
      1000,
    ],
    [
      "the one that tries again, while it has a place",
      { next_at: 0.25, refusals: 1, remaining: 0, resets_at: 10 },
      { remaining: 30, resets_at: 60 },
      250,
    ],
  ])("waits for %s", async (_what, short, long, wait_ms) => {
    await bucket.put(short, 10);
    await bucket.put(long, 60);
    expect(await bucket.take(5)).toEqual({ granted: 0, wait_ms });
  });

  test.each<[string, Answer["told"] & object, (number | null)[]]>([
    ["with its window", [{ window: 60, limit: 20, remaining: 7, reset: 5.5 }], [null, 7]],
    ["with its limit", [{ limit: 60, remaining: 7, reset: 5.5 }], [null, 7]],
    ["that is the shortest not shorter than its reset", [{ remaining: 7, reset: 10 }], [7, null]],
    [
      "that is the shortest not shorter than its reset, before a second is added",
      [{ remaining: 7, reset: 11 }],
      [null, 7],
    ],
    ["that is the longest, if all are shorter", [{ remaining: 7, reset: 61.5 }], [null, 7]],
    [
      "each, of several",
      [
        { window: 10, remaining: 7, reset: 5.5 },
        { window: 60, remaining: 40, reset: 5.5 },
      ],
      [7, 40],
    ],
    [
      "of several, the least that remains",
      [
        { remaining: 7, reset: 5.5 },
        { remaining: 6, reset: 4.5 },
      ],
      [6, null],
    ],
  ])("an item goes to the row %s", async (_what, told, remaining) => {
    await bucket.report({ granted: 0, status: 200, told });
    expect((await bucket.rows()).map((row) => row.remaining)).toEqual(remaining);
  });

  test("of items for one row that tell the same, the later reset counts", async () => {
    const told = [
      { remaining: 7, reset: 4.5 },
      { remaining: 7, reset: 5.5 },
    ];
    await bucket.report({ granted: 0, status: 200, told });
    expect((await bucket.row(10)).resets_at).toBe(5.5);
  });

  test("a row that an answer tells nothing counts it, a refusal too", async () => {
    await bucket.put({ remaining: 15, resets_at: 10, in_flight: 3 }, 10);
    await bucket.put({ remaining: 12, resets_at: 60, in_flight: 3 }, 60);
    await bucket.report(
      { granted: 0, status: 200, told: [{ window: 60, remaining: 11, reset: 59.5 }] },
      {
        granted: 0,
        status: 429,
        limited: true,
        retry_after: 5,
        told: [{ window: 10, remaining: 0, reset: 9.5 }],
      },
    );
    expect(await bucket.row(10)).toMatchObject({ remaining: 0, in_flight: 1 });
    expect(await bucket.row(60)).toMatchObject({ remaining: 10, in_flight: 1 });
  });
});

describe("whoever asks", () => {
  test("in vain, and reports nothing, writes nothing", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
    await bucket.granted(1);
    const versions = () => db.query("select xmin, ctid::text from ampsync_private.rate_limit");
    const before = (await versions()).rows;
    await bucket.at(1);
    expect(await bucket.granted(5)).toBe(0);
    expect((await versions()).rows).toEqual(before);
  });

  describe("by its name, and waits", () => {
    const turn = async () =>
      (
        await db.query(
          "select ctid::text, waits_until::text from ampsync_private.permit_turn where source = 1",
        )
      ).rows;

    test("in vain again, writes nothing", async () => {
      const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
      await bucket.takeFor(2, 1);
      await bucket.takeFor(1, 5);
      const before = await turn();
      for (const second of [0.05, 1, 5.9]) {
        await bucket.at(second);
        expect(await bucket.takeFor(1, 5)).toMatchObject({ granted: 0 });
        expect(await turn()).toEqual(before);
      }
    });

    test("for others to take theirs, writes it twice in a second", async () => {
      const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
      await bucket.takeFor(1, 1);
      await bucket.takeFor(2, 1);
      const seen = new Set<string>();
      for (let second = 6.1; second < 6.9; second += 0.05) {
        await bucket.at(second);
        await bucket.takeFor(1, 1);
        seen.add(JSON.stringify(await turn()));
      }
      expect(seen.size).toBeLessThanOrEqual(3);
    });

    test("shorter than was known, writes that", async () => {
      const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
      await bucket.put({ blocked_until: 3600, refusals: 1 });
      await bucket.takeFor(1, 5);
      const before = await turn();
      await bucket.put({ blocked_until: 30, refusals: 1 });
      await bucket.takeFor(1, 5);
      expect(await turn()).not.toEqual(before);
    });

    test("has its commit wait for the disk only where it was granted or reports something", async () => {
      const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
      const waits = async () => (await db.query("show synchronous_commit")).rows[0]!["synchronous_commit"];
      await bucket.takeFor(1, 1);
      expect(await waits()).toBe("local");
      await bucket.takeFor(1, 1);
      expect(await waits()).toBe("off");
      await bucket.report({ granted: 0, status: 200 });
      expect(await waits()).toBe("local");
    });
  });

  test("gets a time of its permits that any session reads the same, to the microsecond", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
    await bucket.at(3.123456);
    await db.query("set local datestyle = 'SQL, DMY'; set local timezone = 'Asia/Kathmandu'");
    const { rows } = await db.query("select granted_at from ampsync_worker.take_permits($1, 1)", [
      bucket.name,
    ]);
    await db.query("set local datestyle = 'German'; set local timezone = 'America/St_Johns'");
    const { rows: read } = await db.query(
      "select $1::timestamptz = '2026-01-05 12:00:03.123456+00' as same",
      [rows[0]!["granted_at"]],
    );
    expect(read).toEqual([{ same: true }]);
  });
});

describe("of several sources that wait for one bucket", () => {
  /** What each source gets that asks, in this order, for so many. */
  async function got(bucket: TestBucket, sources: readonly number[], want = 10): Promise<number[]> {
    const all: number[] = [];
    for (const source of sources) all.push((await bucket.takeFor(source, want)).granted);
    return all;
  }

  /** 20 permits in each 10 s, by what the server tells; at 1 s they are used up, and three sources wait. */
  async function usedUp(): Promise<TestBucket> {
    const bucket = await TestBucket.open(db, [{ requests: 20, per_s: 10 }]);
    await bucket.granted(1);
    await bucket.report({ granted: 0, status: 200, told: [{ remaining: 19, reset: 9.5 }] });
    await bucket.at(1);
    expect(await got(bucket, [1, 2, 3])).toEqual([10, 9, 0]);
    expect(await got(bucket, [1, 2])).toEqual([0, 0]);
    await bucket.at(2);
    const answer = { granted: 1, status: 200, told: [{ remaining: 0, reset: 7.5 }] };
    await bucket.report(...Array.from({ length: 19 }, () => answer));
    await bucket.at(8.5);
    expect(await got(bucket, [1, 2, 3])).toEqual([0, 0, 0]);
    return bucket;
  }

  test("each gets its share of the next window, whoever asks first and how often", async () => {
    const bucket = await usedUp();
    await bucket.at(9.6);
    expect(await got(bucket, [1, 1, 3, 2, 1])).toEqual([7, 0, 5, 3, 2]);
  });

  test("the one that waits longest has the first of single permits", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
    const turns: number[] = [];
    for (let second = 0; second <= 60; second += 6.03) {
      await bucket.at(second);
      for (const source of [1, 2, 3, 1, 2, 3]) {
        if ((await bucket.takeFor(source, 1)).granted === 1) turns.push(source);
      }
    }
    expect(turns.slice(0, 9)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3]);
  });

  test("one that must leave them to others asks again soon", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 10, per_s: 60 }]);
    await got(bucket, [1, 2]);
    await bucket.at(6.1);
    expect(await bucket.takeFor(1, 1)).toEqual({ granted: 0, wait_ms: 50 });
    expect(await bucket.takeFor(2, 1)).toMatchObject({ granted: 1 });
  });

  test("one that is gone holds up the others for a second", async () => {
    const bucket = await usedUp();
    await bucket.at(9.6);
    expect(await got(bucket, [1, 1])).toEqual([7, 0]);
    await bucket.at(10.7);
    expect(await got(bucket, [1, 1])).toEqual([10, 3]); // Of the 13 that are left.
  });

  describe("one that was told to come back in an hour holds nobody up until then,", () => {
    async function waitsAnHour(): Promise<TestBucket> {
      const bucket = await TestBucket.open(db, [{ requests: 20, per_s: 10 }]);
      await bucket.put({ blocked_until: 3600, refusals: 1 });
      expect(await bucket.takeFor(1, 10)).toMatchObject({ granted: 0, wait_ms: 3_600_000 });
      return bucket;
    }

    test.each<[string, (bucket: TestBucket) => Promise<void>]>([
      [
        "the limit is another now",
        (bucket) => bucket.put({ blocked_until: null, refusals: 0, remaining: 20, resets_at: 10 }),
      ],
      [
        "the window begins earlier",
        (bucket) => bucket.put({ blocked_until: 1, refusals: 0, remaining: 20, resets_at: 10 }),
      ],
      [
        "its API gives 20 to whoever tries",
        (bucket) => bucket.put({ blocked_until: null, refusals: 0, remaining: 20, resets_at: 3600 }),
      ],
    ])("when %s", async (_, changes) => {
      const bucket = await waitsAnHour();
      await changes(bucket);
      await bucket.at(2);
      expect(await got(bucket, [2], 20)).toEqual([20]);
    });

    test("and has its share from then on", async () => {
      const bucket = await waitsAnHour();
      await bucket.put({ blocked_until: null, refusals: 0, remaining: 20, resets_at: 3700 });
      await bucket.at(3600.1);
      expect(await got(bucket, [2, 1], 20)).toEqual([10, 5]); // The other one waits for more.
    });
  });

  test("one that waits alone has all, and whoever says no name takes what is there", async () => {
    const bucket = await TestBucket.open(db, [{ requests: 20, per_s: 10 }]);
    await bucket.granted(1);
    await bucket.report({ granted: 0, status: 200, told: [{ remaining: 19, reset: 9.5 }] });
    expect(await got(bucket, [1], 15)).toEqual([15]);
    expect(await bucket.granted(9)).toBe(4);
  });

  test("whose turn it was is forgotten after a day, and where the clock is set back", async () => {
    const bucket = await usedUp();
    const turns = async () => (await db.query("select from ampsync_private.permit_turn")).rowCount;
    await bucket.at(80_000);
    await db.query("select ampsync_worker.prune_limits()");
    expect(await turns()).toBe(3);
    await bucket.at(-60);
    await db.query("select ampsync_private.shorten_limits()");
    expect(await turns()).toBe(0);
    await bucket.takeFor(1, 1);
    await bucket.at(90_000);
    await db.query("select ampsync_worker.prune_limits()");
    expect(await turns()).toBe(0);
  });
});
