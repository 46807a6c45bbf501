import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

interface Column {
  readonly type: string;
  readonly from?: string;
  readonly unit?: string;
}

/** The text of the value that a column gets from a record, by the SQL that the upsert is made of. */
async function columnOf({ type, from = "/v", unit }: Column, record: string): Promise<string | null> {
  const { rows } = await db.query("select ampsync_private.column_value($1, 'r.record') as sql", [
    { name: "v", type, from, unit: unit ?? null },
  ]);
  const { rows: values } = await db.query(
    `select (${rows[0]!["sql"]})::text as value from (select $1::jsonb as record offset 0) r`,
    [record],
  );
  return values[0]!["value"];
}

const HUGE = "123456789012345678901234567890.10";

const GOOD: readonly [string, string, string][] = [
  ["text", '"a \\u00e9 \\n"', "a é \n"],
  ["text", "1.10", "1.10"],
  ["text", "1e2", "100"],
  ["text", "true", "true"],
  ["text", '{"b":1, "a":[1.50]}', '{"a": [1.50], "b": 1}'],
  ["text", '""', ""],
  ["smallint", "32767", "32767"],
  ["smallint", "1e3", "1000"],
  ["integer", "10.0", "10"],
  ["integer", '"10"', "10"],
  ["integer", "-2147483648", "-2147483648"],
  ["bigint", "9223372036854775807", "9223372036854775807"],
  ["bigint", '"9007199254740993"', "9007199254740993"],
  ["bigint", "-0.000", "0"],
  ["numeric", HUGE, HUGE],
  ["numeric", `"${HUGE}"`, HUGE],
  ["numeric", "1.10", "1.10"],
  ["numeric", "1e-3", "0.001"],
  ["double precision", "0.1", "0.1"],
  ["double precision", '"-1e308"', "-1e+308"],
  ["double precision", "9007199254740993", "9.007199254740992e+15"],
  ["date", '"2024-01-15"', "2024-01-15"],
  ["date", '"2024-01-15T23:59:00-12:00"', "2024-01-15"],
  ["date", '"20240115T000000Z"', "2024-01-15"],
  ["boolean", "true", "true"],
  ["boolean", '"f"', "false"],
  ["boolean", "1", "true"],
  ["uuid", '"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"', "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  ["jsonb", '{"b":1,"a":1e1}', '{"a": 10, "b": 1}'],
  ["jsonb", '"text"', '"text"'],
  ["jsonb", "false", "false"],
  ["timestamptz", "0", "1970-01-01 00:00:00+00"],
];

const BAD: readonly [string, string][] = [
  ...["1.5", "32768", '"1.5"', '"ten"', '" 1"', "true", "{}", '""', '"0x1"', '"NaN"'].map(
    (value) => ["smallint", value] as [string, string],
  ),
  ["integer", "2147483648"],
  ["integer", "1e400"],
  ["bigint", "9223372036854775808"],
  ["bigint", "0.5"],
  ...['"NaN"', '"Infinity"', '"-Infinity"', '"1,5"', '"1_000"', '"+1"', '".5"', "[]", "false"].flatMap(
    (value) =>
      [
        ["numeric", value],
        ["double precision", value],
      ] as [string, string][],
  ),
  ["double precision", "1e400"],
  ["date", '"01/02/2024"'],
  ["date", '"today"'],
  ["date", '"2024-02-30"'],
  ["date", "20240115"],
  ["boolean", '"maybe"'],
  ["boolean", "2"],
  ["uuid", '"a0eebc99"'],
  ["timestamptz", '"infinity"'],
];

describe("a value", () => {
  test.each(GOOD)("of type %s from %s is %s", async (type, json, expected) => {
    await db.query("set local timezone to 'UTC'");
    expect(await columnOf({ type }, `{"v":${json}}`)).toBe(expected);
  });

  test.each(BAD)("of type %s is not %s", async (type, json) => {
    const error = await refusal(db, () => columnOf({ type }, `{"v":${json}}`));
    expect(error.code).toMatch(/^22/);
  });

  test.each([
    ...["text", "smallint", "integer", "bigint", "numeric", "double precision", "date", "boolean", "uuid"],
    ...["bytea", "jsonb", "timestamptz"],
  ])("of type %s is NULL for null, for what is absent, and through a scalar", async (type) => {
    const unit = type === "bytea" ? { unit: "hex" } : {};
    expect(await columnOf({ type, ...unit }, '{"v":null}')).toBeNull();
    expect(await columnOf({ type, ...unit }, "{}")).toBeNull();
    expect(await columnOf({ type, ...unit, from: "/v/w" }, '{"v":5}')).toBeNull();
    expect(await columnOf({ type, ...unit, from: "/v/w" }, '"text"')).toBeNull();
  });

  test.each([
    ["hex", '"00ff"', "\\x00ff"],
    ["hex", '"0x00FF"', "\\x00ff"],
    ["hex", '"\\\\x00ff"', "\\x00ff"],
    ["base64", '"AP8="', "\\x00ff"],
  ])("of type bytea in %s from %s is %s", async (unit, json, expected) => {
    expect(await columnOf({ type: "bytea", unit }, `{"v":${json}}`)).toBe(expected);
  });

  test.each([
    ["hex", '"0f0"'],
    ["hex", '"zz"'],
    ["hex", "10"],
    ["base64", '"*"'],
  ])("of type bytea in %s is not %s", async (unit, json) => {
    const error = await refusal(db, () => columnOf({ type: "bytea", unit }, `{"v":${json}}`));
    expect(error.code).toMatch(/^22/);
  });

  test("may be the whole record, whatever it is", async () => {
    expect(await columnOf({ type: "jsonb", from: "" }, '{"v":1}')).toBe('{"v": 1}');
    expect(await columnOf({ type: "text", from: "" }, "[1, 2.0]")).toBe("[1, 2.0]");
    expect(await columnOf({ type: "jsonb", from: "" }, "null")).toBeNull();
  });
});

describe("any number", () => {
  /** As JSON may write it: any length, any scale, exponents. */
  const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,60})(\.[0-9]{1,40})?$/);
  const exponent = fc.oneof(
    fc.constant(""),
    fc.integer({ min: -60, max: 60 }).map((e) => `e${e}`),
  );
  const number = fc.tuple(fc.constantFrom("", "-"), digits, exponent).map((parts) => parts.join(""));

  test("comes back as the same numeric with its scale: as a column, nested, within jsonb and as a text", async () => {
    const numbers = fc.sample(number, 1_000);
    const { rows } = await db.query(
      `select s.value, s.value::numeric::text as expected,
              ampsync_private.to_numeric(s.r #> '{v}')::text as column, (s.r #> '{a,1,w}')::numeric::text as nested,
              (s.r #>> '{v}') as text, ampsync_private.to_numeric(to_jsonb(s.value))::text as string
         from (select n.value, format('{"v":%1$s,"a":[0,{"w":%1$s}]}', n.value)::jsonb as r
                 from unnest($1::text[]) n(value)) s`,
      [numbers],
    );
    const wrong = rows.filter((row) =>
      ["column", "nested", "text", "string"].some((way) => row[way] !== row["expected"]),
    );
    expect(wrong).toEqual([]);
    expect(rows).toHaveLength(1_000);
  });
});

describe("a pointer", () => {
  test.each<[string, string | null]>([
    ["", "{}"],
    ["/", '{""}'],
    ["/a/b", "{a,b}"],
    ["/a~1b/~0c~01", "{a/b,~c~1}"],
    ["/a//b", '{a,"",b}'],
    ["a", null],
    ["/a~", null],
    ["/a~2", null],
  ])("%j is the path %s", async (pointer, path) => {
    const { rows } = await db.query("select ampsync_private.pointer_path($1)::text as path", [pointer]);
    expect(rows[0]!["path"]).toBe(path);
  });

  const record = '{"list":[10,{"x":20}],"map":{"-1":"a","01":"b"," 1":"c","-":"d","0":"e","+1":{"y":["f"]}}}';

  test.each<[string, string | null]>([
    ["/list/0", "10"],
    ["/list/1/x", "20"],
    ...["-1", "01", " 1", "-", "+1", "00", "2", "99999999999999", "", "x"].map(
      (part) => [`/list/${part}`, null] as [string, null],
    ),
    ["/map/-1", "a"],
    ["/map/01", "b"],
    ["/map/ 1", "c"],
    ["/map/-", "d"],
    ["/map/0", "e"],
    ["/map/+1/y/0", "f"],
    ["/map/+1/y/-1", null],
    ["/list/-1/x", null],
  ])("%j finds %s", async (from, expected) => {
    expect(await columnOf({ type: "text", from }, record)).toBe(expected);
    expect(await columnOf({ type: "jsonb", from }, record)).toBe(
      expected === null || /^\d/.test(expected) ? expected : `"${expected}"`,
    );
  });
});
