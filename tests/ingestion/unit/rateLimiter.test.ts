import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { readRateHeaders } from "../../../src/http/rate-headers.ts";
import { type Outcome, Slots } from "../../../src/ingest/concurrency.ts";

/** The worker's clock, and that of a server which is an hour behind. */
const NOW = Date.parse("2024-01-15T12:00:00.500Z");
const BEHIND = "Mon, 15 Jan 2024 11:00:00 GMT";
/** Seconds of the server's clock. */
const SERVER_S = Date.parse(BEHIND) / 1_000;

const read = (headers: Record<string, string | readonly string[]>) => readRateHeaders(headers, NOW);
const told = (headers: Record<string, string | readonly string[]>) => read(headers).told;
const window = (limit: number | null, remaining: number, reset: number, seconds: number | null = null) => ({
  window: seconds,
  limit,
  remaining,
  reset,
});

describe("the rate headers of", () => {
  test.each<[string, Record<string, string>, object[]]>([
    [
      "drafts 8 and later",
      { "ratelimit-policy": `"default";q=100;w=60`, ratelimit: `"default";r=50;t=30` },
      [window(100, 50, 30, 60)],
    ],
    [
      "drafts 8 and later, several windows",
      {
        "ratelimit-policy": `"burst";q=10;w=1, "day";q=5000;w=86400;pk=:YQ==:`,
        ratelimit: `"day";r=4000;t=3600, "burst"; r=0; t=1`,
      },
      [window(5000, 4000, 3600, 86400), window(10, 0, 1, 1)],
    ],
    ["drafts 8 and later, without a policy", { ratelimit: `default;r=50;t=30` }, [window(null, 50, 30)]],
    [
      "drafts 8 and later, of a policy that is not told",
      { "ratelimit-policy": `"a";q=1;w=1`, ratelimit: `"b";r=50;t=30` },
      [window(null, 50, 30)],
    ],
    [
      "draft 7",
      { ratelimit: "limit=100, remaining=50, reset=30", "ratelimit-policy": "10;w=1, 100;w=60" },
      [window(100, 50, 30, 60)],
    ],
    ["draft 7, without a policy", { ratelimit: "limit=100,remaining=50,reset=30" }, [window(100, 50, 30)]],
    [
      "drafts to 6",
      {
        "ratelimit-limit": "100, 100;w=60, 5000;w=3600",
        "ratelimit-remaining": "50",
        "ratelimit-reset": "30",
      },
      [window(100, 50, 30)],
    ],
    [
      "GitLab: a time of the clock",
      {
        "ratelimit-limit": "60",
        "ratelimit-observed": "67",
        "ratelimit-remaining": "0",
        "ratelimit-reset": `${SERVER_S + 30}`,
        "ratelimit-resettime": "Tue, 05 Jan 2021 11:00:00 GMT",
      },
      [window(60, 0, 30)],
    ],
    [
      "GitHub: a time of the clock",
      {
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": "4987",
        "x-ratelimit-used": "13",
        "x-ratelimit-reset": `${SERVER_S + 1800}`,
        "x-ratelimit-resource": "core",
      },
      [window(5000, 4987, 1800)],
    ],
    [
      "Reddit: fractions, no limit",
      { "x-ratelimit-used": "3", "x-ratelimit-remaining": "597.0", "x-ratelimit-reset": "312" },
      [window(null, 597, 312)],
    ],
    [
      "Twitter: dashes",
      {
        "x-rate-limit-limit": "15",
        "x-rate-limit-remaining": "14",
        "x-rate-limit-reset": `${SERVER_S + 900}`,
      },
      [window(15, 14, 900)],
    ],
    [
      "milliseconds of the clock",
      {
        "x-ratelimit-limit": "10",
        "x-ratelimit-remaining": "9",
        "x-ratelimit-reset": `${SERVER_S * 1000 + 12_345}`,
      },
      [window(10, 9, 12.345)],
    ],
    [
      "fractions of the clock",
      {
        "x-ratelimit-limit": "10",
        "x-ratelimit-remaining": "9.9",
        "x-ratelimit-reset": `${SERVER_S + 12}.0625`,
      },
      [window(10, 9, 12.063)],
    ],
    [
      "an ISO time",
      { "x-ratelimit-remaining": "9", "x-ratelimit-reset": "2024-01-15T11:00:20Z" },
      [window(null, 9, 20)],
    ],
    [
      "an ISO time with an offset and a fraction",
      { "x-ratelimit-remaining": "9", "x-ratelimit-reset": "2024-01-15T12:00:20.25+01:00" },
      [window(null, 9, 20.25)],
    ],
    [
      "an HTTP-date",
      { "x-ratelimit-remaining": "9", "x-ratelimit-reset": "Mon, 15 Jan 2024 11:01:00 GMT" },
      [window(null, 9, 60)],
    ],
    [
      "two servers, one behind the other",
      { "x-ratelimit-limit": "100, 50", "x-ratelimit-remaining": "9, 8", "x-ratelimit-reset": "30, 20" },
      [window(100, 9, 30)],
    ],
  ])("%s are read", (_, headers, windows) => {
    expect(told({ ...headers, date: BEHIND })).toEqual(windows);
    expect(read({ ...headers, date: BEHIND }).isAbsurd).toBe(false);
  });

  test("two families are those of the first that is complete", () => {
    const old = { "x-ratelimit-limit": "9", "x-ratelimit-remaining": "8", "x-ratelimit-reset": "7" };
    expect(told({ ...old, ratelimit: `"a";r=50;t=30` })).toEqual([window(null, 50, 30)]);
    expect(told({ ...old, ratelimit: `"a";r=50` })).toEqual([window(9, 8, 7)]);
    expect(told({ ...old, ratelimit: "limit=9, remaining=5" })).toEqual([window(9, 8, 7)]);
    expect(told({ ...old, "ratelimit-remaining": "5" })).toEqual([window(9, 8, 7)]);
  });

  test.each<[string, Record<string, string>]>([
    ["nobody", {}],
    ["a server that tells no reset", { "x-ratelimit-limit": "100", "x-ratelimit-remaining": "5" }],
    ["a server that tells no remaining", { "x-ratelimit-limit": "100", "x-ratelimit-reset": "5" }],
    ["a server that tells words", { "x-ratelimit-remaining": "many", "x-ratelimit-reset": "soon" }],
    ["a server that tells no numbers", { "x-ratelimit-remaining": "NaN", "x-ratelimit-reset": "Infinity" }],
    ["a server that tells other bases", { "x-ratelimit-remaining": "0x10", "x-ratelimit-reset": "1e3" }],
    ["a server that tells a broken list", { ratelimit: `"default;r=50;t=30`, "ratelimit-policy": `;;;` }],
    ["a server that tells texts in the place of numbers", { ratelimit: `"default";r="50";t="30"` }],
    ["a server that tells a policy alone", { "ratelimit-policy": `"default";q=100;w=60` }],
    ["a server that tells an inner list", { ratelimit: `("a" "b");r=1;t=2` }],
  ])("%s tell nothing", (_, headers) => {
    expect(read(headers)).toEqual({ told: [], retryAfterS: null, isAbsurd: false });
  });

  test.each([
    ["-5", "-7", 0, 0],
    ["5", `${SERVER_S - 500}`, 5, 0],
    ["5", "2023-12-31T00:00:00Z", 5, 0],
    ["-0.5", "0.0001", 0, 0.001],
  ])("a server that tells %s and %s are never below zero", (remaining, reset, left, seconds) => {
    const headers = { "x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset, date: BEHIND };
    expect(told(headers)).toEqual([window(null, left, seconds)]);
  });

  test.each([
    ["99999999", 86_400],
    ["86401", 86_400],
    [`${SERVER_S + 864_000}`, 86_400],
    ["9999-12-31T23:59:59Z", 86_400],
    ["99999999999999999999", 86_400],
  ])("a server whose window ends after %s are taken as 24 h, and said to be absurd", (reset, seconds) => {
    const { told: windows, isAbsurd } = read({
      "x-ratelimit-remaining": "1",
      "x-ratelimit-reset": reset,
      date: BEHIND,
    });
    expect(windows).toEqual([window(null, 1, seconds)]);
    expect(isAbsurd).toBe(true);
  });

  test("a server without a Date are taken by the worker's clock, and whole seconds stay whole", () => {
    const at = (text: string) => told({ "x-ratelimit-remaining": "1", "x-ratelimit-reset": text })[0]?.reset;
    expect(at(`${NOW / 1_000 + 29.5}`)).toBe(30);
    expect(at("2024-01-15T12:00:30Z")).toBe(30);
    expect(at(`${NOW + 1_234}`)).toBe(1.234);
    expect(
      told({ "x-ratelimit-remaining": "1", "x-ratelimit-reset": "30", date: "yesterday" })[0]?.reset,
    ).toBe(30);
  });

  test("any server whatsoever are read without an error, as numbers that are not negative, in no more than 24 h", () => {
    const names = [
      "ratelimit",
      "ratelimit-policy",
      "ratelimit-limit",
      "ratelimit-remaining",
      "ratelimit-reset",
      "x-ratelimit-remaining",
      "x-ratelimit-reset",
      "x-rate-limit-reset",
      "retry-after",
      "date",
    ];
    const text = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.double().map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      fc.constantFrom(
        `"a";r=1;t=2`,
        "limit=1, remaining=2, reset=-3",
        `"a";q=1;w=0`,
        "1, 2;w=3",
        `a;r=1.5;t=2.25`,
      ),
    );
    const headers = fc.dictionary(
      fc.constantFrom(...names),
      fc.oneof(text, fc.array(text, { maxLength: 3 })),
    );
    fc.assert(
      fc.property(headers, (some) => {
        const { told: windows, retryAfterS } = read(some);
        for (const number of windows.flatMap((each) => Object.values(each))) {
          expect(number === null || number >= 0).toBe(true);
        }
        for (const wait of [...windows.map(({ reset }) => reset), retryAfterS ?? 0]) {
          expect(wait).toBeLessThanOrEqual(86_400);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("Retry-After", () => {
  test.each<[string | readonly string[], number | null]>([
    ["120", 120],
    ["0", 0],
    ["1.5", 1.5],
    ["0.0004", 0.001],
    [" 7 ", 7],
    ["-3", 0],
    ["Mon, 15 Jan 2024 11:00:30 GMT", 30],
    ["Monday, 15-Jan-24 11:00:30 GMT", 30],
    ["Mon Jan 15 11:00:30 2024", 30],
    ["Mon, 15 Jan 2024 10:59:30 GMT", 0],
    ["60, 120", 120],
    [["60", "30"], 60],
    ["5, Mon, 15 Jan 2024 11:00:30 GMT, 10", 30],
    ["soon, 5", 5],
    ["soon", null],
    ["", null],
    ["1h", null],
    ["1e3", null],
    ["2024-01-15", null],
    ["Mon, 32 Jan 2024 11:00:30 GMT", null],
  ])("%j is %j seconds, by the server's own clock", (text, seconds) => {
    expect(read({ "retry-after": text, date: BEHIND }).retryAfterS).toBe(seconds);
  });

  test("as a date of a server without one is taken by the worker's clock, to the millisecond", () => {
    expect(read({ "retry-after": "Mon, 15 Jan 2024 12:00:30 GMT" }).retryAfterS).toBe(29.5);
  });

  test("of more than 24 h is taken as 24 h, and said to be absurd", () => {
    expect(read({ "retry-after": "86400" })).toMatchObject({ retryAfterS: 86_400, isAbsurd: false });
    expect(read({ "retry-after": "1705320000" })).toMatchObject({ retryAfterS: 86_400, isAbsurd: true });
  });
});

const LIMITS = { start: 5, min: 2, max: 10 };

/** What became of requests, in the order in which it is known: at a time, of a request that was sent at a time. */
interface Known extends Outcome {
  readonly at: number;
}

function slotsAfter(history: readonly Known[], slots = new Slots(LIMITS)): number {
  for (const known of history) slots.note(known, known.at);
  return slots.count;
}

const some = (count: number, kind: Outcome["kind"], at: number, sentAt = at - 1): Known[] =>
  Array.from({ length: count }, () => ({ kind, at, sentAt }));

describe("how many requests are sent at once", () => {
  test.each<[string, readonly Known[], number]>([
    ["5 at first", [], 5],
    ["one more after 50 successes", some(50, "success", 1), 6],
    ["no more after 49", some(49, "success", 1), 5],
    ["10 at most", some(1_000, "success", 1), 10],
    ["one for each 50, not for what is beyond", some(149, "success", 1), 7],
    ["as before after one limit", some(1, "refused", 1), 5],
    ["as before after a burst of five that were refused", some(5, "refused", 10, 1), 5],
    ["as before after two limits", [...some(5, "refused", 10), ...some(5, "refused", 20)], 5],
    ["2 after the third limit in a row", [1, 2, 3].flatMap((i) => some(2, "refused", i * 10)), 2],
    ["2 however many follow", [1, 2, 3, 4, 5].flatMap((i) => some(2, "refused", i * 10)), 2],
    [
      "as before with a success between",
      [
        ...some(1, "refused", 10),
        ...some(1, "refused", 20),
        ...some(1, "success", 22),
        ...some(1, "refused", 30),
      ],
      5,
    ],
    [
      "2 where the success was sent before the limit",
      [
        ...some(1, "refused", 10),
        ...some(1, "refused", 20),
        ...some(4, "success", 22, 19),
        ...some(1, "refused", 30),
      ],
      2,
    ],
    [
      "as before with a failure between",
      [
        ...some(1, "refused", 10),
        ...some(1, "refused", 20),
        ...some(1, "failed", 22),
        ...some(1, "refused", 30),
      ],
      5,
    ],
    [
      "as before where a limit ends a row of successes",
      [...some(49, "success", 1), ...some(1, "refused", 10), ...some(49, "success", 20)],
      5,
    ],
    [
      "as before where a failure ends a row of successes",
      [...some(49, "success", 1), ...some(1, "failed", 10), ...some(49, "success", 20)],
      5,
    ],
    [
      "one more after the row is begun anew",
      [...some(49, "success", 1), ...some(1, "failed", 10), ...some(50, "success", 20)],
      6,
    ],
    [
      "one more than 2 after 50 successes",
      [...[1, 2, 3].flatMap((i) => some(1, "refused", i * 10)), ...some(50, "success", 40)],
      3,
    ],
    [
      "as before for refusals that come late, of requests sent before the limit",
      [...some(1, "refused", 10), ...some(9, "refused", 100, 9)],
      5,
    ],
  ])("%s", (_, history, count) => {
    expect(slotsAfter(history)).toBe(count);
  });

  test("follows the definition when that changes", () => {
    const slots = new Slots(LIMITS);
    slots.limit({ start: 1, min: 7, max: 50 });
    expect(slots.count).toBe(7);
    expect(slotsAfter(some(150, "success", 1), slots)).toBe(10);
    slots.limit({ start: 1, min: 1, max: 3 });
    expect(slots.count).toBe(3);
  });

  test("is what the rule says of the whole history, whatever came in whatever order", () => {
    const known = fc.record({
      kind: fc.oneof(
        { weight: 20, arbitrary: fc.constant("success" as const) },
        { weight: 4, arbitrary: fc.constant("refused" as const) },
        { weight: 1, arbitrary: fc.constant("failed" as const) },
      ),
      pause: fc.integer({ min: 0, max: 3 }),
      latency: fc.integer({ min: 0, max: 8 }),
      times: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(fc.array(known, { maxLength: 60 }), (steps) => {
        let now = 100;
        const history = steps.flatMap(({ kind, pause, latency, times }) => {
          now += pause;
          return some(kind === "success" ? times : 1, kind, now, now - latency);
        });
        const slots = new Slots(LIMITS);
        history.forEach((each, i) => {
          slots.note(each, each.at);
          expect(slots.count).toBe(byTheRule(history.slice(0, i + 1)));
        });
      }),
      { numRuns: 30 },
    );
  });
});

/** The rule, read from the beginning: which refusals are limits, and what lies between them. */
function byTheRule(history: readonly Known[]): number {
  const limits: number[] = [];
  let count = LIMITS.start;
  for (const [i, { kind, sentAt }] of history.entries()) {
    const before = history.slice(0, i);
    const lastLimit = limits.at(-1);
    if (kind === "refused" && (lastLimit === undefined || sentAt >= history[lastLimit]!.at)) {
      limits.push(i);
      const three = limits.slice(-3);
      const ends = ({ kind: other, sentAt: sent }: Known, from: number) =>
        other === "failed" || (other === "success" && sent >= history[from]!.at);
      const areInARow = three.every(
        (limit, n) =>
          n === 0 || !history.slice(three[n - 1]! + 1, limit).some((each) => ends(each, three[n - 1]!)),
      );
      if (three.length === 3 && areInARow) count = LIMITS.min;
    } else if (kind === "success") {
      const start = before.findLastIndex((each, n) => each.kind === "failed" || limits.includes(n));
      const row = history.slice(start + 1, i + 1).filter((each) => each.kind === "success").length;
      if (row % 50 === 0) count = Math.min(count + 1, LIMITS.max);
    }
  }
  return count;
}
