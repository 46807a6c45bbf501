import * as arrow from "apache-arrow";
import { describe, expect, test } from "vitest";

import { copyColumns, planTable as plan } from "../../../src/encoder/plan.ts";
import { arrowSchema } from "../../support/arrow/arrow.ts";

const { Field, Schema } = arrow;
const planTable = (table: string, schema: arrow.Schema) => plan(table, arrowSchema(schema));

function planOf(type: arrow.DataType) {
  return planTable("t", new Schema([new Field("c", type, true)])).columns[0];
}

function listOf(type: arrow.DataType, nullable = false) {
  return new arrow.List(new Field("item", type, nullable));
}

const point = new arrow.Struct([new Field("x", new arrow.Int32(), false)]);

test("of 9,900 long names the one that occurs twice is found", () => {
  const fields = Array.from({ length: 9900 }, (_, i) => {
    const name = `${"n".repeat(50)}${i === 9899 ? 1 : i}`;
    return new Field(name, new arrow.Int32(), true);
  });
  expect(() => planTable("t", new Schema(fields))).toThrow(
    expect.objectContaining({ code: "SY202", message: expect.stringContaining("nn1 occurs twice") }),
  );
});

describe("types", () => {
  test.each<[string, arrow.DataType]>([
    ["boolean", new arrow.Bool()],
    ["integer", new arrow.Int32()],
    ["bigint", new arrow.Uint32()],
    ["bigint", new arrow.Int64()],
    ["numeric(20,0)", new arrow.Uint64()],
    ["text", new arrow.Utf8()],
    ["bytea", new arrow.Binary()],
    ["bytea", new arrow.FixedSizeBinary(32)],
    ["numeric(38,18)", new arrow.Decimal(18, 38, 128)],
    ["numeric(12,0)", new arrow.Decimal(-7, 5, 128)],
    ["numeric(5,5)", new arrow.Decimal(5, 3, 128)],
    ["timestamp with time zone", new arrow.Timestamp(arrow.TimeUnit.NANOSECOND, "+00:00")],
    ["timestamp without time zone", new arrow.Timestamp(arrow.TimeUnit.SECOND)],
    ["bytea[]", listOf(new arrow.FixedSizeBinary(32))],
    ["timestamp with time zone[]", listOf(new arrow.Timestamp(arrow.TimeUnit.SECOND, "Europe/Berlin"))],
    ["numeric(38,0)[]", listOf(new arrow.Decimal(0, 38, 128))],
    ["jsonb", point],
    ["jsonb[]", listOf(point)],
    ["jsonb", new arrow.Struct([new Field("grid", listOf(listOf(point)), true)])],
  ])("%s is the type for %s", (name, type) => {
    expect(planOf(type)?.type).toBe(name);
  });

  test.each<[string, arrow.DataType]>([
    ["Decimal128(39,0)", new arrow.Decimal(0, 39, 128)],
    ["Decimal128(38,-1000)", new arrow.Decimal(-1000, 38, 128)],
  ])("%s is refused with the column and a way out", (name, type) => {
    expect(() => planOf(type)).toThrow(
      expect.objectContaining({
        code: "SY202",
        message: `Unsupported Arrow type ${name} in column c of table t`,
        hint: expect.stringContaining("leave it out"),
      }),
    );
  });
});

describe("names", () => {
  const int = new arrow.Int32();
  const refuse = (names: readonly string[], message: string, table = "t") =>
    expect(() => planTable(table, new Schema(names.map((name) => new Field(name, int))))).toThrow(
      expect.objectContaining({ code: "SY202", message }),
    );

  test.each([
    ...["_id", "_block_num_start", "_block_num_end", "_tx_id", "_row_index"],
    ...["ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"],
  ])("%s is reserved", (name) => {
    refuse([name], `Column name ${name} is reserved`);
  });

  test("a table has 1,590 columns at most, which leaves some for ours and for dropped ones", () => {
    const names = (count: number) => Array.from({ length: count }, (_, n) => `c${n}`);
    refuse(names(1591), "Table t has 1591 columns, more than a table can have");
    expect(
      planTable("t", new Schema(names(1590).map((name) => new Field(name, int, true)))).columns,
    ).toHaveLength(1590);
  });

  test("a row that is never null must fit a page", () => {
    const wide = (type: arrow.DataType, nullable: boolean) =>
      planTable("t", new Schema(Array.from({ length: 1100 }, (_, n) => new Field(`c${n}`, type, nullable))));
    expect(() => wide(new arrow.Int64(), false)).toThrow(
      expect.objectContaining({
        code: "SY202",
        message: "A row of table t takes at least 8824 bytes, more than PostgreSQL can store",
      }),
    );
    wide(new arrow.Int64(), true);
    wide(new arrow.Utf8(), false);
  });

  test("names are measured in bytes", () => {
    const name = "é".repeat(32);
    refuse([name], `Identifier ${name} is too long: 64 bytes, limit 63`);
    refuse(["a"], `Identifier ${name} is too long: 64 bytes, limit 63`, name);
    planTable("t".repeat(63), new Schema([new Field("é".repeat(31), int)]));
  });

  test("a name occurs once, though upper and lower case differ", () => {
    refuse(["a", "b", "a"], "Column name a occurs twice in table t");
    planTable("t", new Schema([new Field("a", int), new Field("A", int)]));
  });

  test("a table needs a column, and a column a name", () => {
    refuse([], "Table t has no columns");
    refuse([""], 'Identifier "" of table t is empty or contains U+0000');
    refuse(["a\0b"], 'Identifier "a\\u0000b" of table t is empty or contains U+0000');
  });

  test("the members of a struct have different names", () => {
    expect(() => planOf(new arrow.Struct([new Field("x", int), new Field("x", int)]))).toThrow(
      "Field name x occurs twice in a struct of column c of table t",
    );
  });
});

describe("_block_num", () => {
  const block = new Field("_block_num", new arrow.Uint64(), false);
  const a = new Field("a", new arrow.Int32(), false);

  test("gives each row its block and is no user column", () => {
    const plan = planTable("t", new Schema([a, block]));
    expect(plan).toMatchObject({
      hasBlockNum: true,
      blockPosition: 1,
      columns: [{ name: "a", notNull: true }],
    });
    expect(copyColumns(plan)).toEqual(["_id", "_block_num_start", "_block_num_end", "_block_num", "a"]);
  });

  test("is absent without block numbers", () => {
    const plan = planTable("t", new Schema([a]));
    expect(plan).toMatchObject({ hasBlockNum: false, blockPosition: null });
    expect(copyColumns(plan)).toEqual(["_id", "_block_num_start", "_block_num_end", "a"]);
  });

  test("must be UInt64", () => {
    const schema = new Schema([new Field("_block_num", new arrow.Int64(), false)]);
    expect(() => planTable("t", schema)).toThrow(
      "Unsupported Arrow type Int64 in column _block_num of table t",
    );
  });
});
