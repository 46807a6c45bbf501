import * as arrow from "apache-arrow";
import { describe, expect, test } from "vitest";

import { Occurrences } from "../../../src/encoder/occurrences.ts";
import { planTable } from "../../../src/encoder/plan.ts";
import { RowEncoder } from "../../../src/encoder/row-encoder.ts";
import { buildBatch, type TestColumn } from "../../support/arrow/arrow.ts";
import { encodeBatch, h64Raw } from "../../support/arrow/encode.ts";
import { MemorySink, parseRows } from "../../support/arrow/memory-sink.ts";

type Row = readonly [block: bigint, text: string | null];

/** The rows as COPY gets them, one batch for each list of rows, all in one microbatch. */
function encodeExact(batches: readonly (readonly Row[])[], start = 0n, end = 1000n): (string | null)[][] {
  return encodeBatches(
    batches.map((rows) => [
      { name: "_block_num", type: new arrow.Uint64(), nullable: false, values: rows.map(([block]) => block) },
      { name: "text", type: new arrow.Utf8(), values: rows.map(([, text]) => text) },
    ]),
    start,
    end,
  );
}

function encodeBatches(batches: readonly TestColumn[][], start: bigint, end: bigint): (string | null)[][] {
  const { schema } = buildBatch(batches[0]!);
  const encoder = new RowEncoder(planTable("t", schema), h64Raw);
  const sink = new MemorySink();
  encoder.beginMicrobatch({ start, end });
  for (const columns of batches) {
    encodeBatch(encoder, buildBatch(columns).batch, sink);
  }
  return parseRows(sink.bytes());
}

const ids = (rows: (string | null)[][]) => rows.map((row) => row[0]!);

/** XXH64 as its specification describes it, slow and plain, to check `_id` against. */
function xxh64(bytes: Uint8Array, seed: bigint): bigint {
  const u64 = (value: bigint) => BigInt.asUintN(64, value);
  const rotate = (value: bigint, by: bigint) => u64((value << by) | (value >> (64n - by)));
  const [p1, p2, p3, p4, p5] = [
    0x9e3779b185ebca87n,
    0xc2b2ae3d27d4eb4fn,
    0x165667b19e3779f9n,
    0x85ebca77c2b2ae63n,
    0x27d4eb2f165667c5n,
  ] as const;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const round = (lane: bigint, input: bigint) => u64(rotate(u64(lane + input * p2), 31n) * p1);
  let at = 0;
  let hash = u64(seed + p5);
  if (bytes.length >= 32) {
    const lanes = [u64(seed + p1 + p2), u64(seed + p2), u64(seed), u64(seed - p1)];
    for (; at + 32 <= bytes.length; at += 32) {
      lanes.forEach((lane, i) => {
        lanes[i] = round(lane, view.getBigUint64(at + 8 * i, true));
      });
    }
    hash = u64([1n, 7n, 12n, 18n].reduce((sum, by, i) => sum + rotate(lanes[i]!, by), 0n));
    for (const lane of lanes) {
      hash = u64((hash ^ round(0n, lane)) * p1 + p4);
    }
  }
  hash = u64(hash + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) {
    hash = u64(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4);
  }
  if (at + 4 <= bytes.length) {
    hash = u64(rotate(u64(hash ^ (BigInt(view.getUint32(at, true)) * p1)), 23n) * p2 + p3);
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = u64(rotate(u64(hash ^ (BigInt(bytes[at]!) * p5)), 11n) * p1);
  }
  hash = u64((hash ^ (hash >> 33n)) * p2);
  hash = u64((hash ^ (hash >> 29n)) * p3);
  return hash ^ (hash >> 32n);
}

/** `_id` by its definition. */
function expectedId(block: bigint, counter: bigint, content: Uint8Array): string {
  const hex = (value: bigint, bytes: number) => value.toString(16).padStart(2 * bytes, "0");
  const second = xxh64(content, BigInt.asUintN(64, 0x9e3779b97f4a7c15n + counter));
  return hex(block, 6) + hex(xxh64(content, counter), 8) + hex(second, 8).slice(0, 4);
}

function field(text: string | null): Uint8Array {
  const bytes = new TextEncoder().encode(text ?? "");
  const length = Buffer.alloc(4);
  length.writeInt32BE(text === null ? -1 : bytes.length);
  return Uint8Array.from([...length, ...bytes]);
}

describe("with block numbers", () => {
  test("a row is its block, three times, and its columns", () => {
    const [row] = encodeExact([[[0x0102030405n, "a"]]], 0n, 2n ** 40n);
    const block = "0000000102030405";
    expect(row).toEqual([expectedId(0x0102030405n, 0n, field("a")), block, block, block, "61"]);
  });

  test.each([["hello"], [null], [""], ["x".repeat(100)]])("the _id of %j follows its definition", (text) => {
    expect(ids(encodeExact([[[7n, text]]]))).toEqual([expectedId(7n, 0n, field(text))]);
  });

  test("golden ids do not change between releases", () => {
    const rows: Row[] = [
      [1n, null],
      [7n, ""],
      [7n, "hello"],
      [7n, "hello"],
      [8n, "hello"],
      [1000n, "x".repeat(100)],
    ];
    expect(ids(encodeExact([rows]))).toEqual([
      "0000000000017f78e4bda3addf931739",
      "0000000000073aefa6fd5cf2deb402ac",
      "0000000000075044b4c167a258caf38c",
      "0000000000071bdd6116534539f3055b",
      "0000000000085044b4c167a258caf38c",
      "0000000003e86889960b669432c16dce",
    ]);
  });

  test("identical rows of one block are counted, over batch borders", () => {
    const expected = [0n, 1n, 2n].map((counter) => expectedId(5n, counter, field("same")));
    const same: Row = [5n, "same"];
    const other: Row = [5n, "other"];
    expect(ids(encodeExact([[same, other, same, same]])).filter((_, i) => i !== 1)).toEqual(expected);
    expect(ids(encodeExact([[same], [other, same], [], [same]])).filter((_, i) => i !== 1)).toEqual(expected);
  });

  test("a row longer than all that are hashed at once has the same _id by its definition, and is counted", () => {
    const long = "x".repeat(600_001);
    const rows: Row[] = [
      [5n, "same"],
      [5n, long],
      [5n, "same"],
      [5n, long],
    ];
    expect(ids(encodeExact([rows]))).toEqual(
      rows.map(([block, text], i) => expectedId(block, i < 2 ? 0n : 1n, field(text))),
    );
  });

  test("counting starts over with each block and each microbatch", () => {
    const [first, second] = ids(
      encodeExact([
        [
          [5n, "same"],
          [6n, "same"],
        ],
      ]),
    );
    expect([first, second]).toEqual([5n, 6n].map((block) => expectedId(block, 0n, field("same"))));
    expect(ids(encodeExact([[[6n, "same"]]], 6n, 6n))).toEqual([second]);
  });

  test("the set of ids depends neither on batch borders nor on the order of rows", () => {
    const rows: Row[] = Array.from({ length: 5000 }, (_, i) => [
      BigInt(Math.floor(i / 1250)),
      String(i % 700),
    ]);
    const expected = ids(encodeExact([rows])).sort();
    expect(new Set(expected).size).toBe(rows.length);
    const shuffled = rows.toReversed().sort(([a], [b]) => Number(a - b));
    const batches = [shuffled.slice(0, 1), shuffled.slice(1, 2047), [], shuffled.slice(2047)];
    expect(ids(encodeExact(batches)).sort()).toEqual(expected);
  });

  test.each<[string, readonly Row[], string]>([
    [
      "is above the range",
      [
        [10n, "a"],
        [21n, "a"],
      ],
      "_block_num 21 is outside blocks 10 to 20 of its microbatch",
    ],
    ["is below the range", [[9n, "a"]], "_block_num 9 is outside blocks 10 to 20 of its microbatch"],
    ["is huge", [[2n ** 64n - 1n, "a"]], "_block_num 18446744073709551615 is outside blocks 10 to 20"],
    [
      "goes back",
      [
        [12n, "a"],
        [11n, "a"],
      ],
      "_block_num goes back from 12 to 11",
    ],
  ])("a block that %s breaks the protocol", (_, rows, message) => {
    const expected = expect.objectContaining({ code: "SY101", message: expect.stringContaining(message) });
    expect(() => encodeExact([rows], 10n, 20n)).toThrow(expected);
    expect(() =>
      encodeExact(
        rows.map((row) => [row]),
        10n,
        20n,
      ),
    ).toThrow(expected);
  });

  test("_block_num is never NULL", () => {
    const columns = [
      { name: "_block_num", type: new arrow.Uint64(), values: [1n, null] },
      { name: "text", type: new arrow.Utf8(), values: ["a", "b"] },
    ];
    expect(() => encodeBatches([columns], 0n, 9n)).toThrow(
      expect.objectContaining({
        code: "SY101",
        message: "_block_num is NULL in table t, row 1 of the batch",
      }),
    );
  });

  test("_block_num may stand anywhere in the schema", () => {
    const text = { name: "text", type: new arrow.Utf8(), values: ["a"] };
    const block = { name: "_block_num", type: new arrow.Uint64(), values: [3n] };
    const flag = { name: "flag", type: new arrow.Bool(), values: [true] };
    const orders = [
      [block, text, flag],
      [text, block, flag],
      [text, flag, block],
    ];
    const [first, ...others] = orders.map((columns) => encodeBatches([columns], 0n, 9n));
    expect(others).toEqual([first, first]);
  });
});

describe("without block numbers", () => {
  const encodeRange = (batches: readonly (readonly (string | null)[])[]) =>
    encodeBatches(
      batches.map((values) => [{ name: "text", type: new arrow.Utf8(), values }]),
      0x010000000000n - 5n,
      0x010000000000n,
    );

  test("a row has the range of its microbatch and counts by its index in it", () => {
    const rows = encodeRange([["a", "a"], [], ["b"]]);
    expect(rows.map((row) => row.slice(1))).toEqual(
      ["61", "61", "62"].map((text) => ["000000fffffffffb", "0000010000000000", text]),
    );
    expect(ids(rows)).toEqual(
      ["a", "a", "b"].map((text, i) => expectedId(0x010000000000n, BigInt(i), field(text))),
    );
  });

  test("the _id of a row longer than all that are hashed at once counts on, too", () => {
    const texts = ["a", "x".repeat(600_001), "b"];
    expect(ids(encodeRange([texts]))).toEqual(
      texts.map((text, i) => expectedId(0x010000000000n, BigInt(i), field(text))),
    );
  });
});

test("a microbatch is a range of blocks below 2^48 - 1", () => {
  const { schema } = buildBatch([{ name: "a", type: new arrow.Bool(), values: [] }]);
  const encoder = new RowEncoder(planTable("t", schema), h64Raw);
  encoder.beginMicrobatch({ start: 0n, end: 2n ** 48n - 2n });
  for (const range of [
    { start: 0n, end: 2n ** 48n - 1n },
    { start: 2n, end: 1n },
    { start: -1n, end: 1n },
  ]) {
    expect(() => encoder.beginMicrobatch(range)).toThrow(expect.objectContaining({ code: "SY101" }));
  }
});

test("occurrences of digests that meet in one slot are kept apart, and forgotten at a reset", () => {
  const occurrences = new Occurrences();
  for (let pass = 0; pass < 3; pass++) {
    for (let i = 0; i < 3000; i++) {
      expect(occurrences.count(7, i, -i, 1)).toBe(pass);
    }
  }
  occurrences.reset();
  expect(occurrences.count(7, 1, -1, 1)).toBe(0);
  expect(occurrences.count(7, 1, -1, 1)).toBe(1);
});

test("occurrences counted before their table grows are still known after it", () => {
  const occurrences = new Occurrences();
  for (let i = 0; i < 10_000; i++) {
    expect(occurrences.count(1, 2, 3, 4)).toBe(2 * i);
    expect(occurrences.count(1, 2, 3, 4)).toBe(2 * i + 1);
    expect(occurrences.count(i, i, 5, 6)).toBe(0);
  }
});

test("occurrences of digests that differ in one word only are kept apart", () => {
  const occurrences = new Occurrences();
  const digest = [1, 2, 3, 4] as const;
  expect(occurrences.count(...digest)).toBe(0);
  for (let word = 0; word < 4; word++) {
    const [a, b, c, d] = digest.map((each, at) => (at === word ? each + 1024 : each)); // The same slot.
    expect(occurrences.count(a!, b!, c!, d!)).toBe(0);
  }
});

test("occurrences that a reset forgot do not come back when their table grows", () => {
  const occurrences = new Occurrences();
  for (let i = 0; i < 100; i++) {
    occurrences.count(i, 0, 0, 0);
  }
  occurrences.reset();
  for (let i = 100; i < 1000; i++) {
    occurrences.count(i, 0, 0, 0);
  }
  for (let i = 0; i < 100; i++) {
    expect(occurrences.count(i, 0, 0, 0)).toBe(0);
  }
});

test("occurrences take the memory of one block's rows, however many blocks there were", () => {
  const before = process.memoryUsage().arrayBuffers;
  const occurrences = new Occurrences();
  for (let i = 0; i < 1_000_000; i++) {
    if (i % 100 === 0) occurrences.reset();
    occurrences.count(i, 0, 0, 0);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
});
