import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { ArrowField, ArrowType } from "../../src/arrow/type.ts";
import { planTable } from "../../src/encoder/plan.ts";
import { buildBatch, streamOf, type TestColumn, type Value } from "../support/arrow/arrow.ts";
import { payloads } from "../support/arrow/encode.ts";
import { load } from "../support/arrow/load.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  client = await database.client();
  await client.query("set timezone to 'UTC'");
});
afterAll(() => database.drop());

const field = (type: ArrowType, nullable = true, name = "item"): ArrowField => ({ name, nullable, type });
const int = (bits: 8 | 16 | 32 | 64, signed = true) => ({ kind: "int", bits, signed }) as const;
const float = (bits: 16 | 32 | 64) => ({ kind: "float", bits }) as const;
const decimal = (bits: 32 | 64 | 128 | 256, precision: number, scale: number): ArrowType => ({
  kind: "decimal",
  bits,
  precision,
  scale,
});
const list = (type: ArrowType, nullable = true): ArrowType => ({
  kind: "list",
  layout: "offsets",
  item: field(type, nullable),
});
const pair = (type: ArrowType): ArrowType => ({ kind: "fixedSizeList", size: 2, item: field(type) });
const map = (key: ArrowType): ArrowType => ({
  kind: "map",
  key: field(key, false, "k"),
  value: field(int(8), true, "v"),
});
const utf8: ArrowType = { kind: "utf8", layout: "offsets" };
const bytes = (width: number): ArrowType => ({ kind: "fixedSizeBinary", width });
const ns: ArrowType = { kind: "timestamp", unit: "ns", zone: "UTC" };
const access: ArrowType = {
  kind: "struct",
  fields: [field(utf8, true, "address"), field(list(utf8), true, "keys")],
};

/** Loads columns as one microbatch of the blocks 0 to 99, and reads the table back as text, in the order of its rows. */
async function stored(columns: readonly TestColumn[]): Promise<Record<string, string | null>[]> {
  await load(client, "t", streamOf(buildBatch(columns)), { start: 0n, end: 99n });
  const names = columns.map(({ name }) => `"${name}"::text`).join(", ");
  return (await client.query(`select ${names} from t order by copied`)).rows;
}

/** Both: the bytes that are sent, and what PostgreSQL reads in them. */
async function expectValues(
  type: ArrowType,
  cases: readonly (readonly [Value, string | null, string | null])[],
): Promise<void> {
  const column = { name: "x", type, values: cases.map(([value]) => value) };
  expect(payloads(column)).toEqual(cases.map(([, hex]) => hex?.replaceAll(" ", "") ?? null));
  expect(await stored([column])).toEqual(cases.map(([, , x]) => ({ x })));
}

const range = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));
const typeOf = (type: ArrowType) => planTable("t", { fields: [field(type)] }).columns[0]!.type;

test("anvil_blocks_insert: 100 blocks of an EVM chain", async () => {
  const rows = await stored([
    { name: "_block_num", type: int(64, false), nullable: false, values: range(100, BigInt) },
    { name: "hash", type: bytes(32), values: range(100, (i) => new Uint8Array(32).fill(i)) },
    { name: "difficulty", type: decimal(128, 38, 0), values: range(100, () => 0n) },
    {
      name: "base_fee_per_gas",
      type: decimal(128, 38, 0),
      values: range(100, (i) => 1_000_000_000n + 1000n * BigInt(i)),
    },
    { name: "gas_used", type: int(64, false), values: range(100, (i) => 21_000n + 1000n * BigInt(i)) },
  ]);
  expect(rows).toHaveLength(100);
  expect([0, 50, 99].map((i) => rows[i])).toEqual([
    {
      _block_num: "0",
      hash: `\\x${"00".repeat(32)}`,
      difficulty: "0",
      base_fee_per_gas: "1000000000",
      gas_used: "21000",
    },
    {
      _block_num: "50",
      hash: `\\x${"32".repeat(32)}`,
      difficulty: "0",
      base_fee_per_gas: "1000050000",
      gas_used: "71000",
    },
    {
      _block_num: "99",
      hash: `\\x${"63".repeat(32)}`,
      difficulty: "0",
      base_fee_per_gas: "1000099000",
      gas_used: "120000",
    },
  ]);
});

test("nanosecond_timestamp_insert: the nanoseconds beyond a microsecond are rounded down", async () => {
  await expectValues(ns, [
    [946_684_800_000_000_000n, "0000000000000000", "2000-01-01 00:00:00+00"],
    [946_684_800_000_001_500n, "0000000000000001", "2000-01-01 00:00:00.000001+00"],
    [1_577_836_800_000_000_000n, "00023e0786c26000", "2020-01-01 00:00:00+00"],
    [1_577_836_800_000_000_123n, "00023e0786c26000", "2020-01-01 00:00:00+00"],
    [1_728_736_496_789_012_345n, "0002c74599954614", "2024-10-12 12:34:56.789012+00"],
  ]);
});

test("nanosecond_timestamp_batch_insert: 100 rows, a second and a nanosecond apart", async () => {
  const values = range(100, (i) => 946_684_800_000_000_000n + BigInt(i) * 1_000_000_001n);
  const rows = await stored([{ name: "x", type: ns, values }]);
  expect(rows).toEqual(
    range(100, (i) => ({
      x: `2000-01-01 00:0${Math.floor(i / 60)}:${String(i % 60).padStart(2, "0")}+00`,
    })),
  );
});

test("batch_chunking_large_batch: a batch of 2,000 rows, more than are encoded at a time", async () => {
  await stored([{ name: "x", type: int(64), values: range(2000, BigInt) }]);
  const { rows } = await client.query(
    "select count(*)::int as rows, count(distinct _id)::int as ids, sum(x)::int as sum, bool_and(x = copied - 1) as in_order from t",
  );
  expect(rows).toEqual([{ rows: 2000, ids: 2000, sum: 1_999_000, in_order: true }]);
});

describe("arrow_type_mappings_comprehensive", () => {
  test.each<[string, readonly ArrowType[]]>([
    ["text", [{ kind: "null" }]],
    ["boolean", [{ kind: "bool" }]],
    ["smallint", [int(8), int(8, false), int(16)]],
    ["integer", [int(16, false), int(32)]],
    ["bigint", [int(32, false), int(64)]],
    ["numeric(20,0)", [int(64, false)]],
    ["real", [float(16), float(32)]],
    ["double precision", [float(64)]],
    ["numeric(9,4)", [decimal(32, 9, 4)]],
    ["numeric(18,18)", [decimal(64, 18, 18)]],
    ["numeric(38,18)", [decimal(128, 38, 18)]],
    ["numeric(76,0)", [decimal(256, 76, 0)]],
    ["numeric(12,0)", [decimal(128, 5, -7)]],
    ["numeric(5,5)", [decimal(128, 3, 5)]],
    ["text", (["offsets", "large", "view"] as const).map((layout) => ({ kind: "utf8", layout }))],
    ["bytea", (["offsets", "large", "view"] as const).map((layout) => ({ kind: "binary", layout }))],
    ["bytea", [bytes(32), bytes(0)]],
    ["date", (["day", "ms"] as const).map((unit) => ({ kind: "date", unit }))],
    [
      "timestamp with time zone",
      (["s", "ms", "µs", "ns"] as const).map((unit) => ({ kind: "timestamp", unit, zone: "Europe/Berlin" })),
    ],
    [
      "timestamp without time zone",
      (["s", "ms", "µs", "ns"] as const).map((unit) => ({ kind: "timestamp", unit, zone: null })),
    ],
    ["time without time zone", (["s", "ms", "µs", "ns"] as const).map((unit) => ({ kind: "time", unit }))],
    ["interval", (["s", "ms", "µs", "ns"] as const).map((unit) => ({ kind: "duration", unit }))],
    [
      "interval",
      (["yearMonth", "dayTime", "monthDayNano"] as const).map((unit) => ({ kind: "interval", unit })),
    ],
    [
      "bytea[]",
      [
        list(bytes(32)),
        pair(bytes(32)),
        ...(["large", "view", "largeView"] as const).map(
          (layout): ArrowType => ({ kind: "list", layout, item: field(bytes(32)) }),
        ),
      ],
    ],
    ["numeric(76,0)[]", [list(decimal(256, 76, 0))]],
    ["integer[]", [list(pair(int(32)), false)]],
    ["jsonb", [list(pair(int(32))), list(list(int(32)))]],
    ["jsonb", [access, map(utf8), map(int(64))]],
    ["jsonb[]", [list(access), list(map(utf8))]],
    [
      "text",
      [
        { kind: "dictionary", id: 1n, index: int(8), value: utf8 },
        { kind: "runEndEncoded", runEnds: int(32), value: field(utf8) },
      ],
    ],
  ])("%s", (name, types) => {
    expect(types.map(typeOf)).toEqual(types.map(() => name));
  });

  test.each(["dense", "sparse"] as const)("a %s union is refused, also inside another type", (mode) => {
    const union: ArrowType = { kind: "union", mode, fields: [field(int(32))] };
    for (const type of [union, list(union), { kind: "struct", fields: [field(union)] } as const]) {
      expect(() => typeOf(type)).toThrow(
        expect.objectContaining({
          code: "SY202",
          message: expect.stringMatching(/^Unsupported Arrow type .* in column item of table t$/),
        }),
      );
    }
  });
});

describe("arrow_schema_to_postgres_ddl", () => {
  test("names, types and NOT NULL are those of the fields, in their order", () => {
    const fields = [field(int(64), false, "id"), field(utf8, true, "name"), field(list(utf8), false, "tags")];
    expect(
      planTable("t", { fields }).columns.map(({ name, type, notNull }) => [name, type, notNull]),
    ).toEqual([
      ["id", "bigint", true],
      ["name", "text", false],
      ["tags", "text[]", true],
    ]);
  });

  test("a schema without fields is an error", () => {
    expect(() => planTable("t", { fields: [] })).toThrow(expect.objectContaining({ code: "SY202" }));
  });
});

describe("encoder", () => {
  test("uint64, with the largest", async () => {
    await expectValues(int(64, false), [
      [0n, "0000 0000 0000 0000", "0"],
      [12_345n, "0002 0001 0000 0000 0001 0929", "12345"],
      [18_446_744_073_709_551_615n, "0005 0004 0000 0000 0734 1a58 02e1 03bb 064f", "18446744073709551615"],
    ]);
  });

  test("decimal128", async () => {
    await expectValues(decimal(128, 38, 18), [
      [1_500_000_000_000_000_000n, "0002 0000 0000 0012 0001 1388", "1.500000000000000000"],
      [-1n, "0001 fffb 4000 0012 0064", "-0.000000000000000001"],
      [0n, "0000 0000 0000 0012", "0.000000000000000000"],
    ]);
  });

  test("fixed_size_binary", async () => {
    await expectValues(bytes(4), [
      [Uint8Array.of(0xde, 0xad, 0xbe, 0xef), "deadbeef", "\\xdeadbeef"],
      [new Uint8Array(4), "00000000", "\\x00000000"],
    ]);
  });

  test("nullable_fields: NULL has no bytes, and is not what is empty", async () => {
    await expectValues(utf8, [
      ["a", "61", "a"],
      [null, null, null],
      ["", "", ""],
    ]);
    await expectValues(int(32), [
      [null, null, null],
      [-1, "ffffffff", "-1"],
    ]);
  });

  test("jsonb: valid JSON, whatever the text in it", async () => {
    await expectValues({ kind: "struct", fields: [field(utf8, true, "v")] }, [
      [{ v: "a" }, `01${Buffer.from('{"v":"a"}').toString("hex")}`, '{"v": "a"}'],
      [{ v: '"\n\\' }, `01${Buffer.from('{"v":"\\"\\n\\\\"}').toString("hex")}`, '{"v": "\\"\\n\\\\"}'],
      [{ v: null }, `01${Buffer.from('{"v":null}').toString("hex")}`, '{"v": null}'],
      [null, null, null],
    ]);
  });

  test("jsonb, invalid: bytes that are no UTF-8 are a bad value, not broken JSON", () => {
    const type: ArrowType = { kind: "struct", fields: [field(utf8, true, "v")] };
    expect(() => payloads({ name: "x", type, values: [{ v: Uint8Array.of(0x61, 0xff) }] })).toThrow(
      expect.objectContaining({ code: "SY203" }),
    );
  });

  test("timestamp_ns: basic, NULL, and the ends of what 64 bits hold", async () => {
    await expectValues(ns, [
      [0n, "fffca2fec4c82000", "1970-01-01 00:00:00+00"],
      [null, null, null],
      [-1n, "fffca2fec4c81fff", "1969-12-31 23:59:59.999999+00"],
      [2n ** 63n - 1n, "001d679a6aab73f7", "2262-04-11 23:47:16.854775+00"],
      [-(2n ** 63n), "ffdbde631ee4cc08", "1677-09-21 00:12:43.145224+00"],
    ]);
  });

  test("struct, and list of struct", async () => {
    const json = '{"address":"0x01","keys":["a","b"]}';
    const hex = `01${Buffer.from(json).toString("hex")}`;
    const value = { address: "0x01", keys: ["a", "b"] };
    const shown = '{"keys": ["a", "b"], "address": "0x01"}';
    await expectValues(access, [[value, hex, shown]]);
    const length = (hex.length / 2).toString(16).padStart(8, "0");
    await expectValues(list(access), [
      [
        [value],
        `00000001 00000000 00000eda 00000001 00000001 ${length} ${hex}`,
        `{"${shown.replaceAll('"', '\\"')}"}`,
      ],
      [[], "00000000 00000000 00000eda", "{}"],
    ]);
  });
});
