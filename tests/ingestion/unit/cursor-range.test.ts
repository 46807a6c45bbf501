import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { boundsFor, type PartRange } from "../../../src/ingest/range.ts";
import type { Range, RangeFormat } from "../../../src/ingest/source.ts";
import { plainText, type Token } from "../../../src/ingest/token.ts";
import { sourceOf } from "../../support/http/source-of.ts";

const RUNS = Number(process.env["AMPSYNC_TEST_RUNS"] ?? 300);
const FORMATS = ["date", "iso", "iso_ms", "s", "ms", "integer"] as const;
const BOUNDS = ["[)", "[]", "()", "(]"] as const;
const GRANULES = {
  date: 86_400_000_000n,
  iso: 1_000_000n,
  iso_ms: 1_000n,
  s: 1_000_000n,
  ms: 1_000n,
  integer: 1n,
};

const rangeOf = (range: object): Range => sourceOf({ range }).range!;
const us = (iso: string) => BigInt(Date.parse(iso)) * 1_000n;
const NOON = us("2024-01-15T12:00:00Z");

/** The bounds as they stand in a query. */
function sent(range: Range | null, part: Partial<PartRange>, now = NOON): object {
  const answer = boundsFor(range, { since: null, until: null, begun: NOON, ...part }, now);
  if (answer.kind === "wait") return answer;
  const { since, until } = answer.bounds;
  return { since: since && plainText(since), until: until && plainText(until) };
}

describe("bounds", () => {
  test.each<[RangeFormat, string, string]>([
    ["date", "2024-01-10", "2024-01-13"],
    ["iso", "2024-01-10T03:04:05Z", "2024-01-12T00:00:01Z"],
    ["iso_ms", "2024-01-10T03:04:05.678Z", "2024-01-12T00:00:00.001Z"],
    ["s", "1704855845", "1705017601"],
    ["ms", "1704855845678", "1705017600001"],
  ])("as %s only widen to what the format can tell", (format, since, until) => {
    const part = { since: us("2024-01-10T03:04:05.678Z") + 912n, until: us("2024-01-12T00:00:00Z") + 1n };
    expect(sent(rangeOf({ format }), part)).toEqual({ since, until });
  });

  test("before 1970 widen the same way", () => {
    const part = { since: -1n, until: -1n + 1n };
    expect(sent(rangeOf({ format: "s" }), part)).toEqual({ since: "-1", until: "0" });
    expect(sent(rangeOf({ format: "date" }), part)).toEqual({ since: "1969-12-31", until: "1970-01-01" });
  });

  test("that fall on a step of the format stay as they are", () => {
    const part = { since: us("2024-01-10T00:00:00Z"), until: us("2024-01-12T00:00:00Z") };
    expect(sent(rangeOf({ format: "date" }), part)).toEqual({ since: "2024-01-10", until: "2024-01-12" });
  });

  test("where the server leaves the lower one out begin one step earlier", () => {
    const part = { since: us("2024-01-10T03:04:05Z"), until: us("2024-01-12T00:00:00Z") };
    for (const bounds of ["()", "(]"]) {
      expect(sent(rangeOf({ format: "s", bounds }), part)).toEqual({
        since: "1704855844",
        until: "1705017600",
      });
    }
    expect(sent(rangeOf({ format: "integer", bounds: "()", until: null }), { since: 42n })).toEqual({
      since: "41",
      until: null,
    });
  });

  test("as integers keep every digit", () => {
    const part = { since: 12345678901234567890n, until: 98765432109876543210n };
    expect(sent(rangeOf({ format: "integer" }), part)).toEqual({
      since: "12345678901234567890",
      until: "98765432109876543210",
    });
  });

  test("are as wide as the definition says: without names nothing is sent", () => {
    expect(sent(null, {})).toEqual({ since: null, until: null });
    expect(sent(rangeOf({ until: null }), {})).toEqual({ since: null, until: null });
    expect(sent(rangeOf({ format: "integer" }), { since: 1n })).toEqual({ since: "1", until: null });
  });

  test("end when the run began, less the lag, however long it has lasted", () => {
    const range = rangeOf({ lag_us: 60_000_000 });
    expect(sent(range, { since: NOON - 3_600_000_000n }, NOON + 900_000_000n)).toEqual({
      since: "2024-01-15T11:00:00Z",
      until: "2024-01-15T11:59:00Z",
    });
  });

  test("are not asked for before they hold anything, and then end now", () => {
    const range = rangeOf({ lag_us: 60_000_000 });
    const since = NOON - 60_000_000n;
    expect(sent(range, { since })).toEqual({ kind: "wait", until: NOON + 1n });
    expect(sent(range, { since }, NOON + 1n)).toEqual({
      since: "2024-01-15T11:59:00Z",
      until: "2024-01-15T11:59:01Z",
    });
    expect(sent(rangeOf({ until: null }), { since: NOON + 1n })).toEqual({
      since: "2024-01-15T12:00:00Z",
      until: null,
    });
  });
});

interface Stored {
  /** What the server compares, in microseconds or as an integer. */
  readonly at: bigint;
  /** When it can be read. */
  readonly arrives: bigint;
}

/** The instant, or integer, that a server reads out of a bound. */
function read(token: Token, format: RangeFormat): bigint {
  const text = plainText(token);
  if (format === "integer") return BigInt(text);
  return format === "s" || format === "ms" ? BigInt(text) * GRANULES[format] : us(text);
}

/** What a server with these records answers at this time. */
function served(records: readonly Stored[], range: Range, part: PartRange, now: bigint): readonly Stored[] {
  const answer = boundsFor(range, part, now);
  if (answer.kind === "wait") return [];
  const { since, until } = answer.bounds;
  const [low, high] = [since, until].map((bound) => (bound === null ? null : read(bound, range.format)));
  if (low != null && high != null) expect(high).toBeGreaterThan(low);
  return records.filter(
    ({ at, arrives }) =>
      arrives <= now &&
      (low == null || (range.bounds.startsWith("[") ? at >= low : at > low)) &&
      (high == null || (range.bounds.endsWith("]") ? at <= high : at < high)),
  );
}

/**
 * Where the next run begins: at the greatest mark less the lookback; above a mark that is older than the lag, and at most
 * where this run was to end, or began.
 */
function nextSince(
  { format, lag, lookback }: Range,
  { since, high, begun }: { readonly since: bigint | null; readonly high: bigint; readonly begun: bigint },
): bigint {
  const granule = GRANULES[format];
  const floor = high - (((high % granule) + granule) % granule);
  const horizon = begun - lag;
  if (lag > 0n && floor + granule <= horizon) return floor + granule - lookback;
  const most = since !== null && since > horizon ? since : horizon;
  return (lag > 0n && most < high ? most : high) - lookback;
}

const SECOND = 1_000_000n;
const ids = fc.record({
  gaps: fc.array(fc.bigInt(0n, 5n * SECOND), { minLength: 1, maxLength: 30 }),
  late: fc.array(fc.bigInt(0n, 100n * SECOND), { minLength: 30, maxLength: 30 }),
  scale: fc.constantFrom(1n, 7n, 3_600n, 40_000n),
  polls: fc.array(fc.bigInt(0n, 20n * SECOND), { minLength: 1, maxLength: 20 }),
  format: fc.constantFrom(...FORMATS),
  bounds: fc.constantFrom(...BOUNDS),
  cure: fc.constantFrom("lag", "lookback", "both"),
  withUntil: fc.boolean(),
  isCoarse: fc.boolean(),
});

test("runs one after the other leave no gap, whatever the format, the bounds, and how late records come, within lag or lookback", () => {
  fc.assert(
    fc.property(ids, ({ gaps, late, scale, polls, format, bounds, cure, withUntil, isCoarse }) => {
      const isTime = format !== "integer";
      const lateness = isTime ? late.map((each) => (each * scale) / 40n) : late.map(() => 0n);
      const most = lateness.reduce(
        (one, other) => (one > other ? one : other),
        isCoarse ? GRANULES[format] : 0n,
      );
      let clock = NOON;
      const records = gaps.map((gap, i): Stored => {
        clock += gap * scale;
        const at = isCoarse ? clock - (clock % GRANULES[format]) : clock;
        return { at: isTime ? at : BigInt(i) * 3n, arrives: clock + lateness[i]! };
      });
      const range = rangeOf({
        format,
        bounds,
        until: isTime && withUntil ? "until" : null,
        lag_us: isTime && withUntil && cure !== "lookback" ? most + 1n : 0,
        lookback_us: !isTime ? 2 : withUntil && cure === "lag" ? 0 : most,
      });

      const seen = new Set<Stored>();
      let since: bigint | null = null;
      let high: bigint | null = null;
      const run = (now: bigint) => {
        for (const record of served(records, range, { since, until: null, begun: now }, now)) {
          seen.add(record);
          if (high === null || record.at > high) high = record.at;
        }
        if (high !== null) since = nextSince(range, { since, high, begun: now });
      };
      let now = NOON;
      for (const pause of polls) {
        now += pause * scale;
        run(now);
      }
      run((now > clock ? now : clock) + most * 3n + 3n * GRANULES.date);
      expect(records.filter((record) => !seen.has(record))).toEqual([]);
    }),
    { numRuns: RUNS * 5 },
  );
});

test("a record on a bound that was ceiled does not hide those before it that are late", () => {
  const DAY = GRANULES.date;
  const range = rangeOf({ format: "date", bounds: "[]", until: "until", lag_us: Number(DAY) });
  const midnight = us("2024-01-20T00:00:00Z");
  const late = { at: midnight - 3n * 3_600n * SECOND, arrives: midnight + 20n * 3_600n * SECOND };
  const records = [{ at: midnight, arrives: midnight }, late];
  const [first, second] = [midnight + DAY / 2n, midnight + 2n * DAY];
  expect(served(records, range, { since: null, until: null, begun: first }, first)).toEqual([records[0]]);
  const since = nextSince(range, { since: null, high: midnight, begun: first });
  expect(served(records, range, { since, until: null, begun: second }, second)).toEqual(records);
});
