// Takes 20 s.
import { describe, expect, test } from "vitest";

import type { ArrowBatch } from "../../../src/arrow/batch.ts";
import type { ArrowField, ArrowType } from "../../../src/arrow/type.ts";
import type { ByteSink } from "../../../src/encoder/byte-sink.ts";
import { planTable } from "../../../src/encoder/plan.ts";
import { type EncoderOptions, RowEncoder } from "../../../src/encoder/row-encoder.ts";
import { buildBatch } from "../../support/arrow/arrow.ts";
import { encodeBatch, h64Raw } from "../../support/arrow/encode.ts";
import { MemorySink, parseRows } from "../../support/arrow/memory-sink.ts";
import { CASES, someCases } from "../../support/some-cases.ts";

const MIB = 1024 * 1024;
const int = (bits: 8 | 16 | 32 | 64, signed = true) => ({ kind: "int", bits, signed }) as const;
const utf8: ArrowType = { kind: "utf8", layout: "offsets" };
const field = (type: ArrowType, name = "x", nullable = true): ArrowField => ({ name, nullable, type });

/** A batch of buffers made by hand, one behind the other. */
function batchOf(
  rowCount: number,
  nodes: readonly number[],
  buffers: readonly Uint8Array[],
  variadicCounts: readonly number[] = [],
): ArrowBatch {
  const padded = buffers.map((bytes) => Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]));
  let at = 0;
  const placed = buffers.map(({ length }, i) => {
    const offset = at;
    at += padded[i]!.length;
    return { offset, length };
  });
  return {
    rowCount,
    nodes: nodes.map((length) => ({ length, nullCount: 0 })),
    buffers: placed,
    variadicCounts,
    body: Uint8Array.from(Buffer.concat(padded)),
  };
}

const NONE = new Uint8Array();
const bytesOf = (numbers: Int32Array) => new Uint8Array(numbers.buffer);
const ints = (...numbers: readonly number[]) => bytesOf(Int32Array.from(numbers));

function encoderOf(fields: readonly ArrowField[], options: EncoderOptions = {}): RowEncoder {
  const encoder = new RowEncoder(planTable("t", { fields }), h64Raw, options);
  encoder.beginMicrobatch({ start: 0n, end: 0n });
  return encoder;
}

/** Takes everything and keeps nothing; tells the most that came between two pauses. */
class Drain implements ByteSink {
  #bytes = new Uint8Array(0);
  #part = 0;
  total = 0;
  largestPart = 0;

  reserve(size: number): { readonly bytes: Uint8Array; readonly at: number } {
    if (size > this.#bytes.length) {
      this.#bytes = new Uint8Array(size);
    }
    this.#part += size;
    this.total += size;
    this.largestPart = Math.max(this.largestPart, this.#part);
    return { bytes: this.#bytes, at: 0 };
  }

  pause(): void {
    this.#part = 0;
  }
}

function drain(encoder: RowEncoder, batch: ArrowBatch): { sink: Drain; error: unknown } {
  const sink = new Drain();
  try {
    for (const _rows of encoder.encode(batch, sink)) {
      sink.pause();
    }
    return { sink, error: null };
  } catch (error) {
    return { sink, error };
  }
}

describe("rows that share one long value", () => {
  const rows = 100_000;
  const long = MIB;

  /** Every row is the same megabyte: the message has 2.6 MB, its rows 100 GB. */
  function views(): ArrowBatch {
    const view = Int32Array.from({ length: 4 * rows }, (_, i) => [long, 0x61616161, 0, 0][i % 4]!);
    return batchOf(rows, [rows], [NONE, bytesOf(view), Buffer.alloc(long, "a")], [1]);
  }

  const cases: readonly [string, ArrowType, (encoder: RowEncoder) => ArrowBatch][] = [
    ["text views", { kind: "utf8", layout: "view" }, views],
    [
      "text views with U+0000",
      { kind: "utf8", layout: "view" },
      () => {
        const batch = views();
        batch.body[batch.buffers[2]!.offset + long - 1] = 0;
        return batch;
      },
    ],
    ["binary views", { kind: "binary", layout: "view" }, views],
    [
      "a dictionary",
      { kind: "dictionary", id: 1n, index: int(8), value: utf8 },
      (encoder) => {
        const batch = batchOf(1, [1], [NONE, ints(0, long), Buffer.alloc(long, "a")]);
        encoder.takeDictionary({ id: 1n, isDelta: false, batch });
        return batchOf(rows, [rows], [NONE, new Uint8Array(rows)]);
      },
    ],
    [
      "one run",
      { kind: "runEndEncoded", runEnds: int(32), value: field(utf8) },
      () => batchOf(rows, [rows, 1, 1], [NONE, ints(rows), NONE, ints(0, long), Buffer.alloc(long, "a")]),
    ],
  ];

  // Text that also loses its U+0000 takes 20 times as long, and the same way: one of both.
  const some = someCases(cases, { kindOf: ([name]) => name.replace(" with U+0000", "") });

  test.each(some)(`%s are encoded in small parts, and not without end (${CASES})`, (_, type, batch) => {
    const encoder = encoderOf([field(type)]);
    const { sink, error } = drain(encoder, batch(encoder));
    expect(error).toMatchObject({
      code: "SY106",
      message: expect.stringMatching(
        /^A record batch becomes \d+ bytes or more, and the limit is 1073741824$/,
      ),
    });
    expect(sink.largestPart).toBeLessThan(4 * MIB);
    expect(sink.total).toBeLessThanOrEqual(1024 * MIB);
  });
});

describe("many rows in few bytes", () => {
  test("booleans", () => {
    const rows = 100_000_000;
    const batch = batchOf(rows, [rows], [NONE, new Uint8Array(rows / 8)]);
    expect(drain(encoderOf([field({ kind: "bool" })]), batch).error).toMatchObject({
      code: "SY106",
      message: "A record batch has 100000000 rows, and the limit is 4194304",
    });
  });

  test("columns that take nothing of the body", () => {
    const rows = 4_000_000;
    const nothing: ArrowType = { kind: "null" };
    const error = (columns: readonly ArrowField[], nodes: number) =>
      drain(encoderOf(columns), batchOf(rows, Array<number>(nodes).fill(rows), [])).error;
    expect(error([field(nothing, "a"), field(nothing, "b")], 2)).toMatchObject({
      code: "SY101",
      message: expect.stringContaining("4000000 values in a body of 0 bytes"),
    });
  });

  test("runs of which each takes memory for all rows", () => {
    const rows = 4_000_000;
    const runs = Array.from({ length: 30 }, (_, i) =>
      field({ kind: "runEndEncoded", runEnds: int(32), value: field({ kind: "null" }) }, `c${i}`),
    );
    const batch = batchOf(
      rows,
      runs.flatMap(() => [rows, 1, 1]),
      [...runs.flatMap(() => [NONE, ints(rows)]), new Uint8Array(16 * MIB)],
    );
    expect(drain(encoderOf(runs), batch).error).toMatchObject({
      code: "SY106",
      message: expect.stringMatching(
        /^A record batch needs \d+ bytes of positions, and the limit is 268435456$/,
      ),
    });
  });

  test("list views that share their items are encoded in parts", () => {
    const rows = 2000;
    const list: ArrowType = { kind: "list", layout: "view", item: field(int(32)) };
    const offsets = bytesOf(new Int32Array(rows));
    const sizes = bytesOf(new Int32Array(rows).fill(rows));
    const items = bytesOf(new Int32Array(rows));
    const { sink, error } = drain(
      encoderOf([field(list)]),
      batchOf(rows, [rows, rows], [NONE, offsets, sizes, NONE, items]),
    );
    expect(error).toBeNull();
    expect(sink.total).toBeGreaterThan(8 * rows * rows);
    expect(sink.largestPart).toBeLessThan(4 * MIB);
  });
});

describe("JSON without end", () => {
  /** Lists of two items that are the same list of two items, and so on: 2^depth values in some bytes. */
  function nested(depth: number): { readonly type: ArrowType; readonly batch: ArrowBatch } {
    let type: ArrowType = int(32);
    const nodes = [1];
    const buffers: Uint8Array[] = [];
    for (let level = 0; level < depth; level++) {
      type = { kind: "list", layout: "view", item: field(type) };
      const length = level === 0 ? 1 : 2;
      buffers.push(NONE, ints(...Array<number>(length).fill(0)), ints(...Array<number>(length).fill(2)));
      nodes.push(2);
    }
    return { type, batch: batchOf(1, nodes, [...buffers, NONE, ints(7, 7)]) };
  }

  test("a list view of depth 27 is SY106, with the limit", () => {
    const { type, batch } = nested(27);
    expect(drain(encoderOf([field(type)]), batch).error).toMatchObject({
      code: "SY106",
      message: expect.stringMatching(/^Column x.* of table t, row 0 .*: JSON of more than 524288 values$/),
    });
  });

  test("its row can be kept aside", () => {
    const { type, batch } = nested(27);
    const encoder = encoderOf([field(type)], { valuePolicy: "quarantine" });
    expect(encodeBatch(encoder, batch, new MemorySink())).toBe(0);
    expect(encoder.report.rejected).toMatchObject([
      { column: "x", sqlstate: "SY106", reason: expect.stringContaining("JSON of more than 524288 values") },
    ]);
    expect(encoder.report.rejected[0]!.values!.length).toBeLessThan(1000);
  });

  test("one of depth 10 is what it says", () => {
    const { type, batch } = nested(10);
    const sink = new MemorySink();
    expect(encodeBatch(encoderOf([field(type)]), batch, sink)).toBe(1);
    const json = Buffer.from(parseRows(sink.bytes())[0]![3]!.slice(2), "hex").toString();
    expect(JSON.parse(json).flat(10)).toEqual(Array(1024).fill(7));
  });

  test("elements of an array share what one value may have", () => {
    const item: ArrowType = { kind: "struct", fields: [field(int(32), "a"), field(int(32), "b")] };
    const list: ArrowType = { kind: "list", layout: "view", item: field(item) };
    const count = 300_000;
    const numbers = bytesOf(new Int32Array(count));
    const batch = batchOf(
      1,
      [1, count, count, count],
      [NONE, ints(0), ints(count), NONE, NONE, numbers, NONE, numbers],
    );
    expect(drain(encoderOf([field(list)]), batch).error).toMatchObject({ code: "SY106" });
  });

  test("items that are views of one long text are SY106, with the limit in bytes", () => {
    const text: ArrowType = { kind: "utf8", layout: "view" };
    const inner: ArrowType = { kind: "list", layout: "offsets", item: field(text) };
    const outer: ArrowType = { kind: "list", layout: "offsets", item: field(inner) };
    const count = 1000;
    const view = Int32Array.from({ length: 4 * count }, (_, i) => [MIB, 0x61616161, 0, 0][i % 4]!);
    const batch = batchOf(
      1,
      [1, 1, count],
      [NONE, ints(0, 1), NONE, ints(0, count), NONE, bytesOf(view), Buffer.alloc(MIB, "a")],
      [1],
    );
    expect(drain(encoderOf([field(outer)]), batch).error).toMatchObject({
      code: "SY106",
      message: expect.stringMatching(/JSON of more than 67108864 bytes$/),
    });
  });
});

describe("dictionaries", () => {
  const values = (bytes: number): ArrowBatch => ({ ...batchOf(0, [0], []), body: new Uint8Array(bytes) });
  const type: ArrowType = { kind: "dictionary", id: 1n, index: int(8), value: utf8 };

  test("one over the limit is SY106; one that replaces another is counted alone", () => {
    const encoder = encoderOf([field(type)]);
    for (let i = 0; i < 3; i++) {
      encoder.takeDictionary({ id: 1n, isDelta: false, batch: values(40 * MIB) });
    }
    expect(() => encoder.takeDictionary({ id: 2n, isDelta: false, batch: values(40 * MIB) })).toThrow(
      expect.objectContaining({
        code: "SY106",
        message: "Dictionaries take 83886080 bytes, and the limit is 67108864",
      }),
    );
  });

  test("deltas that grew with the connection end it, for the next one begins without them", () => {
    const encoder = encoderOf([field(type)]);
    const delta = { id: 1n, isDelta: true, batch: values(1) };
    expect(() => {
      for (let i = 0; i < 10_000; i++) encoder.takeDictionary(delta);
    }).toThrow(expect.objectContaining({ code: "SY104", message: expect.stringContaining("67108864") }));
  });

  test("values of many deltas are found", () => {
    const encoder = encoderOf([field({ ...type, index: int(16) } as ArrowType)]);
    const count = 300;
    for (let i = 0; i < count; i++) {
      const text = Buffer.from(i % 7 === 3 ? "" : `v${i}`);
      const length = i % 7 === 3 ? 0 : 1; // Some deltas bring nothing.
      encoder.takeDictionary({
        id: 1n,
        isDelta: i > 0,
        batch: batchOf(length, [length], [NONE, ints(0, text.length), text]),
      });
    }
    const known = Array.from({ length: count }, (_, i) => i).filter((i) => i % 7 !== 3);
    const index = new Uint8Array(Int16Array.from(known, (_, i) => i).buffer);
    const sink = new MemorySink();
    encodeBatch(encoder, batchOf(known.length, [known.length], [NONE, index]), sink);
    const shown = parseRows(sink.bytes()).map((row) => Buffer.from(row[3]!, "hex").toString());
    expect(shown).toEqual(known.map((i) => `v${i}`));
  });
});

describe("long rows", () => {
  /** Many columns that are views of one text. */
  const columns = Array.from({ length: 300 }, (_, i) => field({ kind: "utf8", layout: "view" }, `c${i}`));
  const view = ints(MIB, 0x61616161, 0, 0);
  const small = ints(1, 0x61, 0, 0);
  const rows = (...lengths: readonly Uint8Array[]) =>
    batchOf(
      lengths.length,
      columns.map(() => lengths.length),
      columns.flatMap(() => [NONE, Buffer.concat(lengths), Buffer.alloc(MIB, "a")]).slice(0, 3 * 300),
      columns.map(() => 1),
    );

  test("a row of 256 MiB and more is refused", () => {
    expect(drain(encoderOf(columns), rows(small, view)).error).toMatchObject({
      code: "SY203",
      message: "Table t, row 1 of the batch: a row must be shorter than 256 MiB",
    });
  });

  test("under quarantine it is left out, reported by its lengths, and the others are stored", () => {
    const encoder = encoderOf(columns, { valuePolicy: "quarantine" });
    const sink = new MemorySink();
    expect(encodeBatch(encoder, rows(small, view, small), sink)).toBe(2);
    expect(parseRows(sink.bytes())).toHaveLength(2);
    expect(encoder.report.rejected).toMatchObject([
      {
        row: 1,
        column: null,
        sqlstate: "SY203",
        reason: expect.stringMatching(/^a row must be shorter than 256 MiB/),
      },
    ]);
    expect(JSON.parse(encoder.report.rejected[0]!.values!)["c0"]).toBe("1048576 bytes");
  });
});

test("a column of long values does not make others be measured again", () => {
  const values = Array.from({ length: 600 }, (_, i) => `${i}\0`);
  const { schema, batch } = buildBatch([
    { name: "a", type: utf8, values },
    { name: "b", type: utf8, values: values.map((each) => each.padEnd(20_000, "x")) },
    { name: "c", type: { kind: "struct", fields: [field(utf8, "v")] }, values: values.map((v) => ({ v })) },
  ]);
  const encoder = encoderOf(schema.fields);
  const sink = new MemorySink();
  encodeBatch(encoder, batch, sink);
  const shown = parseRows(sink.bytes()).map((row) => Buffer.from(row[3]!, "hex").toString());
  expect(shown).toEqual(values.map((each) => each.replace("\0", "\ufffd")));
  expect(encoder.report.nuls).toMatchObject(
    ["a", "b", "c"].map((column) => ({ column, count: 600, row: 0 })),
  );
});
