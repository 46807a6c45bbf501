import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

/** The time that a JSON text becomes, in UTC. */
async function timeOf(json: string, unit: string | null = null): Promise<string | null> {
  const { rows } = await db.query(
    `select to_char(ampsync_private.to_timestamptz($1::jsonb, $2) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US BC') as at`,
    [json, unit],
  );
  return rows[0]!["at"]?.replace(/ AD$/, "") ?? null;
}

const TIMES: readonly [string, string | null, string][] = [
  ['"2024-01-15"', null, "2024-01-15 00:00:00.000000"],
  ['"2024-01-15T10:30:00Z"', null, "2024-01-15 10:30:00.000000"],
  ['"2024-01-15t10:30:00z"', null, "2024-01-15 10:30:00.000000"],
  ['"2024-01-15 10:30"', null, "2024-01-15 10:30:00.000000"],
  ['"2024-01-15T10:30:00"', null, "2024-01-15 10:30:00.000000"],
  ['"2024-01-15T10:30:00.5+02:00"', null, "2024-01-15 08:30:00.500000"],
  ['"2024-01-15T10:30:00-0530"', null, "2024-01-15 16:00:00.000000"],
  ['"2024-01-15T10:30:00+02"', null, "2024-01-15 08:30:00.000000"],
  ['"2024-01-15T10:30:00,123456"', null, "2024-01-15 10:30:00.123456"],
  ['"2024-01-15T10:30:00.1234569Z"', null, "2024-01-15 10:30:00.123456"],
  ['"2024-01-15T10:30:00.999999999+00:00"', null, "2024-01-15 10:30:00.999999"],
  ['"20240115T103000Z"', null, "2024-01-15 10:30:00.000000"],
  ['"2024-02-29T24:00:00Z"', null, "2024-03-01 00:00:00.000000"],
  ['"2016-12-31T23:59:60Z"', null, "2017-01-01 00:00:00.000000"],
  ['"0024-01-15"', null, "0024-01-15 00:00:00.000000"],
  ["0", null, "1970-01-01 00:00:00.000000"],
  ["1705314600", null, "2024-01-15 10:30:00.000000"],
  ['"1705314600"', null, "2024-01-15 10:30:00.000000"],
  ["1705314600.123456789", null, "2024-01-15 10:30:00.123456"],
  ["1.7053146e9", null, "2024-01-15 10:30:00.000000"],
  ["1705314600123", null, "2024-01-15 10:30:00.123000"],
  ["1705314600123.4567", null, "2024-01-15 10:30:00.123456"],
  ["1705314600123456", null, "2024-01-15 10:30:00.123456"],
  ["1705314600123456789", null, "2024-01-15 10:30:00.123456"],
  ["-1", null, "1969-12-31 23:59:59.000000"],
  ["-0.0000005", null, "1969-12-31 23:59:59.999999"],
  ["-1705314600123", null, "1915-12-18 13:29:59.877000"],
  ["99999999999", null, "5138-11-16 09:46:39.000000"],
  ["100000000000", null, "1973-03-03 09:46:40.000000"],
  ["20240115", "s", "1970-08-23 06:15:15.000000"],
  ['"20240115103000"', "ms", "2611-05-21 14:11:43.000000"],
  ["20240115", "us", "1970-01-01 00:00:20.240115"],
  ["1999", "ns", "1970-01-01 00:00:00.000001"],
  ["-1", "ns", "1969-12-31 23:59:59.999999"],
  ["-210866803200", "s", "4714-11-24 00:00:00.000000 BC"],
  ["9224318015999999", "ms", "294276-12-31 23:59:59.999000"],
  ['"2024-01-15T10:30:00Z"', "ms", "2024-01-15 10:30:00.000000"],
];

const NO_TIMES = [
  ...['""', '" "', '"now"', '"today"', '"epoch"', '"infinity"', '"-infinity"', '"NaN"', "true", "{}", "[]"],
  ...['"01/02/2024"', '"15 January 2024"', '"2024-1-15"', '"2024-13-01"', '"2024-02-30"', '"2023-02-29"'],
  ...['"1900-02-29"', '"0000-01-01"', '"2024-01-15T25:00:00Z"', '"2024-01-15T24:00:01Z"', '"2024-04-31"'],
  ...['"2024-01-15T10:60:00Z"', '"2024-01-15T10:30:61Z"', '"2024-01-15T10:30:00+16:00"', '"2024-01-15Z"'],
  ...['"2024-01-15T10:30:00 Europe/Berlin"', '" 2024-01-15"', '"2024-01-15\\n"', '"0x10"', '"1_000"', '" 5"'],
  ...["20240115", '"20240115"', "20240115103000", '"20240115103000"', "-20240115", "20240115103000.5"],
  ...["1e30", "-1e30", '"1e99999"', '"1e999999999"', "9224318016000000000000"],
];

describe("a time", () => {
  test.each(TIMES)("%s with unit %s is %s", async (json, unit, expected) => {
    expect(await timeOf(json, unit)).toBe(expected);
  });

  test.each(NO_TIMES)("is not %s", async (json) => {
    const error = await refusal(db, () => timeOf(json));
    expect(error).toMatchObject({ code: "22007", message: expect.stringContaining("is no time") });
    expect(error.hint).toMatch(/unit|text/);
  });

  test("is null for null, and where nothing lies", async () => {
    expect(await timeOf("null")).toBeNull();
    const { rows } = await db.query(`select ampsync_private.to_timestamptz('{}'::jsonb #> '{at}') as at`);
    expect(rows).toEqual([{ at: null }]);
  });

  test("is the same in 20 time zones under 4 styles of dates, in and out of summer time", async () => {
    const { rows: zones } = await db.query<{ name: string }>(
      `(select name from pg_timezone_names where name like '%/%' order by md5(name) limit 16)
       union all values ('America/New_York'), ('Asia/Kathmandu'), ('Pacific/Apia'), ('Europe/Lisbon')`,
    );
    const samples = [...TIMES, ['"2024-03-31T02:30:00"', null, ""], ["1711852200", null, ""]];
    const seen = new Set<string>();
    for (const { name } of zones) {
      for (const style of ["ISO, DMY", "SQL, MDY", "German, DMY", "Postgres, YMD"]) {
        await db.query("select set_config('timezone', $1, true), set_config('datestyle', $2, true)", [
          name,
          style,
        ]);
        const { rows } = await db.query(
          `select json_agg(extract(epoch from ampsync_private.to_timestamptz(s.value::jsonb, s.unit))::text
                           || ' ' || coalesce(ampsync_private.range_value(s.value::jsonb, 'iso')::text, '-') order by s.n)::text as all
             from unnest($1::text[], $2::text[]) with ordinality s(value, unit, n)`,
          [samples.map(([json]) => json), samples.map(([, unit]) => unit)],
        );
        seen.add(rows[0]!["all"]);
      }
    }
    expect(seen.size).toBe(1);
  });

  test("as a number of any unit is its exact instant, floored to a microsecond", async () => {
    const nanos = fc.bigInt({ min: -210_866_803_200_000_000_000n, max: 9_223_000_000_000_000_000_000n });
    const cases = fc.array(fc.tuple(nanos, fc.constantFrom("s", "ms", "us", "ns")), {
      minLength: 200,
      maxLength: 200,
    });
    const [sample] = fc.sample(cases, 1);
    const written = sample!.map(([value, unit]) => {
      const digits = { s: 9, ms: 6, us: 3, ns: 0 }[unit]!;
      const padded = (value < 0n ? -value : value).toString().padStart(digits + 1, "0");
      const at = padded.length - digits;
      return `${value < 0n ? "-" : ""}${padded.slice(0, at)}${digits === 0 ? "" : `.${padded.slice(at)}`}`;
    });
    const { rows } = await db.query(
      `select array(select trunc(extract(epoch from ampsync_private.to_timestamptz(s.value::jsonb, s.unit)) * 1000000)::text
                      from unnest($1::text[], $2::text[]) with ordinality s(value, unit, n) order by s.n) as micros`,
      [written, sample!.map(([, unit]) => unit)],
    );
    const floored = (value: bigint) => value / 1000n - (value % 1000n < 0n ? 1n : 0n);
    expect(rows[0]!["micros"]).toEqual(sample!.map(([value]) => `${floored(value)}`));
  });

  test("as an ISO text is what JavaScript reads, for days of 400 years", async () => {
    const day = fc.date({ min: new Date("1800-01-01"), max: new Date("2200-01-01"), noInvalidDate: true });
    const days = fc.sample(day, 500).map((at) => at.toISOString());
    const { rows } = await db.query(
      `select array(select (extract(epoch from ampsync_private.iso_instant(s.value)) * 1000)::bigint::text
                      from unnest($1::text[]) with ordinality s(value, n) order by s.n) as millis`,
      [days],
    );
    expect(rows[0]!["millis"]).toEqual(days.map((at) => `${Date.parse(at)}`));
  });
});

describe("the SQL of a column of times", () => {
  test.each([null, "s", "ms", "us", "ns"])("says the same as to_timestamptz, with unit %s", async (unit) => {
    const texts = [
      ...TIMES.map(([json]) => json),
      "null",
      "1e8",
      "8999999999.9999999",
      "9e9",
      "1e11",
      "9e12",
      "1e14",
    ];
    const { rows: made } = await db.query("select ampsync_private.column_value($1, 's.r') as sql", [
      { name: "at", type: "timestamptz", from: "/at", unit },
    ]);
    const values = texts.map((json) => `{"at":${json}}`);
    const { rows } = await db.query(
      `select s.r::text as record, ${made[0]!["sql"]} as inlined,
              ampsync_private.read_instant(s.r -> 'at', $2) as called
         from (select value::jsonb as r from unnest($1::text[]) value offset 0) s
        where s.r -> 'at' = 'null' or ampsync_private.read_instant(s.r -> 'at', $2) is not null`,
      [values, unit],
    );
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => `${row["inlined"]?.getTime()}` !== `${row["called"]?.getTime()}`)).toEqual(
      [],
    );
  });

  test.each(NO_TIMES)("refuses %s", async (json) => {
    const { rows: made } = await db.query("select ampsync_private.column_value($1, 's.r') as sql", [
      { name: "at", type: "timestamptz", from: "/at", unit: null },
    ]);
    const error = await refusal(db, () =>
      db.query(`select ${made[0]!["sql"]} from (select $1::jsonb as r offset 0) s`, [`{"at":${json}}`]),
    );
    expect(error.code).toMatch(/^2200[789]$/); // No time, no such day, no such offset.
  });

  test("takes and refuses of 3,000 texts that look like times just what to_timestamptz does", async () => {
    const digits = (length: number, max: number) =>
      fc.integer({ min: 0, max }).map((value) => `${value}`.padStart(length, "0"));
    const fraction = fc.oneof(
      fc.constant(""),
      fc
        .tuple(fc.constantFrom(".", ".", ","), fc.stringMatching(/^[0-9]{0,10}$/))
        .map((parts) => parts.join("")),
    );
    const offset = fc.oneof(
      fc.constantFrom("", "Z", "Z", "z", "ZZ", " Z", "+00:00", "-00:00", "+", "+2", "UTC"),
      fc
        .tuple(fc.constantFrom("+", "-"), digits(2, 17), fc.constantFrom("", ":"), digits(2, 61))
        .map((p) => p.join("")),
    );
    const text = fc
      .tuple(
        ...([
          fc.constantFrom("2024", "1900", "0001", "0000", "9999"),
          fc.constant("-"),
          digits(2, 13),
        ] as const),
        ...([
          fc.constant("-"),
          digits(2, 32),
          fc.constantFrom("T", "T", " ", "t", "_"),
          digits(2, 25),
        ] as const),
        ...([fc.constant(":"), digits(2, 60), fc.constant(":"), digits(2, 61), fraction, offset] as const),
      )
      .map((parts) => parts.join(""));
    const odd = fc
      .tuple(text, fc.nat(24), fc.constantFrom("", " ", "0", "-", "x", "٣"))
      .map(([good, at, other]) => `${good.slice(0, at)}${other}${good.slice(at + 1)}`);
    const seed = Date.now() % 2 ** 31;
    const texts = fc.sample(fc.oneof({ arbitrary: text, weight: 4 }, odd), { numRuns: 3_000, seed });
    const { rows: made } = await db.query("select ampsync_private.column_value($1, 's.r') as sql", [
      { name: "at", type: "timestamptz", from: "/at", unit: null },
    ]);
    await db.query(
      `create function pg_temp.inlined(p_text text) returns timestamptz language plpgsql as $$
       begin
         return (select ${made[0]!["sql"]} from (select jsonb_build_object('at', p_text) as r offset 0) s);
       exception
         when data_exception then return null;
       end $$`,
    );
    const { rows } = await db.query(
      `select t.value, pg_temp.inlined(t.value)::text as inlined,
              ampsync_private.read_instant(to_jsonb(t.value), null)::text as called
         from unnest($1::text[]) t(value)`,
      [texts],
    );
    expect(
      rows.filter(({ inlined, called }) => inlined !== called),
      `seed ${seed}`,
    ).toEqual([]);
    expect(rows.filter(({ called }) => called !== null).length).toBeGreaterThan(300);
  });
});

describe("the value of a record in its range", () => {
  test.each<[string, string, string | null]>([
    ['"2024-01-15T10:30:00.5Z"', "iso", "1705314600500000"],
    ['"2024-01-15"', "date", "1705276800000000"],
    ["1705314600", "s", "1705314600000000"],
    ['"1705314600.25"', "s", "1705314600250000"],
    ["1705314600123", "ms", "1705314600123000"],
    ["100", "ms", "100000"],
    ["1705314600", "iso_ms", "1705314600000000"],
    ['"2024-01-15T10:30:00Z"', "s", "1705314600000000"],
    ["123456789012345678901234567890", "integer", "123456789012345678901234567890"],
    ['"42"', "integer", "42"],
    ["42.0", "integer", "42"],
    ["42.5", "integer", null],
    ['"forty"', "integer", null],
    ['"1e999999999"', "integer", null],
    ['"1e999999999"', "s", null],
    ['"2024-02-30"', "date", null],
    ["20240115", "iso", null],
    ["true", "s", null],
    ["[1]", "integer", null],
    ["null", "iso", null],
    ["null", "integer", null],
  ])("%s in the format %s is %s", async (json, format, expected) => {
    const { rows } = await db.query("select ampsync_private.range_value($1::jsonb, $2)::text as value", [
      json,
      format,
    ]);
    expect(rows[0]!["value"]).toBe(expected);
  });
});
