import { describe, expect, test } from "vitest";

import { endOf, MicrobatchBuffer, type MicrobatchEnd } from "../../src/commit/microbatch-buffer.ts";
import type { ValueReport } from "../../src/model/value-report.ts";

type Buffer = MicrobatchBuffer<string, MicrobatchEnd>;

const NOTHING: ValueReport = { rejected: [], nulled: [], nuls: [] };
const END: MicrobatchEnd = { ledger: { rows: 3, idXor: 5n }, report: NOTHING };
const MIB = 1024 * 1024;
/** As long as the first chunk of a microbatch. */
const FIRST_CHUNK = 64 * 1024;

/**
 * A buffer with these microbatches. Each letter is a row, a large one of four bytes. A microbatch that ends with
 * "." may be the last one of a commit, one that ends with "," may not, and one that ends with neither is open. One
 * that begins with "|" begins a commit.
 */
function buffered(microbatches: string, limits = { rows: 3, bytes: 8 }): Buffer {
  const buffer: Buffer = new MicrobatchBuffer(limits);
  for (const each of microbatches.split(" ").filter(Boolean)) {
    buffer.open(each.startsWith("|") ? "remove" : null);
    for (const row of each.replace(/[|.,]/g, "")) {
      buffer.reserve(/[A-Z]/.test(row) ? 4 : 1);
      buffer.addRows(1);
    }
    if (/[.,]$/.test(each)) {
      buffer.finish(END, each.endsWith("."));
    }
  }
  return buffer;
}

/** What the writer does with all that it can take. */
function write(buffer: Buffer): void {
  for (const microbatch of buffer.microbatches) {
    while (microbatch.chunks.length > 0) {
      buffer.written(microbatch, buffer.take(microbatch), null);
    }
  }
}

describe("the next commit takes", () => {
  test.each([
    ["", 0, "nothing where there is nothing"],
    ["a", 0, "nothing that is not finished"],
    ["a.", 1, "what is finished"],
    [".", 1, "a microbatch without rows"],
    ["a. b. c", 2, "all that is finished, and leaves what is not"],
    ["aa. b. c.", 2, "no more once it has its rows"],
    ["A. A. a.", 2, "no more once it has its bytes"],
    ["aaaa. b.", 1, "a microbatch that is larger than the limits, alone"],
    ["a. |b.", 1, "nothing of what begins a commit of its own"],
    ["|a. b.", 2, "what comes after that, too"],
    ["|a, b,", 0, "nothing of a replacement while its end is missing"],
    ["|a, b", 0, "nothing of a replacement while its end is not finished"],
    ["|a, b.", 2, "a replacement that is complete"],
    ["|a, bb, c, d. e.", 4, "a replacement whole, however large"],
    ["a. b, c", 1, "what is before the beginning of something that is not complete"],
  ])("of %j the first %i: %s", (microbatches, count) => {
    const buffer = buffered(microbatches);
    const next = buffer.nextCommit();
    expect(next).toEqual(buffer.microbatches.slice(0, count));
    expect(next).toHaveLength(count);
    expect(buffer.hasCommit).toBe(count > 0);
  });
});

describe("what is held", () => {
  test("is each byte until PostgreSQL has it", () => {
    const buffer = buffered("aA. b");
    expect(buffer.bytes).toBe(6);
    const [first] = buffer.microbatches;
    const chunk = buffer.take(first!);
    expect(chunk).toHaveLength(5);
    expect(buffer.bytes).toBe(6);
    buffer.written(first!, chunk, null);
    expect(buffer.bytes).toBe(1);
  });

  test("is what is told of values, until the commit", () => {
    const buffer = buffered("a");
    const rejected = {
      block: 0n,
      row: 0,
      column: null,
      sqlstate: "22003",
      reason: "",
      values: "x".repeat(MIB),
    };
    buffer.finish({ ...END, report: { ...NOTHING, rejected: [rejected] } }, true);
    write(buffer);
    expect(buffer.bytes).toBeGreaterThan(MIB);
    buffer.committed(1);
    expect(buffer).toMatchObject({ bytes: 0, microbatches: [] });
  });

  test.each([
    ["no longer what is dropped", "a. b", 1],
    ["still what is finished, which is not dropped", "a. b.", 2],
    ["nothing where there is nothing to be dropped", "", 0],
  ])("is %s", (_, microbatches, bytes) => {
    const buffer = buffered(microbatches);
    buffer.drop();
    expect(buffer.bytes).toBe(bytes);
    expect(buffer.nextCommit()).toHaveLength(bytes);
  });

  test("is of a dropped microbatch what the writer took of it, until that is written", () => {
    const buffer = buffered("a");
    buffer.seal();
    const [dropped] = buffer.microbatches;
    const chunk = buffer.take(dropped!);
    buffer.reserve(2);
    buffer.drop();
    expect(dropped).toMatchObject({ isDropped: true, chunks: [] });
    expect(buffer.bytes).toBe(1);
    buffer.written(dropped!, chunk, null);
    expect(buffer).toMatchObject({ bytes: 0, hasUnsealed: false, microbatches: [] });
  });

  test("is nothing once it was cleared", () => {
    const buffer = buffered("a. b");
    buffer.clear();
    expect(buffer).toMatchObject({ bytes: 0, hasUnsealed: false, microbatches: [] });
  });
});

describe("chunks", () => {
  test("hold regions in their order, the first one few of them and later ones many", () => {
    const buffer = buffered("");
    buffer.open(null);
    for (let region = 0; region < 20; region++) {
      const { bytes, at } = buffer.reserve(30_000);
      bytes.fill(region, at, at + 30_000);
    }
    buffer.finish(END, true);
    const [{ chunks } = { chunks: [] }] = buffer.microbatches;
    expect(chunks.map(({ length }) => length)).toEqual([60_000, 540_000]);
    const written = chunks.flatMap((chunk) =>
      Array.from({ length: chunk.length / 30_000 }, (_, i) => chunk[i * 30_000]),
    );
    expect(written).toEqual(Array.from({ length: 20 }, (_, region) => region));
  });

  test("are as long as a row that is longer than they are", () => {
    const buffer = buffered("a");
    const { bytes, at } = buffer.reserve(3 * MIB);
    expect([bytes.length, at]).toEqual([3 * MIB, 0]);
    expect(buffer.microbatches[0]?.chunks.map(({ length }) => length)).toEqual([1]);
  });

  test("are taken as soon as they are sealed, and filled on behind that", () => {
    const buffer = buffered("a");
    expect(buffer).toMatchObject({ hasUnsealed: true, microbatches: [{ chunks: [] }] });
    const { bytes } = buffer.reserve(1);
    buffer.seal();
    expect(buffer).toMatchObject({ hasUnsealed: false, microbatches: [{ chunks: [{ length: 2 }] }] });
    expect(buffer.reserve(1)).toEqual({ bytes: expect.objectContaining({ buffer: bytes.buffer }), at: 0 });
  });
});

describe("the memory of a chunk", () => {
  /** A buffer whose only chunk has 1 MiB or more, and two sealed parts of an open microbatch in it. */
  function twoParts() {
    const buffer = buffered("");
    buffer.open(null);
    const { bytes } = buffer.reserve(MIB);
    buffer.seal();
    buffer.reserve(FIRST_CHUNK + 1);
    const memory = buffer.reserve(1).bytes.buffer as ArrayBuffer;
    buffer.seal();
    buffer.reserve(1);
    buffer.seal();
    const [microbatch] = buffer.microbatches;
    const first = buffer.take(microbatch!);
    expect(first.buffer).toBe(bytes.buffer);
    buffer.written(microbatch!, first, null);
    return { buffer, microbatch: microbatch!, memory };
  }

  test("is given back with its last part, and not before", () => {
    const { buffer, microbatch, memory } = twoParts();
    buffer.written(microbatch, buffer.take(microbatch), null);
    expect(memory.detached).toBe(false);
    buffer.written(microbatch, buffer.take(microbatch), null);
    expect(memory.detached).toBe(true);
    expect(buffer.reserve(1).bytes.buffer).not.toBe(memory);
  });

  test("is kept while rows in it are not sealed", () => {
    const { buffer, microbatch, memory } = twoParts();
    buffer.reserve(1).bytes.fill(7);
    for (let part = 0; part < 2; part++) buffer.written(microbatch, buffer.take(microbatch), null);
    expect(memory.detached).toBe(false);
    buffer.seal();
    const last = buffer.take(microbatch);
    expect([...last]).toEqual([7]);
    buffer.written(microbatch, last, null);
    expect(memory.detached).toBe(true);
  });

  test("is given back with what is dropped, but not under the writer", () => {
    const { buffer, microbatch, memory } = twoParts();
    const taken = buffer.take(microbatch);
    buffer.drop();
    expect(memory.detached).toBe(false);
    buffer.written(microbatch, taken, null);
    expect(memory.detached).toBe(true);
    expect(buffer.bytes).toBe(0);
  });

  test("is left alone once everything is forgotten: a broken connection may still read it", () => {
    const { buffer, microbatch, memory } = twoParts();
    buffer.take(microbatch);
    buffer.clear();
    buffer.open(null);
    buffer.reserve(1);
    buffer.finish(END, true);
    write(buffer);
    expect(memory.detached).toBe(false);
  });
});

test("of rows that PostgreSQL refused neither the count nor the xor stays, and each is told", () => {
  const buffer = buffered("abc.");
  const [microbatch] = buffer.microbatches;
  const chunk = buffer.take(microbatch!);
  const nulled = [{ column: "note", count: 1, block: 1n, row: 0, reason: "too long" }];
  buffer.written(microbatch!, chunk, { report: { ...NOTHING, nulled }, removed: { rows: 1, idXor: 4n } });
  buffer.written(microbatch!, new Uint8Array(0), {
    report: { ...NOTHING, nulled },
    removed: { rows: 1, idXor: 2n },
  });
  expect(endOf(microbatch!)).toEqual({
    ledger: { rows: 1, idXor: 3n },
    report: { rejected: [], nulled: [{ ...nulled[0], count: 2 }], nuls: [] },
  });
});

test("rows have no place where no microbatch is open", () => {
  const buffer = buffered("a.");
  expect(() => buffer.reserve(1)).toThrow("no microbatch is open");
  expect(() => buffer.finish(END, true)).toThrow("no microbatch is open");
});
