import * as arrow from "apache-arrow";
import { describe, expect, test } from "vitest";

import { planTable } from "../../../src/encoder/plan.ts";
import type { EncoderOptions } from "../../../src/encoder/row-encoder.ts";
import { RowEncoder } from "../../../src/encoder/row-encoder.ts";
import { arrowSchema, type BuildOptions, type TestColumn, type Value } from "../../support/arrow/arrow.ts";
import { encodeBatch, h64Raw, payloads } from "../../support/arrow/encode.ts";
import { MemorySink } from "../../support/arrow/memory-sink.ts";

const { Field } = arrow;
const field = (name: string, type: arrow.DataType) => new Field(name, type, true);

/** Payloads of values of one type, spaces left out of the expectation. */
function expectPayloads(type: arrow.DataType, cases: readonly (readonly [Value, string | null])[]) {
  const column = { name: "c", type, values: cases.map(([value]) => value) };
  expect(payloads(column)).toEqual(cases.map(([, hex]) => hex?.replaceAll(" ", "") ?? null));
}

function expectRefused(
  column: Partial<TestColumn>,
  problem: string,
  value: string,
  options?: BuildOptions & EncoderOptions,
) {
  expect(() => payloads({ name: "c", type: new arrow.Utf8(), values: [], ...column }, options)).toThrow(
    expect.objectContaining({
      code: "SY203",
      message: problem,
      detail: `Value: ${value}, in blocks 0 to 1000`,
    }),
  );
}

const decimal = (precision: number, scale: number) => new arrow.Decimal(scale, precision, 128);

describe("numeric", () => {
  test.each<[string, number, number, bigint, string]>([
    ["12.34", 38, 2, 1234n, "0002 0000 0000 0002 000c 0d48"],
    ["1.5", 38, 18, 1_500_000_000_000_000_000n, "0002 0000 0000 0012 0001 1388"],
    ["-1e-18", 38, 18, -1n, "0001 fffb 4000 0012 0064"],
    ["123e7", 5, -7, 123n, "0002 0002 0000 0000 000c 0bb8"],
    ["0.00123", 3, 5, 123n, "0002 ffff 0000 0005 000c 0bb8"],
    ["123.45", 38, 2, 12345n, "0002 0000 0000 0002 007b 1194"],
    ["1.00001000", 38, 8, 100_001_000n, "0003 0000 0000 0008 0001 0000 03e8"],
    ["0.00001000", 38, 8, 1000n, "0001 fffe 0000 0008 03e8"],
    ["12345678", 38, 0, 12_345_678n, "0002 0001 0000 0000 04d2 162e"],
    ["10000", 38, 0, 10_000n, "0001 0001 0000 0000 0001"],
    ["-1e-38", 38, 38, -1n, "0001 fff6 4000 0026 0064"],
    ["0.00000", 38, 5, 0n, "0000 0000 0000 0005"],
    ["10^38 - 1", 38, 0, 10n ** 38n - 1n, `000a 0009 0000 0000 0063 ${"270f".repeat(9)}`],
    ["1 - 10^38", 38, 0, 1n - 10n ** 38n, `000a 0009 4000 0000 0063 ${"270f".repeat(9)}`],
    ["10^37 with a factor", 38, 1, 10n ** 37n, "0001 0009 0000 0001 0001"],
    ["2^96 with a factor", 38, 3, 2n ** 96n, "0008 0006 0000 0003 004f 08e9 186b 10a8 0d2f 248a 0f6e 0d20"],
  ])("%s", (_, precision, scale, unscaled, hex) => {
    expectPayloads(decimal(precision, scale), [[unscaled, hex]]);
  });

  test("UInt64 reaches beyond 2^63", () => {
    expectPayloads(new arrow.Uint64(), [
      [18446744073709551615n, "0005 0004 0000 0000 0734 1a58 02e1 03bb 064f"],
      [11581608188404422748n, "0005 0004 0000 0000 0486 0648 075c 01ba 0abc"],
      [0n, "0000 0000 0000 0000"],
      [null, null],
      [4294967296n, "0003 0002 0000 0000 002a 2518 1c80"],
      [100000000n, "0001 0002 0000 0000 0001"],
    ]);
  });

  test.each([
    [5, 0, 100_000n, "100000 × 10^0"],
    [5, 2, -100_000n, "-100000 × 10^-2"],
    [38, 0, 10n ** 38n, `1${"0".repeat(38)} × 10^0`],
    [38, 0, -(2n ** 127n), `${-(2n ** 127n)} × 10^0`],
    [3, -2, 1000n, "1000 × 10^2"],
  ])("a decimal over %i digits is refused", (precision, scale, unscaled, value) => {
    const column = { type: decimal(precision, scale), values: [0n, unscaled] };
    const problem = `Column c of table t, row 1 of the batch: the decimal has more than the ${precision} digits of its type`;
    expectRefused(column, problem, value);
  });
});

describe("timestamps", () => {
  const { SECOND, MILLISECOND, MICROSECOND, NANOSECOND } = arrow.TimeUnit;
  const instant = (unit: arrow.TimeUnit) => new arrow.Timestamp(unit, "+00:00");

  test("nanoseconds are floored, before 2000 and before 1970", () => {
    expectPayloads(instant(NANOSECOND), [
      [1728736496789012345n, "0002c74599954614"],
      [946684799999999999n, "ffffffffffffffff"],
      [946684800000000000n, "0000000000000000"],
      [946684800000000999n, "0000000000000000"],
      [0n, "fffca2fec4c82000"],
      [-1n, "fffca2fec4c81fff"],
      [-1000n, "fffca2fec4c81fff"],
      [-1001n, "fffca2fec4c81ffe"],
      [-(2n ** 63n), hexOf(-9223372036854776n - 946684800000000n)],
      [2n ** 63n - 1n, hexOf(9223372036854775n - 946684800000000n)],
    ]);
  });

  test.each<[string, arrow.TimeUnit, bigint]>([
    ["seconds", SECOND, 1n],
    ["milliseconds", MILLISECOND, 1000n],
    ["microseconds", MICROSECOND, 1_000_000n],
  ])("%s reach from the first to the last timestamp of PostgreSQL", (_, unit, perSecond) => {
    const first = (-211_813_488_000_000_000n + 946_684_800_000_000n) / (1_000_000n / perSecond);
    const beyond = (9_223_371_331_200_000_000n + 946_684_800_000_000n) / (1_000_000n / perSecond);
    const inRange = beyond < 2n ** 63n ? beyond - 1n : 2n ** 63n - 1n;
    const micros = (value: bigint) => hexOf(value * (1_000_000n / perSecond) - 946_684_800_000_000n);
    expectPayloads(new arrow.Timestamp(unit), [
      [first, micros(first)],
      [inRange, micros(inRange)],
      [-1n, micros(-1n)],
      [null, null],
    ]);
    const out = [first - 1n, -(2n ** 63n), ...(beyond < 2n ** 63n ? [beyond, 2n ** 63n - 1n] : [])];
    for (const value of out) {
      expectRefused(
        { type: new arrow.Timestamp(unit), values: [value] },
        "Column c of table t, row 0 of the batch: the timestamp is outside the range of PostgreSQL",
        `${value} × 10^-${String(perSecond).length - 1} s after 1970-01-01`,
      );
    }
  });
});

test("integers and booleans", () => {
  expectPayloads(new arrow.Int32(), [
    [-1, "ffffffff"],
    [2147483647, "7fffffff"],
    [null, null],
  ]);
  expectPayloads(new arrow.Uint32(), [
    [4294967295, "00000000ffffffff"],
    [7, "0000000000000007"],
    [null, null],
  ]);
  expectPayloads(new arrow.Int64(), [
    [-2n, "fffffffffffffffe"],
    [2n ** 53n + 1n, "0020000000000001"],
    [null, null],
  ]);
  expectPayloads(new arrow.Bool(), [
    [true, "01"],
    [false, "00"],
    [null, null],
  ]);
});

test("bytes and text keep empty apart from NULL, and long values whole", () => {
  const long = Uint8Array.from({ length: 1000 }, (_, i) => i);
  const hex = Buffer.from(long).toString("hex");
  expectPayloads(new arrow.Binary(), [
    [new Uint8Array(), ""],
    [null, null],
    [long, hex],
    [Uint8Array.of(1, 2, 3), "010203"],
  ]);
  expectPayloads(new arrow.Utf8(), [
    ["", ""],
    [null, null],
    ["é", "c3a9"],
  ]);
  expectPayloads(new arrow.FixedSizeBinary(3), [
    [Uint8Array.of(1, 2, 3), "010203"],
    [null, null],
  ]);
  expectPayloads(new arrow.FixedSizeBinary(0), [
    [new Uint8Array(), ""],
    [null, null],
  ]);
});

test("a field of 256 MiB and more is refused before it is copied", () => {
  const length = 2 ** 30;
  const schema = arrowSchema(new arrow.Schema([field("c", new arrow.Binary())]));
  const body = new Uint8Array(8 + length);
  new DataView(body.buffer).setInt32(4, length, true);
  const batch = {
    rowCount: 1,
    nodes: [{ length: 1, nullCount: 0 }],
    buffers: [
      { offset: 0, length: 0 },
      { offset: 0, length: 8 },
      { offset: 8, length },
    ],
    variadicCounts: [],
    body,
  };
  const encoder = new RowEncoder(planTable("t", schema), h64Raw);
  encoder.beginMicrobatch({ start: 0n, end: 0n });
  expect(() => encodeBatch(encoder, batch, new MemorySink())).toThrow(
    expect.objectContaining({
      code: "SY203",
      message: "Column c of table t, row 0 of the batch: a field must be shorter than 256 MiB",
      detail: "Value: 1073741824 bytes, in blocks 0 to 0",
    }),
  );
});

describe("U+0000 in text", () => {
  const problem = (row: number) =>
    `Column c of table t, row ${row} of the batch: PostgreSQL cannot store the character U+0000 in text`;

  test("is refused with its row", () => {
    const fail = { nulPolicy: "fail" } as const;
    expectRefused({ values: ["a", null, "", "b\0c"] }, problem(3), "3 characters, U+0000 at 1", fail);
    expectRefused({ values: [null, "\0"] }, problem(1), "1 characters, U+0000 at 0", {
      ...fail,
      junkUnderNulls: true,
    });
    const { Struct, List } = arrow;
    const struct = new Struct([field("s", new arrow.Utf8())]);
    expectRefused(
      { type: new List(field("item", struct)), values: [[], [{ s: "a" }, { s: "\0" }]] },
      "Column c.item.s of table t, row 1 of the batch: PostgreSQL cannot store the character U+0000 in text",
      "1 characters, U+0000 at 0",
      fail,
    );
  });

  test("does not matter under a NULL", () => {
    const column = { name: "c", type: new arrow.Utf8(), values: [null, "a", null, null] };
    expect(payloads(column, { junkUnderNulls: true })).toEqual([null, "61", null, null]);
  });
});

describe("arrays", () => {
  const bytea = new arrow.List(field("item", new arrow.Binary()));

  test("NULL, empty and [NULL] differ", () => {
    const values = [null, [], [null], [Uint8Array.of(1), Uint8Array.of(2, 3)]];
    const expected = [
      null,
      "00000000 00000000 00000011",
      "00000001 00000001 00000011 00000001 00000001 ffffffff",
      "00000001 00000000 00000011 00000002 00000001 00000001 01 00000002 0203",
    ].map((hex) => hex?.replaceAll(" ", "") ?? null);
    expect(payloads({ name: "c", type: bytea, values })).toEqual(expected);
    expect(payloads({ name: "c", type: bytea, values }, { junkUnderNulls: true })).toEqual(expected);
  });

  test("a bad item is reported with the row that holds it", () => {
    const type = new arrow.List(field("item", decimal(2, 0)));
    expectRefused(
      { type, values: [[1n], null, [], [2n, 100n], [3n]] },
      "Column c.item of table t, row 3 of the batch: the decimal has more than the 2 digits of its type",
      "100 × 10^0",
      { junkUnderNulls: true },
    );
  });

  test("a NULL item is refused where the schema declares none", () => {
    const type = new arrow.List(new Field("item", new arrow.Int32(), false));
    const problem =
      "Column c.item of table t, row 1 of the batch: NULL in a field that the schema declares non-null";
    expectRefused({ type, values: [[1], [2, null]] }, problem, "NULL");
    expect(payloads({ name: "c", type, values: [[1], null] }, { junkUnderNulls: true })[1]).toBeNull();
  });
});

test("NULL in a non-null column is refused", () => {
  const problem =
    "Column c of table t, row 1 of the batch: NULL in a field that the schema declares non-null";
  expectRefused({ values: ["a", null], nullable: false }, problem, "NULL");
});

describe("jsonb", () => {
  const { Struct, List } = arrow;
  const texts = (type: arrow.DataType, values: readonly Value[], options?: BuildOptions) =>
    payloads({ name: "c", type, values }, options).map((hex) => {
      if (hex === null) return null;
      expect(hex.slice(0, 2)).toBe("01");
      return Buffer.from(hex.slice(2), "hex").toString();
    });

  test("renders every type by its rule", () => {
    const { NANOSECOND, SECOND, MILLISECOND } = arrow.TimeUnit;
    const type = new Struct([
      field("bool", new arrow.Bool()),
      field("i32", new arrow.Int32()),
      field("u32", new arrow.Uint32()),
      field("i64", new arrow.Int64()),
      field("u64", new arrow.Uint64()),
      field("dec", decimal(38, 2)),
      field("tens", decimal(5, -2)),
      field("small", decimal(3, 5)),
      field("bin", new arrow.Binary()),
      field("b2", new arrow.FixedSizeBinary(2)),
      field('te"xt', new arrow.Utf8()),
      field("ns", new arrow.Timestamp(NANOSECOND, "+02:00")),
      field("s", new arrow.Timestamp(SECOND)),
      field("ms", new arrow.Timestamp(MILLISECOND, "UTC")),
      field("list", new List(field("item", new List(field("item", new arrow.Int32()))))),
    ]);
    const value = {
      bool: true,
      i32: -7,
      u32: 4294967295,
      i64: 2n ** 53n + 1n,
      u64: 11581608188404422748n,
      dec: -5n,
      tens: 12n,
      small: 123n,
      bin: Uint8Array.of(0, 255),
      b2: Uint8Array.of(10, 11),
      'te"xt': '\ufeffa"\n€',
      ns: -1n,
      s: 0n,
      ms: 1728736496789n,
      list: [[1, null], null, []],
    };
    const nothing = Object.fromEntries(Object.keys(value).map((key) => [key, null]));
    const [full, empty, absent] = texts(type, [value, nothing, null], { junkUnderNulls: true });
    expect(full).toBe(
      '{"bool":true,"i32":-7,"u32":4294967295,"i64":"9007199254740993","u64":"11581608188404422748",' +
        '"dec":"-0.05","tens":"1200","small":"0.00123","bin":"0x00ff","b2":"0x0a0b",' +
        '"te\\"xt":"\ufeffa\\"\\n€","ns":"1969-12-31T23:59:59.999999999Z","s":"1970-01-01T00:00:00",' +
        '"ms":"2024-10-12T12:34:56.789Z","list":[[1,null],null,[]]}',
    );
    expect(empty).toBe(JSON.stringify(nothing));
    expect(absent).toBeNull();
  });

  test("a list of structs is an array of jsonb", () => {
    const type = new List(field("item", new Struct([field("x", new arrow.Int32())])));
    const header = (count: number) =>
      `0000000100000000${"00000eda"}${count.toString(16).padStart(8, "0")}00000001`;
    const item = (x: number) => `00000008${Buffer.from(`\u0001{"x":${x}}`).toString("hex")}`;
    expect(payloads({ name: "c", type, values: [[{ x: 1 }, { x: 2 }], [], null, [{ x: 3 }]] })).toEqual([
      header(2) + item(1) + item(2),
      "000000000000000000000eda",
      null,
      header(1) + item(3),
    ]);
  });

  test("text that is not UTF-8 is refused, not replaced", () => {
    const type = new Struct([field("s", new arrow.Utf8())]);
    expect(() => texts(type, [{ s: Uint8Array.of(0xff) }])).toThrow(
      "Column c.s of table t, row 0 of the batch: the text is not valid UTF-8",
    );
  });
});

function hexOf(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16).padStart(16, "0");
}
