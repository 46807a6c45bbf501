import * as arrow from "apache-arrow";
import { describe, expect, test } from "vitest";

import type { ArrowBatch } from "../../../src/arrow/batch.ts";
import { planTable } from "../../../src/encoder/plan.ts";
import { RowEncoder } from "../../../src/encoder/row-encoder.ts";
import { type BuiltBatch, buildBatch } from "../../support/arrow/arrow.ts";
import { readStream } from "../../support/arrow/arrow-messages.ts";
import { encodeBatch, h64Raw } from "../../support/arrow/encode.ts";
import { MemorySink, parseRows } from "../../support/arrow/memory-sink.ts";

function encode({ schema, batch }: Omit<BuiltBatch, "dictionaries">): (string | null)[][] {
  const encoder = new RowEncoder(planTable("t", schema), h64Raw);
  const sink = new MemorySink();
  encoder.beginMicrobatch({ start: 0n, end: 9n });
  encodeBatch(encoder, batch, sink);
  return parseRows(sink.bytes());
}

/** Nodes: a, b, b.item, c. Buffers: a validity, a offsets, a data, b validity, b offsets, items validity, items, c validity, c. */
const built = buildBatch([
  { name: "a", type: new arrow.Utf8(), values: ["x", "yy", null] },
  {
    name: "b",
    type: new arrow.List(new arrow.Field("item", new arrow.Int64())),
    values: [[1n], [], [2n, 3n]],
  },
  { name: "c", type: new arrow.FixedSizeBinary(4), values: [1, 2, 3] },
]);

type Change = (batch: { -readonly [K in keyof ArrowBatch]: ArrowBatch[K] }) => void;

function changed(change: Change): BuiltBatch {
  const batch = { ...built.batch, body: built.batch.body.slice() };
  change(batch);
  return { ...built, batch };
}

const node =
  (index: number, fields: object): Change =>
  (batch) => {
    batch.nodes = batch.nodes.map((old, i) => (i === index ? { ...old, ...fields } : old));
  };
const buffer =
  (index: number, fields: object): Change =>
  (batch) => {
    batch.buffers = batch.buffers.map((old, i) => (i === index ? { ...old, ...fields } : old));
  };
const offset =
  (bufferIndex: number, index: number, value: number): Change =>
  (batch) => {
    new DataView(batch.body.buffer).setInt32(batch.buffers[bufferIndex]!.offset + 4 * index, value, true);
  };

describe("a batch that contradicts its schema is refused", () => {
  test.each<[string, Change, string]>([
    [
      "a negative number of rows",
      (batch) => {
        batch.rowCount = -1;
      },
      "-1 rows",
    ],
    [
      "more rows than its nodes",
      (batch) => {
        batch.rowCount = 4;
      },
      "node 0 has 3 values where 4 are expected",
    ],
    [
      "fewer rows than its nodes",
      (batch) => {
        batch.rowCount = 2;
      },
      "node 0 has 3 values where 2 are expected",
    ],
    [
      "a node missing",
      (batch) => {
        batch.nodes = batch.nodes.slice(0, 3);
      },
      "more fields than the 3 nodes",
    ],
    [
      "a node too many",
      (batch) => {
        batch.nodes = [...batch.nodes, batch.nodes[0]!];
      },
      "5 nodes and 9 buffers",
    ],
    [
      "a buffer missing",
      (batch) => {
        batch.buffers = batch.buffers.slice(0, 8);
      },
      "more buffers than the 8",
    ],
    [
      "a buffer too many",
      (batch) => {
        batch.buffers = [...batch.buffers, batch.buffers[0]!];
      },
      "4 nodes and 10 buffers",
    ],
    ["more nulls than values", node(0, { nullCount: 4 }), "node 0 has 4 nulls among 3 values"],
    ["negative nulls", node(0, { nullCount: -1 }), "node 0 has -1 nulls"],
    ["nulls without a bitmap", node(3, { nullCount: 1 }), "buffer 7 has 0 bytes where the rows need 1"],
    ["a length that is no number", node(1, { length: Number.NaN }), "node 1 has NaN values"],
    ["too few items", node(2, { length: 2 }), "node 2 has 2 values where its list needs 3"],
    ["items beyond their buffer", node(2, { length: 4 }), "buffer 6 has 24 bytes where the rows need 32"],
    [
      "a buffer behind the body",
      buffer(8, { offset: 1 << 20 }),
      "buffer 8 has 12 bytes at 1048576 of a body of",
    ],
    ["a buffer that ends behind the body", buffer(8, { length: 1 << 20 }), "buffer 8 has 1048576 bytes at"],
    ["a buffer before the body", buffer(8, { offset: -8 }), "buffer 8 has 12 bytes at -8"],
    ["a negative length", buffer(8, { length: -1 }), "buffer 8 has -1 bytes"],
    ["values cut off", buffer(8, { length: 11 }), "buffer 8 has 11 bytes where the rows need 12"],
    ["offsets cut off", buffer(1, { length: 12 }), "buffer 1 has 12 bytes where the rows need 16"],
    ["text cut off", buffer(2, { length: 2 }), "buffer 2 has 2 bytes where the rows need 3"],
    ["an offset that falls", offset(1, 2, 0), "offset 2 of buffer 1 is 0 after 1"],
    ["a negative first offset", offset(1, 0, -1), "offset 0 of buffer 1 is -1 after 0"],
    ["an offset behind the values", offset(1, 3, 1000), "buffer 2 has 3 bytes where the rows need 1000"],
    ["a list behind its items", offset(4, 3, 9), "node 2 has 3 values where its list needs 9"],
  ])("%s", (_, change, found) => {
    expect(() => encode(changed(change))).toThrow(
      expect.objectContaining({ code: "SY101", message: expect.stringContaining(found) }),
    );
  });
});

describe("a batch that leaves out what it may leave out is read", () => {
  test("no rows need no buffers", () => {
    const empty = { length: 0, nullCount: 0 };
    const none = { offset: 0, length: 0 };
    const batch = {
      rowCount: 0,
      nodes: Array(4).fill(empty),
      buffers: Array(9).fill(none),
      variadicCounts: [],
      body: new Uint8Array(),
    };
    expect(encode({ schema: built.schema, batch })).toEqual([]);
  });

  test("values that are not aligned are read all the same", () => {
    const { schema, batch } = buildBatch([
      { name: "c", type: { kind: "int", bits: 64, signed: true }, values: [1n, -2n] },
    ]);
    const body = new Uint8Array(3 + batch.body.length);
    body.set(batch.body, 3);
    const buffers = batch.buffers.map(({ offset, length }) => ({ offset: offset + 3, length }));
    expect(encode({ schema, batch: { ...batch, buffers, body } }).map((row) => row[3])).toEqual([
      "0000000000000001",
      "fffffffffffffffe",
    ]);
  });

  test("no items need no buffers", () => {
    const type = new arrow.List(new arrow.Field("item", new arrow.Utf8()));
    const { schema, batch } = buildBatch([{ name: "c", type, values: [[], []] }]);
    const buffers = batch.buffers.map((old, i) => (i === 3 ? { ...old, length: 0 } : old));
    expect(encode({ schema, batch: { ...batch, buffers } })).toHaveLength(2);
  });

  test("offsets may begin behind 0, as in a slice", () => {
    const { schema, batch } = buildBatch([{ name: "c", type: new arrow.Utf8(), values: ["aa", "b", "cc"] }]);
    const [validity, offsets, data] = batch.buffers;
    const sliced = { offset: offsets!.offset + 4, length: 12 };
    const slice = {
      ...batch,
      rowCount: 2,
      nodes: [{ length: 2, nullCount: 0 }],
      buffers: [validity!, sliced, data!],
    };
    expect(encode({ schema, batch: slice }).map((row) => row[3])).toEqual(["62", "6363"]);
  });
});

describe("slices written by apache-arrow", () => {
  test("validity and values keep together at every offset", () => {
    const numbers = Array.from({ length: 50 }, (_, i) => (i % 3 === 0 ? null : i));
    const flags = numbers.map((n) => (n === null ? null : n % 2 === 0));
    const table = new arrow.Table({
      n: arrow.vectorFromArray(numbers, new arrow.Int32()),
      flag: arrow.vectorFromArray(flags, new arrow.Bool()),
      text: arrow.vectorFromArray(
        numbers.map((n) => (n === null ? null : `t${n}`)),
        new arrow.Utf8(),
      ),
    });
    for (let from = 0; from < 20; from++) {
      const { schema, messages } = readStream(arrow.tableToIPC(table.slice(from, from + 17), "stream"));
      const rows = messages.flatMap((message) =>
        message.kind === "batch" ? encode({ schema, batch: message.batch }) : [],
      );
      expect(rows.map((row) => row.slice(3))).toEqual(
        numbers
          .slice(from, from + 17)
          .map((n) =>
            n === null
              ? [null, null, null]
              : [
                  n.toString(16).padStart(8, "0"),
                  n % 2 === 0 ? "01" : "00",
                  Buffer.from(`t${n}`).toString("hex"),
                ],
          ),
      );
    }
  });
});
