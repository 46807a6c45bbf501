import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { ArrowField, ArrowType } from "../../src/arrow/type.ts";
import { planTable } from "../../src/encoder/plan.ts";
import { type EncoderOptions, RowEncoder } from "../../src/encoder/row-encoder.ts";
import { CONTAINERS, SCALARS } from "../support/arrow/arbitraries.ts";
import { type BuildOptions, buildBatch, streamOf, type Value } from "../support/arrow/arrow.ts";
import { encodeBatch, h64Raw } from "../support/arrow/encode.ts";
import { copyRows, createTable, load } from "../support/arrow/load.ts";
import { MemorySink } from "../support/arrow/memory-sink.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  client = await database.client();
  await client.query("set timezone to 'UTC'; set intervalstyle to 'postgres'");
});
afterAll(() => database.drop());

const field = (type: ArrowType, nullable = true, name = "item"): ArrowField => ({ name, nullable, type });
const int = (bits: 8 | 16 | 32 | 64, signed = true) => ({ kind: "int", bits, signed }) as const;
const decimal = (bits: 32 | 64 | 128 | 256, precision: number, scale: number): ArrowType => ({
  kind: "decimal",
  bits,
  precision,
  scale,
});
const list = CONTAINERS["List"]!;
const struct = (type: ArrowType): ArrowType => ({ kind: "struct", fields: [field(type, true, "v")] });
const utf8: ArrowType = { kind: "utf8", layout: "offsets" };
const ns: ArrowType = { kind: "timestamp", unit: "ns", zone: "UTC" };

type Options = BuildOptions & EncoderOptions;

async function loadColumn(
  type: ArrowType,
  values: readonly Value[],
  options: Options = {},
): Promise<RowEncoder> {
  const built = buildBatch([{ name: "x", type, values }], options);
  return await load(client, "t", streamOf(built), { start: 0n, end: 0n }, options);
}

/** What `::text` shows. */
async function shown(
  type: ArrowType,
  values: readonly Value[],
  options: Options = {},
): Promise<(string | null)[]> {
  return await shownAs(type, values, "x::text", options);
}

/** What an expression over the column `x` says. */
async function shownAs(
  type: ArrowType,
  values: readonly Value[],
  expression: string,
  options: Options = {},
): Promise<(string | null)[]> {
  await loadColumn(type, values, options);
  const { rows } = await client.query<{ shown: string | null }>(
    `select ${expression} as shown from t order by copied`,
  );
  return rows.map((row) => row.shown);
}

const refused = (type: ArrowType, value: Value) =>
  expect(loadColumn(type, [value])).rejects.toMatchObject({ code: "SY203" });

describe("what earlier versions did wrong", () => {
  test("decimals have their scale", async () => {
    expect(await shown(decimal(128, 38, 18), [1_500_000_000_000_000_000n])).toEqual(["1.500000000000000000"]);
    expect(await shown(decimal(128, 38, 2), [1234n, 12345n, -1n])).toEqual(["12.34", "123.45", "-0.01"]);
    expect(await shown(decimal(128, 38, 8), [100_001_000n, 1000n])).toEqual(["1.00001000", "0.00001000"]);
    expect(await shown(decimal(128, 5, -7), [123n])).toEqual(["1230000000"]);
  });

  test("decimals of 32, 64 and 256 bits", async () => {
    const most = 10n ** 76n - 1n;
    expect(await shown(decimal(256, 76, 0), [most, -most, 2n ** 248n])).toEqual([
      `${most}`,
      `-${most}`,
      `${2n ** 248n}`,
    ]);
    expect(await shown(decimal(32, 9, 4), [999_999_999n, -1n])).toEqual(["99999.9999", "-0.0001"]);
    expect(await shown(decimal(64, 18, 18), [10n ** 18n - 1n])).toEqual([`0.${"9".repeat(18)}`]);
    expect(await shown(list(decimal(256, 76, 0)), [[most, null]])).toEqual([`{${most},NULL}`]);
    await refused(decimal(256, 76, 0), 10n ** 76n);
    await refused(decimal(32, 3, 0), 1000n);
  });

  test("arrays carry the OID of their elements", async () => {
    for (const type of SCALARS) {
      await loadColumn(list(type), [[null], []]);
    }
    expect(await shown(list(ns), [[0n]])).toEqual(['{"1970-01-01 00:00:00+00"}']);
    expect(await shown(list(struct(utf8)), [[{ v: "a" }]])).toEqual(['{"{\\"v\\": \\"a\\"}"}']);
  });

  test("U+0000 in text, in arrays, in JSON and in its keys is replaced or stripped, and counted", async () => {
    const map: ArrowType = { kind: "map", key: field(utf8, false, "k"), value: field(utf8, true, "v") };
    const values = ["a\0b\0", null, "\0", "é\0"];
    expect(await shown(utf8, values, { junkUnderNulls: true })).toEqual([
      "a\ufffdb\ufffd",
      null,
      "\ufffd",
      "é\ufffd",
    ]);
    expect(await shown(utf8, values, { nulPolicy: "strip" })).toEqual(["ab", null, "", "é"]);
    expect(await shown(list(utf8), [["\0", "x"]])).toEqual(["{\ufffd,x}"]);
    expect(await shown(struct(utf8), [{ v: "\0" }])).toEqual(['{"v": "\ufffd"}']);
    expect(await shown(map, [[["k\0", "v\0"]]], { nulPolicy: "strip" })).toEqual(['{"k": "v"}']);
    for (const layout of ["large", "view"] as const) {
      expect(await shown({ kind: "utf8", layout }, ["\0", "longer than a view\0"])).toEqual([
        "\ufffd",
        "longer than a view\ufffd",
      ]);
    }
    const encoder = await loadColumn(utf8, values);
    expect(encoder.report.nuls).toMatchObject([{ column: "x", count: 3, row: 0 }]);
    await expect(loadColumn(utf8, values, { nulPolicy: "fail" })).rejects.toMatchObject({ code: "SY203" });
  });

  test("Int64 is bigint and UInt64 numeric, whatever the table has", () => {
    const names = [int(64), int(64, false)].map(
      (type) => planTable("t", { fields: [field(type)] }).columns[0]!.type,
    );
    expect(names).toEqual(["bigint", "numeric(20,0)"]);
  });

  test("nanoseconds before 1970 and before 2000 are floored, in columns and lists", async () => {
    const values = [-1n, -1001n, 946_684_799_999_999_999n];
    const texts = [
      "1969-12-31 23:59:59.999999+00",
      "1969-12-31 23:59:59.999998+00",
      "1999-12-31 23:59:59.999999+00",
    ];
    expect(await shown(ns, values)).toEqual(texts);
    expect(await shown(list(ns), [values])).toEqual([`{${texts.map((text) => `"${text}"`).join(",")}}`]);
    expect(await shown(struct(ns), [{ v: -1n }])).toEqual(['{"v": "1969-12-31T23:59:59.999999999Z"}']);
  });

  test("what is finer than a microsecond is rounded towards minus infinity, in every type of time", async () => {
    const counts = [-1n, -999n, -1000n, -1001n, 0n, 999n, 1000n, 1999n];
    const micros = [-1, -1, -1, -2, 0, 0, 1, 1];
    const since1970 = (type: ArrowType) =>
      shownAs(type, counts, "round(extract(epoch from x) * 1000000)::text");
    expect(await since1970(ns)).toEqual(micros.map(String));
    expect(await since1970({ kind: "timestamp", unit: "ns", zone: null })).toEqual(micros.map(String));
    expect(await since1970({ kind: "duration", unit: "ns" })).toEqual(micros.map(String));

    const nano: ArrowType = { kind: "interval", unit: "monthDayNano" };
    const parts = `concat_ws(' ', extract(month from x), extract(day from x), extract(microseconds from x))`;
    expect(
      await shownAs(
        nano,
        counts.map((count) => [1, -1, count] as const),
        parts,
      ),
    ).toEqual(
      micros.map((each) => `1 -1 ${each}`), // Nothing is carried into days and months.
    );

    const time: ArrowType = { kind: "time", unit: "ns" };
    expect(await shown(time, [0n, 999n, 1999n, 86_399_999_999_999n, 86_400_000_000_999n])).toEqual([
      "00:00:00",
      "00:00:00",
      "00:00:00.000001",
      "23:59:59.999999",
      "24:00:00",
    ]);
    await refused(time, -1n); // It would be the microsecond before midnight.
  });

  test("nanoseconds beyond what a double holds keep every digit", async () => {
    const counts = [8_176_523_337_186_342_753n, -8_176_523_337_186_342_753n, 2n ** 63n - 1n, -(2n ** 63n)];
    const micros = ["8176523337186342", "-8176523337186343", "9223372036854775", "-9223372036854776"];
    const all =
      "(extract(hour from x) * 3600000000 + extract(minute from x) * 60000000 + extract(microseconds from x))";
    const exact = `trim_scale(${all})::text`;
    const nano: ArrowType = { kind: "interval", unit: "monthDayNano" };
    expect(
      await shownAs(
        nano,
        counts.map((count) => [0, 0, count] as const),
        exact,
      ),
    ).toEqual(micros);
    expect(await shownAs({ kind: "duration", unit: "ns" }, counts, exact)).toEqual(micros);
    expect(await shown(ns, [counts[0]!, counts[1]!])).toEqual([
      "2229-02-07 16:28:57.186342+00",
      "1710-11-24 07:31:02.813657+00",
    ]);
  });

  test("lists of fixed size, lists of them, lists of lists", async () => {
    const pair: ArrowType = { kind: "fixedSizeList", size: 2, item: field(int(32)) };
    const pairs: ArrowType = { kind: "list", layout: "offsets", item: field(pair, false) };
    expect(await shown(pair, [[1, null], null])).toEqual(["{1,NULL}", null]);
    expect(
      await shown(pairs, [
        [
          [1, 2],
          [3, 4],
          [5, null],
        ],
        [],
        [[1, 2]],
      ]),
    ).toEqual(["{{1,2},{3,4},{5,NULL}}", "{}", "{{1,2}}"]);
    expect(await shown(list(pair), [[[1, 2], null]])).toEqual(["[[1, 2], null]"]);
    expect(await shown(list(list(int(32))), [[[1], [], null]])).toEqual(["[[1], [], null]"]);
    const nested = (depth: number): ArrowType =>
      depth === 1 ? pair : { kind: "fixedSizeList", size: 1, item: field(nested(depth - 1), false) };
    const typeOf = (type: ArrowType) => planTable("t", { fields: [field(type)] }).columns[0]!.type;
    expect([typeOf(nested(6)), typeOf(nested(7))]).toEqual(["integer[]", "jsonb"]);
  });

  test("lists of temporal types, structs, times, durations and Float16 have an _id", async () => {
    const half: ArrowType = { kind: "float", bits: 16 };
    expect(await shown(list(half), [[0.5, Number.NaN, -0, 6e-8]])).toEqual(["{0.5,NaN,-0,5.9604645e-08}"]);
    expect(await shown(list({ kind: "duration", unit: "ms" }), [[1500n]])).toEqual(["{00:00:01.5}"]);
    expect(await shown(list({ kind: "time", unit: "µs" }), [[1n]])).toEqual(["{00:00:00.000001}"]);
  });

  test("types that were unsupported", async () => {
    expect(await shown({ kind: "interval", unit: "monthDayNano" }, [[14, 2, 1_500_000_000n]])).toEqual([
      "1 year 2 mons 2 days 00:00:01.5",
    ]);
    expect(await shown({ kind: "interval", unit: "dayTime" }, [[-1, 86_400_000]])).toEqual([
      "-1 days +24:00:00",
    ]);
    expect(await shown({ kind: "time", unit: "ns" }, [86_399_999_999_999n])).toEqual(["23:59:59.999999"]);
    expect(await shown({ kind: "date", unit: "ms" }, [-86_400_000n])).toEqual(["1969-12-31"]);
    await refused({ kind: "date", unit: "ms" }, 1n);
    expect(await shown({ kind: "null" }, [null])).toEqual([null]);
    const words = ["short", "longer than twelve bytes", null, "longer than twelve bytes"];
    for (const type of [
      { kind: "utf8", layout: "view" },
      { kind: "dictionary", id: 1n, index: int(8), value: utf8 },
      { kind: "runEndEncoded", runEnds: int(32), value: field(utf8) },
    ] as const) {
      expect(await shown(type, words)).toEqual(words);
    }
    const map: ArrowType = { kind: "map", key: field(int(64), false, "k"), value: field(utf8, true, "v") };
    expect(await shown(map, [[[2n ** 62n, "a"]]])).toEqual([`[{"key": "${2n ** 62n}", "value": "a"}]`]);
    const twice: Value = [
      ["k", 1],
      ["k", 2],
    ];
    await refused({ kind: "map", key: field(utf8, false), value: field(int(8), true, "v") }, twice);
  });

  test("integers beyond 2^53 in columns, arrays and JSON", async () => {
    const nonce = 11581608188404422748n;
    expect(await shown(int(64, false), [nonce])).toEqual([`${nonce}`]);
    expect(await shown(list(int(64, false)), [[nonce]])).toEqual([`{${nonce}}`]);
    expect(await shown(struct(int(64, false)), [{ v: nonce }])).toEqual([`{"v": "${nonce}"}`]);
  });

  test("floats that are no numbers inside a struct", async () => {
    const values = [Number.NaN, Infinity, -Infinity, 0.1, -0];
    expect(
      await shown(
        struct({ kind: "float", bits: 32 }),
        values.map((v) => ({ v: v === 0.1 ? Math.fround(v) : v })),
      ),
    ).toEqual(['{"v": "NaN"}', '{"v": "Infinity"}', '{"v": "-Infinity"}', '{"v": 0.1}', '{"v": 0}']);
  });

  test("all NULL, no rows, and validity across bytes, for every type", async () => {
    for (const type of SCALARS) {
      for (const length of [0, 1, 8, 17]) {
        const nulls = Array<Value>(length).fill(null);
        expect(await shown(type, nulls, { junkUnderNulls: true, sliced: true })).toEqual(nulls);
      }
    }
  });

  test("extreme dates, times and durations are refused, never wrapped or infinite", async () => {
    const int64 = [2n ** 63n - 1n, -(2n ** 63n)];
    for (const unit of ["s", "ms", "µs"] as const) {
      // The last microsecond of 64 bits is within PostgreSQL's range.
      for (const value of int64.filter((each) => unit !== "µs" || each < 0n)) {
        await refused({ kind: "timestamp", unit, zone: null }, value);
        await refused(list({ kind: "timestamp", unit, zone: null }), [value]);
        await refused(struct({ kind: "timestamp", unit, zone: null }), { v: value });
        if (unit !== "µs") await refused({ kind: "duration", unit }, value);
      }
    }
    const last: ArrowType = { kind: "timestamp", unit: "µs", zone: null };
    expect(await shown(last, [int64[0]!])).toEqual(["294247-01-10 04:00:54.775807"]);
    for (const value of int64) {
      await refused({ kind: "time", unit: "µs" }, value);
      await refused({ kind: "time", unit: "ns" }, value);
    }
    for (const value of [2 ** 31 - 1, -(2 ** 31)]) {
      await refused({ kind: "date", unit: "day" }, value);
      await refused({ kind: "time", unit: "s" }, value);
    }
    expect(await shown({ kind: "date", unit: "day" }, [-2_440_588, 2_145_042_905])).toEqual([
      "4714-11-24 BC",
      "5874897-12-31",
    ]);
    await refused({ kind: "date", unit: "day" }, -2_440_589);
    await refused({ kind: "date", unit: "day" }, 2_145_042_906);
    expect(await shown({ kind: "time", unit: "ms" }, [86_400_000])).toEqual(["24:00:00"]);
    await refused({ kind: "time", unit: "ms" }, 86_400_001);
  });
});

test("nanoseconds, decimals and 64-bit values keep every digit", async () => {
  const odd = 2n ** 63n - 1n;
  expect(await shown({ kind: "duration", unit: "µs" }, [odd])).toEqual(["2562047788:00:54.775807"]);
  expect(await shown(int(64), [odd, -odd - 1n])).toEqual([`${odd}`, `${-odd - 1n}`]);
  expect(await shown(struct(decimal(128, 38, 37)), [{ v: 10n ** 38n - 1n }])).toEqual([
    `{"v": "9.${"9".repeat(37)}"}`,
  ]);
  expect(await shown(struct(ns), [{ v: odd }])).toEqual(['{"v": "2262-04-11T23:47:16.854775807Z"}']);
});

describe("bad values by policy", () => {
  const values = [5n, 10n ** 9n, null, 7n, -(10n ** 9n)];

  test("a bad value becomes NULL, and its row and column are reported", async () => {
    const encoder = await loadColumn(decimal(64, 9, 0), values, { valuePolicy: "null" });
    expect(encoder.report.nulled).toMatchObject([{ column: "x", count: 2, row: 1 }]);
    expect(await shown(decimal(64, 9, 0), values, { valuePolicy: "null" })).toEqual([
      "5",
      null,
      null,
      "7",
      null,
    ]);
  });

  test("a bad item or member takes its whole list or struct with it", async () => {
    const options = { valuePolicy: "null" } as const;
    const type = decimal(64, 9, 0);
    expect(await shown(list(type), [[1n, 10n ** 9n], [2n]], options)).toEqual([null, "{2}"]);
    expect(await shown(struct(type), [{ v: 1n }, { v: 10n ** 9n }], options)).toEqual(['{"v": "1"}', null]);
    expect(await shown(list(struct(type)), [[{ v: 3n }, { v: 10n ** 9n }], [{ v: 3n }]], options)).toEqual([
      null,
      '{"{\\"v\\": \\"3\\"}"}',
    ]);
    const bytes = Uint8Array.of(0x61, 0xff);
    expect(await shown(utf8, [bytes, "b"], options)).toEqual([null, "b"]);
  });

  test("a bad value becomes NULL also where the schema promises none", async () => {
    const built = buildBatch([
      { name: "x", type: decimal(64, 9, 0), nullable: false, values: [10n ** 9n, 7n] },
    ]);
    const { schema, messages } = streamOf(built);
    const fields = schema.fields.map((field) => ({ ...field, nullable: true })); // As the target is made then.
    const plan = planTable("t", { fields });
    await createTable(client, "t", plan);
    const encoder = new RowEncoder(planTable("t", schema), h64Raw, { valuePolicy: "null" });
    const sink = new MemorySink();
    encoder.beginMicrobatch({ start: 0n, end: 0n });
    for (const message of messages) if (message.kind === "batch") encodeBatch(encoder, message.batch, sink);
    await copyRows(client, "t", plan, sink.regions);
    const { rows } = await client.query("select x from t order by copied");
    expect(rows.map(({ x }) => x)).toEqual([null, "7"]);
    expect(encoder.report.nulled).toMatchObject([{ column: "x", count: 1, row: 0 }]);
  });

  test("many bad values are counted, and the first one is reported", async () => {
    const bad = Array<Value>(20_000).fill(10n ** 9n);
    const encoder = await loadColumn(decimal(64, 9, 0), bad, { valuePolicy: "null" });
    const reason = "the decimal has more than the 9 digits of its type (1000000000 × 10^0)";
    expect(encoder.report.nulled).toEqual([{ column: "x", count: 20_000, block: 0n, row: 0, reason }]);
  });
});

test("a replaced dictionary holds for the batches that follow it", async () => {
  const type: ArrowType = { kind: "dictionary", id: 1n, index: int(8), value: utf8 };
  const [first, second] = [
    ["a", "b"],
    ["c", "a", "d"],
  ].map((values) => streamOf(buildBatch([{ name: "x", type, values }])));
  const messages = [...first!.messages, ...second!.messages];
  await load(client, "t", { schema: first!.schema, messages }, { start: 0n, end: 0n });
  const { rows } = await client.query("select x from t order by copied");
  expect(rows.map(({ x }) => x)).toEqual(["a", "b", "c", "a", "d"]);
});
