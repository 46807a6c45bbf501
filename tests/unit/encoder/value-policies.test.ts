import * as arrow from "apache-arrow";
import { describe, expect, test } from "vitest";

import { CopyRows } from "../../../src/commit/copy-rows.ts";
import type { ValuePolicy } from "../../../src/encoder/bad-values.ts";
import { planTable } from "../../../src/encoder/plan.ts";
import { RowEncoder } from "../../../src/encoder/row-encoder.ts";
import { buildBatch, type TestColumn, type Value } from "../../support/arrow/arrow.ts";
import { encodeBatch, h64Raw } from "../../support/arrow/encode.ts";
import { MemorySink, parseRows } from "../../support/arrow/memory-sink.ts";

const BAD = 10n ** 9n;
const nine = new arrow.Decimal(0, 9, 128);

/** Encodes batches of the same columns as one microbatch of blocks 0 to 99. */
function encodeAll(batches: readonly (readonly TestColumn[])[], valuePolicy: ValuePolicy) {
  const encoder = new RowEncoder(planTable("t", buildBatch(batches[0]!).schema), h64Raw, { valuePolicy });
  const sink = new MemorySink();
  encoder.beginMicrobatch({ start: 0n, end: 99n });
  const counts = batches.map((columns) => encodeBatch(encoder, buildBatch(columns).batch, sink));
  return { encoder, counts, rows: parseRows(sink.bytes()), bytes: sink.bytes() };
}

const decimals = (values: readonly Value[], nullable = true): TestColumn => ({
  name: "x",
  type: nine,
  nullable,
  values,
});
const blocks = (values: readonly bigint[]): TestColumn => ({
  name: "_block_num",
  type: new arrow.Uint64(),
  nullable: false,
  values,
});

describe("quarantine", () => {
  test("leaves the row out, and reports it with block, column, reason and values", () => {
    const { encoder, counts, rows } = encodeAll(
      [
        [blocks([1n, 2n, 2n]), decimals([1n, BAD, 3n])],
        [blocks([7n]), decimals([BAD])],
      ],
      "quarantine",
    );
    expect(counts).toEqual([2, 0]);
    expect(rows).toHaveLength(2);
    const reason = "the decimal has more than the 9 digits of its type (1000000000 × 10^0)";
    expect(encoder.report).toEqual({
      rejected: [
        { block: 2n, row: 1, column: "x", sqlstate: "SY203", reason, values: '{"x":"1000000000 × 10^0"}' },
        { block: 7n, row: 0, column: "x", sqlstate: "SY203", reason, values: '{"x":"1000000000 × 10^0"}' },
      ],
      nulled: [],
      nuls: [],
    });
  });

  test.each(["with", "without"])(
    "%s block numbers: the other rows, their ids and the ledger are as without it",
    (mode) => {
      const at = (values: readonly bigint[]) => (mode === "with" ? [blocks(values)] : []);
      const dirty = encodeAll([[...at([1n, 1n, 1n, 2n]), decimals([5n, BAD, 5n, 6n])]], "quarantine");
      const clean = encodeAll([[...at([1n, 1n, 1n, 2n]), decimals([5n, 4n, 5n, 6n])]], "fail");
      const without = clean.rows.filter((_, row) => row !== 1);
      expect(dirty.rows).toEqual(without);
      const { rows, idXor } = clean.encoder.ledger;
      expect(dirty.encoder.ledger).toEqual({
        rows: rows - 1,
        idXor: idXor ^ new CopyRows(clean.bytes).idTail(1),
      });
    },
  );

  test("reports a row with several bad values once", () => {
    const columns = [decimals([1n, BAD]), { ...decimals([BAD, BAD]), name: "y" }];
    const { encoder, rows } = encodeAll([columns], "quarantine");
    expect(rows).toEqual([]);
    expect(encoder.report.rejected.map(({ row, column }) => [row, column])).toEqual([
      [1, "x"],
      [0, "y"],
    ]);
  });

  test("takes NULL where the schema promises none, at the top and inside", () => {
    const struct = new arrow.Struct([new arrow.Field("s", new arrow.Utf8(), false)]);
    const nested = { name: "n", type: struct, values: [{ s: "a" }, { s: "b" }, { s: null }] };
    const { encoder, rows } = encodeAll([[decimals([1n, null, 3n], false), nested]], "quarantine");
    expect(rows).toHaveLength(1);
    const reason = "NULL in a field that the schema declares non-null (NULL)";
    expect(encoder.report.rejected).toMatchObject([
      { row: 1, column: "x", reason, values: '{"x":null,"n":{"s":"b"}}' },
      { row: 2, column: "n", reason: `n.s: ${reason}`, values: `{"x":"3","n":"n.s: ${reason}"}` },
    ]);
  });

  test("values of all kinds are reported as JSON; what JSON cannot express, in words", () => {
    const columns: TestColumn[] = [
      decimals([BAD]),
      { name: "bytes", type: new arrow.Binary(), values: [Uint8Array.of(1, 255)] },
      {
        name: "list",
        type: new arrow.List(new arrow.Field("item", new arrow.Int64(), true)),
        values: [[1n, null]],
      },
      { name: "nul", type: new arrow.Utf8(), values: ['a\0"'] },
      { name: "utf8", type: new arrow.Utf8(), values: [Uint8Array.of(0xff)] },
      { name: "none", type: new arrow.Int32(), values: [null] },
    ];
    const [rejected] = encodeAll([columns], "quarantine").encoder.report.rejected;
    expect(JSON.parse(rejected!.values!)).toEqual({
      x: "1000000000 × 10^0",
      bytes: "0x01ff",
      list: ["1", null],
      nul: 'a\ufffd"',
      utf8: "1 bytes",
      none: null,
    });
  });

  test("whole chunks of bad rows leave the rest in place", () => {
    const values = Array.from({ length: 5000 }, (_, row) =>
      row < 1030 || row % 3 === 0 ? BAD : BigInt(row),
    );
    const { counts, rows } = encodeAll([[decimals(values)]], "quarantine");
    expect(rows).toHaveLength(values.filter((value) => value !== BAD).length);
    expect(counts).toEqual([rows.length]);
  });

  test("values are reported up to a limit, rows up to another one", () => {
    const text = { name: "t", type: new arrow.Utf8(), values: Array(30).fill("x".repeat(50_000)) };
    const { rejected } = encodeAll([[text, decimals(Array(30).fill(BAD))]], "quarantine").encoder.report;
    expect(rejected).toHaveLength(30);
    expect(rejected.filter(({ values }) => values !== null)).toHaveLength(20);
    expect(() => encodeAll([[decimals(Array(10_001).fill(BAD))]], "quarantine")).toThrow(
      expect.objectContaining({ code: "SY203", message: expect.stringContaining("more than 10000 rows") }),
    );
  });
});

describe("null", () => {
  test("counts by column, with the first case", () => {
    const { encoder, rows } = encodeAll(
      [
        [blocks([1n, 2n]), decimals([1n, BAD])],
        [blocks([3n, 4n]), decimals([BAD, BAD])],
      ],
      "null",
    );
    expect(rows.map((row) => row[4])).toEqual([expect.any(String), null, null, null]);
    expect(encoder.report).toMatchObject({
      rejected: [],
      nulled: [{ column: "x", count: 3, block: 2n, row: 1, reason: expect.stringContaining("9 digits") }],
    });
  });

  test("takes a NULL that the schema promises not to be there, and counts it", () => {
    const { encoder, rows } = encodeAll([[decimals([1n, null, BAD], false)]], "null");
    expect(rows).toHaveLength(3);
    expect(encoder.report.nulled).toMatchObject([{ column: "x", count: 2, row: 1 }]);
  });
});

test("fail names the block", () => {
  expect(() => encodeAll([[blocks([1n, 57n]), decimals([1n, BAD])]], "fail")).toThrow(
    expect.objectContaining({ code: "SY203", detail: "Value: 1000000000 × 10^0, in block 57" }),
  );
});

test("texts that lose a U+0000 are counted by column, until the next microbatch", () => {
  const { encoder } = encodeAll(
    [[blocks([1n, 2n]), { name: "note", type: new arrow.Utf8(), values: ["a", "\0"] }]],
    "fail",
  );
  expect(encoder.report.nuls).toMatchObject([{ column: "note", count: 1, block: 2n, row: 1 }]);
  encoder.beginMicrobatch({ start: 100n, end: 101n });
  expect(encoder.report).toEqual({ rejected: [], nulled: [], nuls: [] });
});

test("COPY rows can be taken apart, and a field of them made NULL", () => {
  const text = { name: "note", type: new arrow.Utf8(), values: ["a", null, "ccc"] };
  const { bytes, rows: parsed } = encodeAll([[blocks([1n, 2n, 3n]), text, decimals([1n, 2n, 3n])]], "fail");
  const rows = new CopyRows(bytes);
  expect(rows.count).toBe(3);
  const hex = (row: number, of = rows) =>
    of.fields(row).map((field) => field && Buffer.from(field).toString("hex"));
  expect([0, 1, 2].map((row) => hex(row))).toEqual(parsed);
  expect([0, 1, 2].map((row) => rows.block(row))).toEqual([1n, 2n, 3n]);
  expect(parseRows(rows.bytes(1, 3))).toEqual(parsed.slice(1));
  const changed = rows.withNulls(2, new Set([4]));
  expect(hex(0, changed)).toEqual(parsed[2]!.map((field, index) => (index === 4 ? null : field)));
});
